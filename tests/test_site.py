"""The documentation site: what its build checks, and pages that must agree with the package."""

import re
from pathlib import Path

import pytest
import yaml

import bootstruct
from tests.support.paths import ROOT
from tests.support.tools import tool

SITE = tool("site")
PAGE = "<html><body><h1 id='top'>Top</h1>{}</body></html>"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("<a href='other.html'>x</a>", "index.html: links to other.html, which is not there"),
        ("<a href='b/'>x</a>", "index.html: links to b/, which is not there"),
        ("<a href='/x/y'>x</a>", "index.html: links to /x/y, which is not there"),
        ("<a href='#gone'>x</a>", "index.html: links to #gone, which has no such anchor"),
        ("<a href='a.html#gone'>x</a>", "index.html: links to a.html#gone, which has no such anchor"),
        ("<img src='img/gone.png'>", "index.html: loads img/gone.png, which is not there"),
        ("<img src='https://example.org/x.png'>", "index.html: loads https://example.org/x.png"),
        ("<script src='//example.org/x.js'></script>", "index.html: loads //example.org/x.js"),
        ("<link rel='stylesheet' href='https://example.org/x.css'>", "index.html: loads https://example.org/x.css"),
    ],
)
def test_a_fault_of_a_built_page_is_found(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "index.html").write_text(PAGE.format(content))
    (tmp_path / "a.html").write_text(PAGE.format(""))
    assert SITE.problems_of_site(tmp_path) == [problem]


def test_good_pages_have_no_faults(tmp_path: Path) -> None:
    links = (
        "<a href='a.html#top'>x</a><a href='#top'>y</a><a href='https://example.org/'>z</a><a href='mailto:a@b.c'>m</a>"
    )
    (tmp_path / "index.html").write_text(PAGE.format(links))
    (tmp_path / "a.html").write_text(PAGE.format("<link rel='canonical' href='https://example.org/a'>"))
    assert SITE.problems_of_site(tmp_path) == []


def test_a_style_sheet_that_loads_from_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "site.css").write_text("@font-face { src: url(https://example.org/font.woff2); }")
    assert SITE.problems_of_site(tmp_path) == ["site.css: loads something from elsewhere"]


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page() -> None:
    assert SITE.problems_of_navigation(ROOT / "mkdocs.yml", ROOT / "docs") == []


def test_a_page_outside_the_navigation_is_found(tmp_path: Path) -> None:
    config, docs = tmp_path / "mkdocs.yml", tmp_path / "docs"
    docs.mkdir()
    (docs / "orphan.md").write_text("# Orphan")
    config.write_text("site_name: x\nnav:\n  - gone.md\n")
    assert SITE.problems_of_navigation(config, docs) == [
        "mkdocs.yml: the navigation does not name orphan.md",
        "mkdocs.yml: the navigation names gone.md, which is not there",
    ]


def test_the_page_about_commands_is_made_from_the_help_texts() -> None:
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert written == tool("commands").page(), "docs/commands.md is out of date: run `make docs`"


def test_the_api_page_names_every_public_name_once() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    named = re.findall(r"^::: bootstruct\.(\w+)$", page, re.MULTILINE)
    assert sorted(named) == sorted(set(bootstruct.__all__) - {"__version__"})
    named = re.findall(r"^::: bootstruct\.evaluate\.(\w+)$", page, re.MULTILINE)
    assert sorted(named) == sorted(bootstruct.evaluate.__all__)


@pytest.mark.parametrize(
    "path", [".github/workflows/ci.yml", ".github/ISSUE_TEMPLATE/bug.yml", ".pre-commit-config.yaml", "CITATION.cff"]
)
def test_the_files_for_contributors_are_yaml(path: str) -> None:
    assert isinstance(yaml.safe_load((ROOT / path).read_text(encoding="utf-8")), dict)


def test_the_make_targets_of_ci_and_contributing_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for path in ("CONTRIBUTING.md", ".github/workflows/ci.yml", ".github/pull_request_template.md", ".ci/run"):
        used = set(re.findall(r"(?:^|run: |`)make ([a-z-]+)", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE))
        assert used, path
        assert used <= targets, path


def test_the_citation_has_the_version_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == bootstruct.__version__
