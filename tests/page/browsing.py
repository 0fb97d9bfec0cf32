"""A browser for the tests of pages: Debian's chromium, without any network."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path is not None, "install chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """`open_page(path, width=…, scheme=…, script=…)`: the page, which must ask for nothing and complain of nothing."""
    contexts, wrong = [], list[str]()

    def opened(path: Path, *, width: int = 1200, scheme: Any = "light", script: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
        )
        contexts.append(context)
        page = context.new_page()
        own = path.resolve().as_uri()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(own) else wrong.append(request.url))
        page.goto(own)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong
