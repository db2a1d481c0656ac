"""axe-core, the checker of accessibility, on a page that is open in the tests' browser."""

from importlib import resources
from typing import Any

import pytest

FAILING = ("serious", "critical")
RUN = """async () => (await axe.run(document, {resultTypes: ['violations'], preload: false})).violations.map(
  (found) => ({id: found.id, impact: found.impact, help: found.help, where: found.nodes.map((node) => node.target.join(' ')).slice(0, 8)}))"""


def require_axe() -> str:
    """Return axe-core's script, or skip the test where its package is absent."""
    pytest.importorskip(
        "axe_playwright_python", reason="the accessibility tests need axe-core: pip install axe-playwright-python"
    )
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def findings(page: Any, script: str) -> list[dict[str, Any]]:
    """Return what axe-core finds of impact serious or critical on the page as it stands."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(f"{script}\n;undefined")
    assert page.evaluate("axe.version")
    return [found for found in page.evaluate(RUN) if found["impact"] in FAILING]
