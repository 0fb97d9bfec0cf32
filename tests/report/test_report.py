"""`rnnlm report`: a page that is whole by itself, says the numbers of other commands, and holds no markup of others.

How it behaves in a browser: tests/page, by `make test-page`.
"""

import base64
import hashlib
import html
import json
import re
import shlex
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from conftest import needs

needs("plots")
SECTIONS = ["identity", "metric", "surprise", "training", "memory", "samples"]
HOSTILE = ["</script>", "<img/src=x/onerror=alert(1)>", '"q"', "'s'", "a\u2028b", "שלום", "&amp;", "{{7*7}}", "</bdi>"]
QUICK = ("--hidden", "8", "--steps", "6", "--batch-size", "4", "--bptt", "8")


class Page(HTMLParser):
    """What a page holds: its tags, attributes and texts, and the data of its tokens."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.tokens: list[dict[str, str]] = []
        self.words: list[str] = []
        self.text = text
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        given = {name: value or "" for name, value in attrs}
        if "data-bits" in given:
            self.tokens.append(given)
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside == "bdi":
            self.words.append(data)
        self._inside = ""

    def values(self, attribute: str) -> list[str]:
        return [value for _, name, value in self.attributes if name == attribute]


def page_of(run: Any, out: Path, *arguments: object) -> Page:
    run("report", *arguments, "--out", out).ok()
    return Page(out.read_text("utf-8"))


def check_alone(page: Page) -> None:
    """Nothing outside is named, one script runs, and every identifier is there once."""
    assert not page.values("src")
    assert not page.tags["img"]
    assert not page.tags["link"]
    assert not page.tags["iframe"]
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert not [each for each in re.findall(r"url\(([^)]*)\)", page.text) if not each.startswith("#")]
    assert "data:" not in page.text.replace("data: ", "")
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    inside = [value for name in ("href", "xlink:href") for value in page.values(name)]
    assert inside
    assert all(value.startswith("#") and value[1:] in ids for value in inside)
    assert page.tags["script"] == 1
    script = re.search(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    (policy,) = [each for each in page.values("content") if each.startswith("default-src 'none'")]
    assert f"script-src 'sha256-{digest}'" in policy


def test_a_page_is_whole_and_the_same_twice(run: Any, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    found = run("report", trained, "--out", out, "--json").ok().json
    assert list(found["sections"]) == SECTIONS
    assert found["bytes"] == out.stat().st_size < 2 * 10**6
    page = Page(out.read_text("utf-8"))
    check_alone(page)
    assert page.tags["svg"] >= 5
    assert page.tags["section"] == len(SECTIONS)
    assert [each for each in page.values("href") if each[1:] in SECTIONS] == [f"#{each}" for each in SECTIONS]
    first = out.read_bytes()
    run("report", trained, "--out", out).ok()
    assert out.read_bytes() == first


@pytest.mark.parametrize("kind", ["network", "n-grams", "series", "labels"])
def test_its_command_makes_the_same_model(run: Any, tmp_path: Path, corpus: Path, kind: str) -> None:
    work = tmp_path / "work"
    if kind == "series":
        needs("tables")
        corpus.with_suffix(".csv").write_text("x\n" + "".join(f"{n * 7 % 13}\n" for n in range(200)))
        corpus = corpus.with_suffix(".csv")
        run("window", corpus, "--out", work, "--target", "x", "--steps", "5").ok()
    elif kind == "labels":
        corpus.write_text("text\tlabel\n" + "".join(f"film {k}\t{'yes' if k % 3 else 'no'}\n" for k in range(90)))
        corpus = corpus.rename(corpus.with_suffix(".tsv"))
    source = (work,) if kind == "series" else (corpus, "--out", work)
    task = ("--task", "classify") if kind == "labels" else ()
    run(*(("ngram", *source, "--order", "2") if kind == "n-grams" else ("train", *source, *QUICK[:4], *task))).ok()
    named = ("--model", "ngram") if kind == "n-grams" else ()
    run("report", work, *named, "--out", tmp_path / "r.html").ok()
    commands = html.unescape((tmp_path / "r.html").read_text("utf-8"))
    for line in re.findall(r"(?:^|>)rnnlm (.*--config [^<\n]*)", commands, re.MULTILINE):
        words = [str(corpus) if word in ("CORPUS", "TABLE") else word for word in shlex.split(line)]
        run(*(str(tmp_path / word) if word == "again" else word for word in words)).ok()
    one, two = (run("evaluate", place, *named, "--json").ok().json for place in (work, tmp_path / "again"))
    assert one == two


def test_its_numbers_are_those_of_the_other_commands(run: Any, trained: Path, tmp_path: Path) -> None:
    trained = shutil.copytree(trained, tmp_path / "work")
    run("ngram", trained, "--order", "2", "--name", "pairs").ok()
    page = page_of(run, tmp_path / "report.html", trained, "--model", "lstm")
    evaluated = run("evaluate", trained, "--model", "lstm", "--json").ok().json
    assert f"{evaluated['perplexity']:,.2f}" in page.text
    assert f"{evaluated['nats_per_token']:.4f}" in page.text
    paired = run("evaluate", trained, "--model", "pairs", "--json").ok().json
    assert f"{paired['perplexity']:,.2f}" in page.text
    text = (trained / "raw/test.txt").read_bytes()
    scored = run("score", trained, "--model", "lstm", "-", "--level", "token", "--context", "stream", "--format",
                 "jsonl", stdin=text).ok()  # fmt: skip
    rows = [json.loads(line) for line in scored.out.splitlines()]
    assert len(page.tokens) > 20
    for token, row in zip(page.tokens, rows, strict=False):
        assert abs(float(token["data-bits"]) - row["bits"]) < 0.0051
        assert int(token["data-rank"]) == row["rank"]
        assert abs(float(token["data-entropy"]) - row["entropy_bits"]) < 0.0051
        likeliest = json.loads(token["data-next"])
        assert len(likeliest) == 5
        assert [p for _, p in likeliest] == sorted((p for _, p in likeliest), reverse=True)


def test_what_a_corpus_holds_is_text(run: Any, tmp_path: Path) -> None:
    lines = [" ".join(HOSTILE[(k + j * j) % len(HOSTILE)] for j in range(6)) for k in range(200)]
    (tmp_path / "hostile.txt").write_text("\n".join(lines) + "\n", "utf-8")
    work = tmp_path / "work"
    run("train", tmp_path / "hostile.txt", "--kind", "whitespace", "--prepared", "--out", work, *QUICK).ok()
    page = page_of(run, tmp_path / "report.html", work)
    check_alone(page)
    assert {"</script>", "<img/src=x/onerror=alert(1)>", "{{7*7}}", "&amp;", "שלום"} <= set(page.words)
    bare = page_of(run, tmp_path / "bare.html", work, "--without-corpus")
    assert not bare.tokens
    assert bare.tags["section"] == 4


def test_models_of_characters_and_of_n_grams(run: Any, trained: Path, tmp_path: Path, corpus: Path) -> None:
    run("train", corpus, "--kind", "char", "--out", tmp_path / "chars", *QUICK).ok()
    assert "".join(page_of(run, tmp_path / "c.html", tmp_path / "chars").words[:6]).isprintable()
    trained = shutil.copytree(trained, tmp_path / "work")
    run("ngram", trained, "--order", "3", "--name", "three").ok()
    page = page_of(run, tmp_path / "n.html", trained, "--model", "three")
    check_alone(page)
    assert "training" not in page.values("id")


def test_models_of_labels(run: Any, tmp_path: Path) -> None:
    rows = "".join(
        f"{'good fine' if k % 3 else 'bad <b> poor'} film {k}\t{'yes' if k % 3 else 'no'}\n" for k in range(90)
    )
    (tmp_path / "texts.tsv").write_text("text\tlabel\n" + rows)
    run("train", tmp_path / "texts.tsv", "--task", "classify", "--out", tmp_path / "texts", *QUICK).ok()
    page = page_of(run, tmp_path / "texts.html", tmp_path / "texts")
    check_alone(page)
    accuracy = run("evaluate", tmp_path / "texts", "--json").ok().json["accuracy"]
    assert f"{accuracy:.2%}" in page.text
    tags = "".join(f"the\tD\ncat{k % 7}\tN\nruns\tV\n\n" for k in range(60))
    (tmp_path / "tags.txt").write_text(tags)
    run("train", tmp_path / "tags.txt", "--task", "tag", "--out", tmp_path / "tags", *QUICK).ok()
    page = page_of(run, tmp_path / "tags.html", tmp_path / "tags")
    check_alone(page)
    assert "surprise" in page.values("id")
    run("report", tmp_path / "tags", "--compare", "x").refused(2, "--compare")


def test_models_of_series(run: Any, tmp_path: Path) -> None:
    needs("tables")
    (tmp_path / "s.csv").write_text("t,x,y\n" + "".join(f"{n},{n * 7 % 13},{n * 3 % 5}\n" for n in range(200)))
    run("window", tmp_path / "s.csv", "--out", tmp_path / "s", "--target", "x,y", "--steps", "5").ok()
    run("train", tmp_path / "s", *QUICK[:-2]).ok()
    page = page_of(run, tmp_path / "s.html", tmp_path / "s")
    check_alone(page)
    errors = run("evaluate", tmp_path / "s", "--json").ok().json["errors"]
    for method in ("model", "persistence"):
        assert f"{errors[method]['root_mean_square_error'][1]:,.4g}" in page.text
    assert "windows of test split" in page.text


def test_what_cannot_be_written_is_refused_before_anything(
    run: Any, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("report", trained, "--out", tmp_path / "page.txt").refused(2, "--out", ".html")
    run("report", trained, "--text", "-", "--out", tmp_path / "r.html").refused(2, "--text -", "file")
    run("report", trained, "--compare", "nobody", "--out", tmp_path / "r.html").refused(3, "nobody")
    run("report", trained, "--out", tmp_path / "none" / "r.html").refused(5, "r.html")
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    run("report", trained, "--out", tmp_path / "r.html").refused(3, "matplotlib", "rnnlm[plots]")
    assert not list(tmp_path.iterdir())


def test_a_ladder_of_the_same_model_and_text_is_shown(run: Any, trained: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "ladder.json", tmp_path / "report.html"
    told = run("ladder", trained, "--resamples", "100", "--json", "--quiet").ok()
    file.write_text(told.out)
    page = page_of(run, out, trained, "--ladder", file)
    for row in told.json["rows"]:
        assert f"{row['name']}*" in page.text or row["name"] in page.text
        assert f"<td>{row['perplexity']:,.2f}</td><td>{row['valid_perplexity']:,.2f}</td>" in page.text
    again = ("report", trained, "--out", out, "--ladder", file)
    run(*again, "--text", trained / "raw/valid.txt").refused(3, "another text", "--text")
    for content in ("{}", "[1]", '{"models": 1, "rows": 2}', json.dumps(told.json | {"rows": [{}]}), ""):
        file.write_text(content)
        run(*again).refused(3, "ladder.json", "rnnlm ladder")
    file.write_text(json.dumps(told.json | {"models": {"lstm": "0"}}))
    run(*again).refused(3, "other models")
    run(*again[:-1], tmp_path / "none.json").refused(3, "none.json")
