"""The site: every link leads somewhere, it is searched without a network, and every setting stands in it once."""

import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from rnnlm.app.request import SECTIONS
from rnnlm.cli.options import fields_of, flag_name

pytest_plugins = ("browsing",)
ROOT = Path(__file__).resolve().parents[2]
PAGES = ("index", "lecture", "speech", "reference-settings", "reference-python")


class Seen(HTMLParser):
    """The ids of a page, and what it refers to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.ids.add(value)
            if name in ("href", "src") and value:
                self.links.add(value)


@pytest.fixture(scope="module")
def site(run: Any, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site with the report of a small model."""
    folder = tmp_path_factory.mktemp("site")
    run("report", trained, "--out", folder / "report.html", "--quiet").ok()
    build = [sys.executable, str(ROOT / "site" / "build.py"), str(folder / "site"), str(folder / "report.html")]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "site"


def test_every_link_inside_leads_somewhere(site: Path) -> None:
    pages = {path: Seen(path) for path in site.rglob("*.html")}
    assert len(pages) > 30
    for path, page in pages.items():
        for link in page.links:
            target, fragment = urldefrag(link)
            target = target.partition("?")[0]
            if urlparse(target).scheme in ("http", "https", "mailto", "data"):
                continue
            found = (path.parent / unquote(target)).resolve() if target else path
            assert found.exists(), f"{path.name}: {link}"
            if fragment and found.suffix == ".html" and not found.name.startswith("genindex"):
                assert unquote(fragment) in pages[found].ids, f"{path.name}: {link}"


def test_pages_ask_for_nothing_outside(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*\"", text), path.name


def test_every_setting_stands_in_the_reference_once(site: Path) -> None:
    cells = re.findall(r"<td>.*?</td>", (site / "reference-settings.html").read_text("utf-8"), re.S)
    told = Counter(
        match[1] for cell in cells if (match := re.match(r"<td><p><code[^>]*><span[^>]*>(.*?)</span>", cell))
    )
    wanted = Counter(
        field.name if field.metadata["rare"] else flag_name(field.name)
        for section in SECTIONS for _, field, _ in fields_of((section,))
    )  # fmt: skip
    assert told == wanted


def test_it_is_searched_from_files_alone(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{(site / 'search.html').as_uri()}?q=clipping")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    assert page.locator("#search-results li a").count() >= 2
    assert all(url.startswith(site.as_uri()) for url in asked)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible(site: Path, browser: Browser, name: str) -> None:
    page = browser.new_page()
    page.goto((site / f"{name}.html").as_uri())
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_narrow_screen_needs_no_sideways_scrolling(site: Path, browser: Browser, name: str) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 800})
    page.goto((site / f"{name}.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
