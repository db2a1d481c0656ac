"""The scripts of tools/ as modules."""

import importlib.util
import sys
from types import ModuleType

from tests.support.paths import ROOT


def tool(name: str) -> ModuleType:
    """Return a script of tools/ as a module."""
    if str(ROOT / "tools") not in sys.path:
        sys.path.append(str(ROOT / "tools"))  # scripts import one another, as they do when they run
    spec = importlib.util.spec_from_file_location(f"bootstruct_tool_{name}", ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
