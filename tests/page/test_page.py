"""The page of `rnnlm report` in a browser: silent, usable by keyboard, whole without script, readable in the dark."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

pytest_plugins = ("browsing",)
Open = Callable[..., Page]
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, run: Any, trained: Path) -> dict[str, Path]:
    """A page of a language model, and one of labels."""
    folder = tmp_path_factory.mktemp("pages")
    rows = "".join(f"{'good' if k % 3 else 'bad'} film {k}\t{'yes' if k % 3 else 'no'}\n" for k in range(90))
    (folder / "texts.tsv").write_text("text\tlabel\n" + rows)
    run(
        "train", folder / "texts.tsv", "--task", "classify", "--out", folder / "texts", "--hidden", "8", "--steps", "6"
    ).ok()
    run("report", folder / "texts", "--out", folder / "labels.html").ok()
    run("report", trained, "--out", folder / "language.html").ok()
    return {name: folder / f"{name}.html" for name in ("language", "labels")}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["language", "labels"])
def test_no_serious_violation_of_accessibility(open_page: Open, pages: dict[str, Path], name: str, scheme: str) -> None:
    found = Axe().run(open_page(pages[name], scheme=scheme)).response["violations"]
    serious = [(each["id"], each["nodes"][0]["html"][:200]) for each in found if each["impact"] in SERIOUS]
    assert not serious


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("name", ["language", "labels"])
def test_nothing_is_wider_than_the_window(open_page: Open, pages: dict[str, Path], name: str, width: int) -> None:
    page = open_page(pages[name], width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_tokens_are_reached_and_told_of_by_keyboard(open_page: Open, pages: dict[str, Path]) -> None:
    page = open_page(pages["language"])
    details, here = page.locator(".details"), page.locator(".t:focus")
    for _ in range(60):
        page.keyboard.press("Tab")
        if here.count():
            break
    assert here.count() == 1
    first = here.inner_text()
    assert first in details.inner_text()
    page.keyboard.press("ArrowRight")
    second = page.locator(".passage .t").nth(1)
    assert second.evaluate("each => each === document.activeElement")
    assert f"{second.get_attribute('data-bits')} bits" in details.inner_text()
    assert details.inner_text().count("%") == 5
    page.keyboard.press("End")
    assert page.locator(".passage .t").last.evaluate("each => each === document.activeElement")
    page.locator(".passage .t").nth(3).hover()
    assert page.locator(".passage .t").nth(3).get_attribute("data-rank") in details.inner_text()


def test_a_unit_colors_the_passage_and_names_are_found_on_the_map(open_page: Open, pages: dict[str, Path]) -> None:
    page = open_page(pages["language"])
    token = page.locator(".passage .t").nth(2)
    before = token.evaluate("each => getComputedStyle(each).backgroundColor")
    page.locator("select.unit").select_option(index=1)
    assert token.evaluate("each => getComputedStyle(each).backgroundColor") != before
    page.locator("select.unit").select_option(index=0)
    assert token.evaluate("each => getComputedStyle(each).backgroundColor") == before
    word = page.locator(".search").locator("xpath=ancestor::figure").locator("svg text").nth(20).text_content() or ""
    page.locator(".search").fill(word.strip())
    assert int(page.locator(".found").inner_text().split()[0]) >= 1


def test_it_is_whole_without_script(open_page: Open, pages: dict[str, Path]) -> None:
    page = open_page(pages["language"], script=False)
    assert page.locator("section").count() == 6
    assert page.locator("section h2").last.is_visible()
    assert page.locator(".passage .t").count() > 20
    assert page.locator("svg").first.is_visible()
    assert not page.locator("select.unit").is_visible()
    assert not page.locator(".search").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colors_of_pictures_survive_the_policy(open_page: Open, pages: dict[str, Path], scheme: str) -> None:
    """matplotlib's colors stand in `style` attributes, which a stricter policy would drop."""
    page = open_page(pages["language"], scheme=scheme)
    strokes = page.locator("#training svg path").evaluate_all("all => all.map(each => getComputedStyle(each).stroke)")
    assert "rgb(31, 119, 180)" in strokes
    paper = page.locator("#training .paper").first
    assert paper.evaluate("each => getComputedStyle(each).backgroundColor") == "rgb(255, 255, 255)"
    ink, back = (page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor"))
    assert (ink, back) == (
        ("rgb(27, 27, 31)", "rgb(255, 255, 255)") if scheme == "light" else ("rgb(232, 232, 238)", "rgb(23, 23, 27)")
    )
