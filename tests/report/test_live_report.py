"""`report --live` and `export --to html`: what is in them, how large they are, and what they refuse.

That the model in them is right: tests/page, by `make test-page`.
"""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs
from test_model_format import BASE, WORDS, sealed
from test_report import QUICK, SECTIONS, Page, check_alone

from rnnlm.arrays import read_tensors
from rnnlm.model.sealed import read_sealed
from rnnlm.report.live import bits_for, live_part, live_section
from rnnlm.report.page import render, source

needs("plots")


def stored(text: str) -> np.ndarray[Any, Any]:
    """What the page's digits are as bytes."""
    digits = re.search(r'DIGITS = "(.*?)"', source("model"))
    assert digits is not None
    words = np.array([digits[1].index(each) for each in text]).reshape(-1, 5) @ 85 ** np.arange(4, -1, -1)
    return words.astype(">u4").view(np.uint8)


def test_a_live_page_holds_the_model_and_little_more(run: Any, trained: Path, tmp_path: Path) -> None:
    for name, flags in (("plain", ()), ("live", ("--live",))):
        run("report", trained, *flags, "--out", tmp_path / f"{name}.html").ok()
    plain, live = ((tmp_path / f"{name}.html").read_text("utf-8") for name in ("plain", "live"))
    page = Page(live.replace('<script type="application/json"', "<data").replace("</script>\n</section>", "</data>"))
    check_alone(page)
    assert [each for each in page.values("href") if each[1:] in (*SECTIONS, "live")][1] == "#live"
    data = re.search(r'<script type="application/json" id="model">(.*?)</script>', live, re.DOTALL)
    assert data is not None
    model = json.loads(data[1])
    vocabulary = len(json.dumps(model["text"]))
    weights = sum(array.size for array in read_tensors(trained / "models/lstm/weights.safetensors", remedy="").values())
    engine = len(source("numbers", "text", "model", "live"))
    assert len(live) - len(plain) < 1.3 * weights + vocabulary + engine + 8_000


def test_a_page_without_corpus_begins_with_no_text(run: Any, trained: Path, tmp_path: Path) -> None:
    run("report", trained, "--live", "--without-corpus", "--out", tmp_path / "live.html").ok()
    assert re.search(r"<textarea[^>]*></textarea>", (tmp_path / "live.html").read_text("utf-8"))


@pytest.mark.parametrize("bits", [8, 16])
def test_weights_are_within_half_a_step(tmp_path: Path, bits: int) -> None:
    model = read_sealed(sealed(tmp_path / "model", replace(BASE, cuts=(10, 20), widths=(6, 3))))
    told = live_part(model, bits).model["weights"]
    weights = read_tensors(model.path / "weights.safetensors", remedy="")
    assert set(told) == set(weights)
    for name, array in weights.items():
        if array.ndim != 2:
            values = stored(told[name]["values"]).view("<f4")
            np.testing.assert_array_equal(values, array.reshape(-1))
            continue
        scale = stored(told[name]["scale"]).view("<f4")[:, None]
        numbers = stored(told[name]["numbers"])[: array.size * bits // 8].view(f"<i{bits // 8}").reshape(array.shape)
        assert (np.abs(numbers * scale - array) <= scale * 0.5001).all()
        np.testing.assert_allclose(scale[:, 0], np.abs(array).max(1) / (2 ** (bits - 1) - 1), rtol=1e-6)


def test_sixteen_bits_where_eight_cost_too_much() -> None:
    assert [bits_for(loss) for loss in (None, -0.01, 0.004, 0.006, 3.0)] == [8, 8, 8, 16, 16]


def test_a_page_alone_and_a_script(run: Any, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "html"
    found = run("export", trained, "--to", "html", "--out", out, "--json").ok().json
    assert found["bytes"] == {name: (out / name).stat().st_size for name in ("index.html", "model.js")}
    assert found["bits"] == 8 and found["measured_on"] and abs(found["loss_of_8_bits"]) < 0.005
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    run("export", trained, "--to", "html", "--out", out).refused(2, "exists", "--force")
    run("export", trained, "--to", "html", "--out", out, "--force").ok()
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    run("export", trained, "--to", "html", "--out", tmp_path / "again", "--seed", "2").refused(2, "--seed")
    run("export", trained, "--to", "html", "--out", tmp_path / "a.html").refused(2, "a directory", "report --live")
    assert not (tmp_path / "a.html").exists()


@pytest.mark.parametrize("kind", ["n-grams", "bpe", "labels"])
def test_what_no_page_can_run_is_refused(run: Any, tmp_path: Path, corpus: Path, kind: str) -> None:
    work = tmp_path / "work"
    if kind == "labels":
        corpus = tmp_path / "texts.tsv"
        corpus.write_text("text\tlabel\n" + "".join(f"film {k}\t{'yes' if k % 3 else 'no'}\n" for k in range(90)))
    flags = {"n-grams": ("--order", "2"), "bpe": (*QUICK, "--kind", "bpe", "--vocab-size", "280"),
             "labels": (*QUICK[:4], "--task", "classify")}[kind]  # fmt: skip
    run("ngram" if kind == "n-grams" else "train", corpus, "--out", work, *flags).ok()
    for arguments in (("report", work, "--live", "--out", tmp_path / "r.html"),
                      ("export", work, "--to", "html", "--out", tmp_path / "html")):  # fmt: skip
        refused = run(*arguments, *(("--model", "ngram") if kind == "n-grams" else ()))
        refused.refused(2, {"n-grams": "n-gram model", "bpe": "bpe tokens", "labels": "does not predict"}[kind])
    assert not (tmp_path / "r.html").exists() and not (tmp_path / "html").exists()


def test_hostile_tokens_end_no_script(tmp_path: Path) -> None:
    tokens = ["</script>", "<!--", "<script>", "a\u2028b", *WORDS[4:]]
    model = read_sealed(sealed(tmp_path / "model", BASE, "whitespace", tokens, prepared=True))
    page = render("x", "y", [live_section(live_part(model, 8, "</textarea><b>"), None, "")]).decode()
    assert page.lower().count("<script") == page.lower().count("</script>") == 2
    assert "<!--" not in page and "<b>" not in page
