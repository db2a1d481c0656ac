"""Build the documentation site in strict mode into out/site, and check the result. `make docs` runs this script.

Zensical reports broken links between pages and unknown names. This script reports the rest: faults in docstrings, pages that
are missing from the navigation, missing images and other files, and anything that a page would load from another place.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parent.parent
SITE = ROOT / "out" / "site"
REMARK = re.compile(r"^(griffe|mkdocstrings|Warning)\b.*", re.MULTILINE)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
LOADING = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src", "video": "src"}
ELSEWHERE = re.compile(r"""(?:@import\s+|url\()["']?(?:https?:)?//""")


class Page(HTMLParser):
    """The links, the loaded files and the anchors of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the links, the files and the anchor of a tag."""
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in LOADING and LOADING[tag] in values and values.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(values[LOADING[tag]])
        if "mermaid" in values.get("class", "").split():
            self.loads.append("https: the script that draws Mermaid diagrams; use an SVG file")


def main() -> int:
    """Build the site, check it, and return the exit code."""
    command = [
        sys.executable,
        "-m",
        "zensical",
        "build",
        "--clean",
        "--strict",
        "--config-file",
        str(ROOT / "mkdocs.yml"),
    ]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    output = COLOURS.sub("", built.stdout + built.stderr)
    problems = [match[0] for match in REMARK.finditer(output)]
    if built.returncode:
        print(output.partition("Traceback")[0] if problems else output, file=sys.stderr)
        return 1
    problems += problems_of_navigation(ROOT / "mkdocs.yml", ROOT / "docs") or problems_of_site(SITE)
    for problem in problems:
        print(f"site: {problem}", file=sys.stderr)
    if problems:
        return 1
    pages = len(list(SITE.rglob("*.html")))
    print(f"out/site: {pages} pages; `python -m http.server -d out/site` shows them.")
    return 0


def problems_of_navigation(config: Path, docs: Path) -> list[str]:
    """Return the pages that the navigation leaves out, and the pages that it names although they do not exist."""
    navigation = config.read_text(encoding="utf-8").partition("\nnav:")[2]
    named = set(re.findall(r"[\w./-]+\.md\b", navigation))
    there = {str(path.relative_to(docs)) for path in docs.rglob("*.md")}
    missing = [f"{config.name}: the navigation does not name {page}" for page in sorted(there - named)]
    return missing + [
        f"{config.name}: the navigation names {page}, which is not there" for page in sorted(named - there)
    ]


def problems_of_site(site: Path) -> list[str]:
    """Return the links and files of the built pages that lead nowhere, and the files that would come from another place."""
    site = site.resolve()
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    problems = [
        f"{path.relative_to(site)}: {problem}"
        for path, page in pages.items()
        if path.name != "404.html"
        for problem in (*_wrong_loads(path, page), *_wrong_links(path, page, pages))
    ]
    sheets = [path for path in sorted(site.rglob("*.css")) if ELSEWHERE.search(path.read_text(encoding="utf-8"))]
    return problems + [f"{path.relative_to(site)}: loads something from elsewhere" for path in sheets]


def _wrong_loads(path: Path, page: Page) -> Iterator[str]:
    for address in page.loads:
        if urlsplit(address).scheme in ("http", "https") or address.startswith("//"):
            yield f"loads {address}"
        elif not urlsplit(address).scheme and not _target(path, address).exists():
            yield f"loads {address}, which is not there"


def _wrong_links(path: Path, page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    for address in page.links:
        if urlsplit(address).scheme or address.startswith("//"):
            continue
        target, anchor = _target(path, address), unquote(urlsplit(address).fragment)
        if not target.exists():
            yield f"links to {address}, which is not there"
        elif anchor and target in pages and anchor not in pages[target].anchors:
            yield f"links to {address}, which has no such anchor"


def _target(page: Path, address: str) -> Path:
    """Return the file to which an address on a page leads."""
    path = unquote(urlsplit(address).path)
    if not path:
        return page
    target = (page.parent / path).resolve()
    return target / "index.html" if target.is_dir() else target


if __name__ == "__main__":
    sys.exit(main())
