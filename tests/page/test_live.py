"""A model in a page says what the same model says in Python: every cell, kind of token and case of cleaning."""

import math
import random
import re
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from test_model_format import BASE, FORMS, WORDS, sealed
from tokenizers import normalizers

from rnnlm.corpus.normalizer import normalize
from rnnlm.corpus.text import TextRules, encode_text
from rnnlm.corpus.tokenizer import FIRST_OUTPUT, START_ID, UNKNOWN_ID, byte_characters
from rnnlm.model.likelihood import log_probabilities, text_nats
from rnnlm.model.loading import load_network
from rnnlm.model.sealed import Sealed, read_sealed
from rnnlm.report.export import script_of
from rnnlm.report.live import live_part
from rnnlm.use.generation.prompt import line_ids
from rnnlm.use.generation.streams import read

pytest_plugins = ("browsing",)
Open = Callable[..., Page]
MOST = 1e-4  # nats
UNICODE = [
    "The Cat’s “mat” — it's 12 mice, naïve!", "ΣΑΣ ΟΔΟΣ İstanbul ẞ", "ﬁne e\u0301 文字 🚀 a\u00adb x\u200by",
    "▁ <unk> </s> a <s> b", "<s> a b </s>", " \t\u00a0 x\u2003y\x85z\ufeff", "का\u200dक ن\u200cها 👩\u200d💻 a\u200db",
    "½ Ⅳ ① ﷺ 한국어 ㄱ", "O'Neil o’clock ''' a'b 5'3", "<UNK> <unk>, (<unk>) <b> x<y>z <", "\U000110bd \u0601 \u06dd",
    "a\u2028b\u2029c", "--- ... $5.00 #tag a_b", "٣ ३ 𝟘 Ⅷ",
]  # fmt: skip
CLEANING: list[dict[str, Any]] = [
    {}, {"punctuation": "keep", "case": "keep"}, {"digits": "zero", "strip_accents": True, "fold_quotes": True},
    {"normalization": "nfc"}, {"normalization": "none", "punctuation": "keep"}, {"prepared": True},
]  # fmt: skip


@pytest.fixture
def blank(browser: Browser) -> Page:
    """A page without anything."""
    return browser.new_page()


def load(page: Page, model: Sealed, bits: int = 8) -> None:
    """The model as `rnnlm.model` of the page."""
    page.add_script_tag(content=script_of(live_part(model, bits)))


def words(count: int) -> str:
    """Lines of words of the vocabulary and of others, with capitals and punctuation."""
    draws = random.Random(3)
    lines = [" ".join(draws.choices([*WORDS, "Zebra", "milk!", "Anna's"], k=9)) for _ in range(count // 10)]
    return "".join(f"{line}.\n" for line in lines)


def same(page: Page, model: Sealed, text: str, directory: Path, *, int8: bool = True) -> int:
    """The page's ids and costs of a text are those of Python; how many tokens there are."""
    told = page.evaluate("text => rnnlm.model.score(text)", text)
    encoded = encode_text([text.encode()], model.rules, directory)
    nats = np.zeros(len(encoded.ids.ids))
    for piece in text_nats(load_network(model, int8=int8), encoded.ids, model.context, 4):
        nats[piece.start : piece.start + len(piece.nats)] = piece.nats
    assert [each["id"] for each in told] == list(encoded.ids.ids)
    assert float(np.abs(np.array([each["nats"] for each in told]) - nats).max()) < MOST
    return len(nats)


@pytest.mark.parametrize("form", FORMS)
def test_every_cell_costs_the_same(blank: Page, tmp_path: Path, form: str) -> None:
    model = read_sealed(sealed(tmp_path / "model", FORMS[form]))
    if form == "indrnn":  # with random weights its state grows without bound
        model = replace(model, config={**model.config, "context": "sentence"})
    load(blank, model)
    assert same(blank, model, words(1_000), tmp_path) >= 1_000


def test_sixteen_bits_are_as_good_as_float32(blank: Page, tmp_path: Path) -> None:
    model = read_sealed(sealed(tmp_path / "model", FORMS["lstm, clusters"]))
    load(blank, model, 16)
    assert same(blank, model, words(300), tmp_path, int8=False) >= 300


@pytest.mark.parametrize("kind", ["word", "whitespace", "char", "byte"])
def test_every_kind_of_token_costs_the_same(blank: Page, tmp_path: Path, kind: str) -> None:
    text = "".join(f"{line}\n" for line in UNICODE * 3).replace("\u2028", "").replace("\u2029", "")
    tokens: list[str] = {"char": sorted(set("abcdefghijklmnop 文한é̀.'")), "byte": byte_characters()}.get(kind, WORDS)
    model = read_sealed(sealed(tmp_path / "model", replace(BASE, vocabulary=4 + len(tokens)), kind, tokens))
    load(blank, model)
    assert same(blank, model, (text + words(400)) * 2, tmp_path) >= 1_000


@pytest.mark.parametrize("cleaning", CLEANING, ids=lambda settings: " ".join(map(str, settings.values())) or "default")
@pytest.mark.parametrize("kind", ["word", "char"])
def test_text_is_cleaned_and_cut_as_in_python(blank: Page, tmp_path: Path, kind: str, cleaning: dict[str, Any]) -> None:
    tokens = WORDS if kind == "word" else sorted(set("".join(UNICODE)))
    model = read_sealed(sealed(tmp_path / "model", replace(BASE, vocabulary=4 + len(tokens)), kind, tokens, **cleaning))
    load(blank, model)
    for line in UNICODE:
        assert blank.evaluate("line => rnnlm.model.text.clean(line)", line) == cleaned(model.rules, line), line
        ids = [each["id"] for each in blank.evaluate("line => rnnlm.model.text.read(line)", line)]
        assert ids == line_ids(model.rules, line), line


def cleaned(rules: TextRules, line: str) -> str:
    return normalize(rules.rule.normalizer(), line)


def test_every_character_is_cleaned_as_in_python(blank: Page, tmp_path: Path) -> None:
    model = read_sealed(sealed(tmp_path / "model", BASE))
    load(blank, model)
    known = [chr(k) for k in range(sys.maxunicode + 1) if unicodedata.category(chr(k)) not in ("Cn", "Cs", "Co")]
    lines = [f"a{character}b {character}" for character in known]
    told = blank.evaluate("lines => lines.map(line => rnnlm.model.text.clean(line))", lines)
    other = [each for each, line, found in zip(known, lines, told, strict=True) if found != cleaned(model.rules, line)]
    assert len(known) > 140_000
    # Of these the `tokenizers` package, whose tables of Unicode are older, does not know the compatibility form.
    newer = [each for each in known if normalize(normalizers.NFKC(), each) != unicodedata.normalize("NFKC", each)]
    assert set(other) <= set(newer) and len(newer) < 100


def test_lines_begin_anew_where_the_model_was_trained_on_lines(blank: Page, tmp_path: Path) -> None:
    model = read_sealed(sealed(tmp_path / "model", BASE))
    apart = replace(model, config={**model.config, "context": "sentence"})
    load(blank, apart)
    assert same(blank, apart, words(100), tmp_path) >= 100
    costs = blank.evaluate("rnnlm.model.score('the cat\\n\\nthe cat').map(each => each.nats)")
    assert costs[:3] == costs[3:]


def test_draws_follow_the_distribution(blank: Page, tmp_path: Path) -> None:
    model = read_sealed(sealed(tmp_path / "model", BASE))
    load(blank, model)
    p = np.exp(log_p_after(model, "the old cat"))
    script = """([shape, count]) => {
      const {logP} = rnnlm.model.readText("the old cat"), chance = rnnlm.random(7);
      const counts = new Array(logP.length).fill(0);
      for (let k = 0; k < count; k++) counts[rnnlm.model.draw(logP, shape, chance()) - 2]++;
      return counts;
    }"""
    for shape, q in (({}, p), ({"temperature": 0.7}, p ** (1 / 0.7)), ({"topP": 0.6}, nucleus(p / p.sum(), 0.6))):
        counts = np.array(blank.evaluate(script, [shape, 10_000]))
        expected = 10_000 * q / q.sum()
        assert counts.sum() == 10_000 and (counts[expected == 0] == 0).all()
        seen = expected > 0
        statistic = float(((counts[seen] - expected[seen]) ** 2 / expected[seen]).sum())
        freedom = int(seen.sum()) - 1
        assert statistic < freedom + 3.3 * math.sqrt(2 * freedom), shape  # 0.999 of a chi-squared distribution, about
    likeliest = blank.evaluate("rnnlm.model.draw(rnnlm.model.readText('the').logP, {temperature: 0}, 0.5)")
    assert likeliest == FIRST_OUTPUT + np.argmax(log_p_after(model, "the"))


def nucleus(p: np.ndarray[Any, Any], mass: float) -> np.ndarray[Any, Any]:
    order = np.argsort(-p, kind="stable")
    kept = np.cumsum(p[order]) - p[order] < mass
    return np.where(np.isin(np.arange(len(p)), order[kept]), p, 0)


@torch.no_grad()
def log_p_after(model: Sealed, prompt: str) -> np.ndarray[Any, Any]:
    """log p of every output after a prompt, but <unk>, which is never drawn."""
    network = load_network(model, int8=True)
    log_p = log_probabilities(network, read(network, [START_ID, *line_ids(model.rules, prompt)])[0])[0].numpy()
    log_p[UNKNOWN_ID - FIRST_OUTPUT] = -np.inf
    return np.asarray(log_p)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory, run: Any, trained: Path) -> Path:
    """A page with its model."""
    path = tmp_path_factory.mktemp("live") / "live.html"
    run("report", trained, "--live", "--out", path).ok()
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_live_page_has_no_serious_violation(open_page: Open, page_file: Path, scheme: str) -> None:
    page = open_page(page_file, scheme=scheme)
    page.fill("#typed-text", "the cat sees\nxyzzy")
    page.get_by_text("unknown to the model").wait_for()
    found = [each for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")]
    assert not [(each["id"], each["nodes"][0]["html"][:200]) for each in found]


@pytest.mark.parametrize("width", [400, 1600])
def test_a_live_page_fits(open_page: Open, page_file: Path, width: int) -> None:
    page = open_page(page_file, width=width)
    page.fill("#typed-text", "the cat sees the milk and the bread " * 10)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_typing_clicking_and_continuing(open_page: Open, page_file: Path) -> None:
    page = open_page(page_file)
    total, text = page.locator("#try .total"), page.locator("#typed-text")
    text.fill("")
    total.get_by_text("nothing typed yet").wait_for()
    first = page.locator("#try .next button:enabled").first
    name = first.inner_text()
    first.click()
    total.get_by_text("1 token,").wait_for()
    assert text.input_value().strip() == name.replace("⏎", "")
    text.fill("the xyzzy")
    page.get_by_text("1 unknown to the model").wait_for()
    assert page.locator("#try .typed .unknown").inner_text() == "xyzzy"
    texts = []
    for seed in ("5", "5", "6"):
        text.fill("the")
        page.fill("#try .seed", seed)
        page.fill("#try .tokens", "12")
        page.click("#try .go")
        page.get_by_text("Continue", exact=True).wait_for()
        texts.append(text.input_value())
    assert texts[0] == texts[1] != texts[2] and texts[0].startswith("the")
    assert re.match(r"1[0-9] tokens, [0-9.]+ bits per token, perplexity", total.inner_text())
    page.select_option("#try .unit", "unit 3")
    colors = page.locator("#try .typed .t").evaluate_all("all => all.map(each => each.style.backgroundColor)")
    assert len(set(colors)) > 1
    page.locator("#try .typed .t").first.focus()
    page.keyboard.press("ArrowRight")
    assert "unit 3" in page.locator("#try .details").inner_text()


def test_hostile_tokens_are_text(open_page: Open, page_file: Path) -> None:
    page = open_page(page_file)
    page.fill("#typed-text", "<img src=x onerror=alert(1)> </script><script>alert(1)</script>")
    page.get_by_text("unknown to the model").wait_for()
    assert page.locator("#try img").count() == 0 and page.locator("#try .typed script").count() == 0


def test_without_script_the_rest_is_there(open_page: Open, page_file: Path) -> None:
    page = open_page(page_file, script=False)
    assert "needs JavaScript" in page.locator("#live").inner_text()
    assert not page.locator("#typed-text").is_visible() and page.locator("#metric table").is_visible()


def test_another_page_uses_the_script(open_page: Open, tmp_path: Path, run: Any, trained: Path) -> None:
    run("export", trained, "--to", "html", "--out", tmp_path / "html").ok()
    page = open_page(tmp_path / "html" / "index.html")
    page.get_by_text("nothing typed yet").wait_for()
    document = (Path(__file__).resolve().parents[2] / "docs" / "report.md").read_text("utf-8")
    example = re.search(r"```html\n(.*?)```", document, re.DOTALL)
    assert example is not None and len(example[1].splitlines()) <= 12
    (tmp_path / "html" / "mine.html").write_text(example[1], "utf-8")
    page = page.context.browser.new_page()  # type: ignore[union-attr]
    page.goto((tmp_path / "html" / "mine.html").as_uri())
    page.fill("input", "the cat")
    assert re.search(r"\w+ 0\.\d\d, \w+", page.locator("output").inner_text())
