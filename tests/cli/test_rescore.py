"""`rnnlm rescore`: each form of list in and out, as the tools that it is from have it; references; what is refused."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from rnnlm.use.scoring.scored import BITS

TEXTS = {"u1": ["the old cat find milk", "the old cat finds milk", "the old cat finds milk", "cat"],
         "u2": ["the birds like bread", "the birds likes bread"]}  # fmt: skip


@pytest.fixture(scope="module")
def bits(trained: Path, run: Any) -> dict[str, float]:
    """What each text costs, as `score` has it."""
    every = [text for texts in TEXTS.values() for text in texts] + [""]
    out = run("score", trained, "--format", "jsonl", stdin="\n".join(every).encode() + b"\n").ok().out
    return {text: json.loads(line)["bits"] for text, line in zip(every, out.splitlines(), strict=True)}


def kaldi() -> str:
    """The lists as Kaldi has them."""
    return "".join(f"{id_}-{n} {text}\n" for id_, texts in TEXTS.items() for n, text in enumerate(texts, 1))


def mikolov() -> str:
    """The lists as Mikolov's rnnlm has them."""
    return "".join(f"{id_} {text}\n" for id_, texts in TEXTS.items() for text in texts)


def order(bits: dict[str, float], texts: list[str]) -> list[str]:
    """Texts, the likeliest first."""
    return sorted(texts, key=bits.__getitem__)


def test_kaldi_lists_scores_and_best(trained: Path, run: Any, bits: dict[str, float], tmp_path: Path) -> None:
    def rescored(*flags: object) -> list[str]:
        out: str = run("rescore", trained, "--format", "kaldi", *flags, stdin=kaldi().encode()).ok().out
        return out.splitlines()

    scores = [line.split() for line in rescored("--write", "scores")]
    assert [name for name, _ in scores] == [line.split()[0] for line in kaldi().splitlines()]
    for (_, cost), text in zip(scores, [text for texts in TEXTS.values() for text in texts], strict=True):
        assert float(cost) == pytest.approx(bits[text] / BITS, abs=2e-5)
    expected = [text for texts in TEXTS.values() for text in order(bits, texts)]
    assert [line.partition(" ")[2] for line in rescored()] == expected
    assert rescored("--write", "best") == [f"{id_} {order(bits, texts)[0]}" for id_, texts in TEXTS.items()]
    # A cost that outweighs what the model says decides.
    costs = tmp_path / "ac_cost.txt"
    costs.write_text("u1-1 5\nu1-2 9\nu1-3 1.5\nu1-4 2000\nu2-1 500\nu2-2 3\n")
    best = rescored("--write", "best", "--costs", costs, "--score-weights", "ac_cost=100")
    assert best == ["u1 the old cat finds milk", "u2 the birds likes bread"]
    assert rescored("--costs", costs, "--score-weights", "ac_cost=100")[0].startswith("u1-3 ")


def test_mikolov_scores_are_log10_and_a_stream_goes_on_after_first_hypotheses(
    trained: Path, run: Any, bits: dict[str, float]
) -> None:
    def rescored(*flags: object) -> list[float]:
        flags = ("--format", "mikolov", "--write", "scores", *flags)
        return [float(line) for line in run("rescore", trained, *flags, stdin=mikolov().encode()).ok().out.split()]

    every = [text for texts in TEXTS.values() for text in texts]
    assert rescored() == pytest.approx([-bits[text] / BITS / math.log(10) for text in every], abs=2e-5)
    after = "\n".join([TEXTS["u1"][0], *TEXTS["u2"][1:]]) + "\n"
    out = run("score", trained, "--context", "stream", "--format", "jsonl", stdin=after.encode()).ok().out
    expected = json.loads(out.splitlines()[1])["bits"]
    assert -rescored("--context", "stream")[5] * BITS * math.log(10) == pytest.approx(expected, abs=1e-4)


def test_srilm_lists_get_our_score_in_the_place_of_the_old(
    trained: Path, run: Any, bits: dict[str, float], tmp_path: Path
) -> None:
    path = tmp_path / "u1.nbest"
    lines = [f"{-100 - n} -9.5 {len(text.split())} <s> {text} </s>" for n, text in enumerate(TEXTS["u1"])]
    path.write_text("\n".join(lines) + "\n")
    out = run("rescore", trained, path, "--format", "srilm", "--write", "scores").ok().out
    for line, text, given in zip(out.splitlines(), TEXTS["u1"], lines, strict=True):
        acoustic, ours, rest = line.split(maxsplit=2)
        assert (acoustic, rest) == (given.split()[0], given.split(maxsplit=2)[2])
        assert float(ours) == pytest.approx(-bits[text] / BITS / math.log(10), abs=2e-5)
    best = run("rescore", trained, path, "--format", "srilm", "--write", "best", "--weight", "0").ok().out
    assert best == f"u1 {TEXTS['u1'][0]}\n"


def test_json_lines_keep_their_keys(trained: Path, run: Any, bits: dict[str, float]) -> None:
    source = [{"id": "u1", "text": text, "scores": {"ac": -1.0 * n}, "own": n} for n, text in enumerate(TEXTS["u1"])]
    stdin = "\n".join(map(json.dumps, source)).encode()
    flags = ("--weight", 0.5, "--word-penalty", 0.25, "--score-weights", "ac=2")
    out = [json.loads(line) for line in run("rescore", trained, *flags, stdin=stdin).ok().out.splitlines()]
    assert [row["place"] for row in out] == [1, 2, 3, 4]
    for row in out:
        log_p = -bits[row["text"]] / BITS
        assert row["log_probability"] == pytest.approx(log_p, abs=2e-5)
        total = -2.0 * row["own"] + 0.5 * log_p - 0.25 * len(row["text"].split())
        assert row["total"] == pytest.approx(total, abs=2e-5)
    assert [row["total"] for row in out] == sorted((row["total"] for row in out), reverse=True)


def test_halves_of_characters_are_replaced_where_asked_for(trained: Path, run: Any) -> None:
    stdin = b'{"id": "a", "text": "the cat \\ud800"}\n'
    (line,) = run("rescore", trained, "--errors", "replace", stdin=stdin).ok().out.splitlines()
    assert json.loads(line)["text"] == "the cat \ufffd"


def test_kaldi_lists_may_have_tabs(trained: Path, run: Any) -> None:
    flags = ("--format", "kaldi", "--write", "scores")
    plain = run("rescore", trained, *flags, stdin=b"u1-1 the cat\n").ok().out
    assert run("rescore", trained, *flags, stdin=b"u1-1\tthe  cat\n").ok().out == plain


def test_an_empty_hypothesis_is_an_empty_sentence(trained: Path, run: Any) -> None:
    stdin = b"u1-1\nu1-2 ...\nu1-3 the cat\n"
    out = run("rescore", trained, "--format", "kaldi", "--write", "scores", stdin=stdin).ok().out
    first, second, _ = (float(line.split()[1]) for line in out.splitlines())
    assert first == second > 0
    assert run("rescore", trained, stdin=b"").ok().out == ""


def test_word_errors_before_and_after_and_weights_that_make_fewer(trained: Path, run: Any, tmp_path: Path) -> None:
    references, lists = tmp_path / "references.txt", tmp_path / "lists.txt"
    references.write_text("u1 the old cat finds milk\nu2 the birds like bread\n")
    lists.write_text(kaldi())
    flags = (lists, "--format", "kaldi", "--references", references)
    done = run("rescore", trained, *flags).ok()
    assert "as listed: word error rate 11.11% (1 errors)" in done.err
    assert "best there is: word error rate 0.00% (0 errors)" in done.err
    found = run("rescore", trained, *flags, "--tune", "--json").ok().json
    assert (found["utterances"], found["hypotheses"], found["reference_words"]) == (2, 6, 9)
    assert found["fewest_word_errors"] <= found["tuned_word_errors"] <= found["rescored_word_errors"]
    again = run("rescore", trained, *flags, "--json", *found["flags"].split()).ok().json
    assert again["rescored_word_errors"] == found["tuned_word_errors"]
    report = tmp_path / "report.json"
    told = run("rescore", trained, *flags, "--tune", "--report", report).ok()
    assert "continue with: --weight" in told.out and "tuned on the others" in told.out
    assert "no n-gram model to mix with was tried" in told.err
    assert found["cross_validated_word_errors"] >= found["tuned_word_errors"]
    assert json.loads(report.read_text())["flags"] == found["flags"]


def test_a_mixture_with_the_workspaces_ngram_model(trained: Path, run: Any, tmp_path: Path) -> None:
    import shutil

    work = tmp_path / "work"
    shutil.copytree(trained, work)
    refused = run("rescore", work, "--ngram-weight", "0.5", "--format", "mikolov", stdin=mikolov().encode())
    refused.refused(3, "ngram")
    run("ngram", work, "--order", "3").ok()

    def scores(*flags: object) -> list[float]:
        flags = ("--format", "mikolov", "--write", "scores", *flags)
        return [float(line) for line in run("rescore", work, *flags, stdin=mikolov().encode()).ok().out.split()]

    references = tmp_path / "references.txt"
    references.write_text("u1 the old cat finds milk\nu2 the birds like bread\n")
    flags = ("--format", "mikolov", "--references", references, "--tune", "--ngram-weight", 0.25, "--json")
    tuned = run("rescore", work, *flags, stdin=mikolov().encode()).ok().json
    assert tuned["tuned_word_errors"] <= tuned["rescored_word_errors"]
    network, mixed, ngram = scores(), scores("--ngram-weight", 0.5), scores("--ngram-weight", 1)
    assert ngram == pytest.approx(scores("--model", "ngram"), abs=1e-6)
    assert all(
        m >= max(a, b) - 7 * math.log10(2) - 1e-9 and m != a for a, b, m in zip(network, ngram, mixed, strict=True)
    )


BROKEN = {
    "no id (mikolov)": ("mikolov", "u1 the cat\n the cat\n", 3, "line 2", "has no utterance id"),
    "an empty line (mikolov)": ("mikolov", "u1 the cat\n\n", 3, "line 2", "id"),
    "an id that repeats": ("mikolov", "u1 a\nu2 a\nu1 b\n", 3, "line 3", "'u1' repeats"),
    "no id (kaldi)": ("kaldi", "u1-1 the cat\nthe old cat\n", 3, "line 2", "'the'"),
    "no number (kaldi)": ("kaldi", "u1 the cat\n", 3, "line 1", "utterance-n"),
    "a word for a number (kaldi)": ("kaldi", "u1-1 the cat\nu1-x the cat\n", 3, "line 2", "'u1-x'"),
    "a number alone (kaldi)": ("kaldi", "u1-1 the cat\n-2 the cat\n", 3, "line 2", "'-2'"),
    "a word for a score": ("srilm", "-1 -2 2 the cat\n-1 the 2 cat\n", 3, "line 2", "three numbers"),
    "a field too few": ("srilm", "-1 -2\n", 3, "line 1", "three numbers"),
    "not a number": ("srilm", "nan -2 1 cat\n", 3, "line 1", "three numbers"),
    "a wrong number of words": ("srilm", "-1 -2 3 the cat\n", 3, "line 1", "says 3 words and has 2"),
    "no object": ("jsonl", '{"id": "a", "text": "x"}\n[1]\n', 3, "line 2", "not a JSON object"),
    "no text": ("jsonl", '{"id": "a"}\n', 3, "line 1", "'text'"),
    "a score that is none": ("jsonl", '{"id": "a", "text": "x", "scores": {"ac": "1"}}\n', 3, "line 1", "'scores'"),
    "an infinite score": ("jsonl", '{"id": "a", "text": "x", "scores": {"ac": Infinity}}\n', 3, "line 1", "'scores'"),
    "other scores": ("jsonl", '{"id": "a", "text": "x", "scores": {"ac": 1}}\n{"id": "a", "text": "x"}\n', 3, "line 2",
                     "the same scores"),
    "a number that no float holds": ("jsonl", '{"id": "a", "text": "x", "scores": {"ac": 1' + "0" * 400 + "}}\n", 3,
                                     "line 1", "'scores'"),
    "half of a character": ("jsonl", '{"id": "a", "text": "\\ud800"}\n', 3, "line 1", "surrogate"),
    "half of a character elsewhere": ("jsonl", '{"id": "a", "text": "x", "own": "\\ud800"}\n', 3, "line 1",
                                      "surrogate"),
    "a zero byte": ("jsonl", '{"id": "a", "text": "x\\u0000y"}\n', 3, "line 1", "zero byte"),
    "two lines in one": ("jsonl", '{"id": "a", "text": "x\\ny"}\n', 3, "line 1", "line end"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_lists_are_refused_with_their_line(trained: Path, run: Any, case: str) -> None:
    form, stdin, code, *words = BROKEN[case]
    run("rescore", trained, "--format", form, stdin=str(stdin).encode()).refused(code, *words)


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--tune"], 2, ["--references"]),
        (["--costs", "x.txt"], 2, ["--format jsonl"]),
        (["--score-weights", "ac"], 2, ["name=number"]),
        (["--score-weights", "ac=inf"], 2, ["name=number"]),
        (["--format", "mikolov", "--score-weights", "ac=1"], 2, ["'ac'", "none"]),
        (["--references", "nowhere.txt"], 3, ["nowhere.txt"]),
        (["--ngram-weight", "1.5"], 2, ["--ngram-weight"]),
        (["--format", "mikolov", "--unknown", "error"], 3, ["line 2", "vocabulary"]),
    ],
)
def test_what_cannot_be_asked_for(trained: Path, run: Any, flags: list[str], code: int, words: list[str]) -> None:
    run("rescore", trained, *flags, stdin=b"u1 the cat\nu1 the frobnicator\n").refused(code, *words)


def test_costs_and_references_that_do_not_match(trained: Path, run: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"

    def refused(content: str, flag: str, *words: str) -> None:
        other.write_text(content)
        run("rescore", trained, "--format", "kaldi", flag, other, stdin=b"u1-1 a\nu1-2 b\n").refused(3, *words)

    refused("u1-1 3\n", "--costs", "other ends", "u1-2")
    refused("u1-1 3\nu2-1 3\n", "--costs", "'u2-1 3'", "u1-2")
    refused("u1-1 x\n", "--costs", "'x'")
    other.write_text("u1-1 3\nu1-2 4\n")
    over = run("rescore", trained, "--format", "kaldi", "--costs", other, "--report", other, stdin=b"u1-1 a\nu1-2 b\n")
    over.refused(2, "what this command reads")
    refused("u2 a\n", "--references", "no reference for 'u1'")
    refused("u1 a\nu1 b\n", "--references", "line 2")


SRILM = "-10 -5 2 the cat\n-11 -4 2 the cats\n"


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["a_0.98_2.34.nbest", "a_0.99_5.10.nbest"], ["a_0.98_2.34", "a_0.99_5.10"]),
        (["u.1.txt", "u.2.txt"], ["u.1", "u.2"]),
        (["2024.05.01", "2024.05.02"], ["2024.05.01", "2024.05.02"]),
        (["x.v1.lst", "x.v2.nbestlist"], ["x.v1", "x.v2"]),
        ([".nbest", "b.nbest"], [".nbest", "b"]),
    ],
)
def test_only_known_endings_are_no_part_of_an_utterance(
    trained: Path, run: Any, tmp_path: Path, names: list[str], ids: list[str]
) -> None:
    for name in names:
        (tmp_path / name).write_text(SRILM)
    files = [tmp_path / name for name in names]
    out = run("rescore", trained, *files, "--format", "srilm", "--write", "best", "--quiet").ok().out
    assert [line.split()[0] for line in out.splitlines()] == ids


def test_an_utterance_in_two_files_is_refused(trained: Path, run: Any, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "u1.nbest").write_text(SRILM)
        (tmp_path / folder / "k.txt").write_text("u1-1 the cat\n")
    for form, name in (("srilm", "u1.nbest"), ("kaldi", "k.txt")):
        files = [tmp_path / folder / name for folder in ("a", "b")]
        run("rescore", trained, *files, "--format", form, "--quiet").refused(3, f"b/{name}, line 1", "'u1' repeats")


def test_every_cost_counts_under_its_name(trained: Path, run: Any, tmp_path: Path) -> None:
    """Each of two costs decides when it is weighted alone; files that would have one name are refused."""
    (tmp_path / "n.txt").write_text("u-1 the cat\nu-2 the dog\n")
    for name, costs in (("dev.ac", (1, 9)), ("dev.lmc", (9, 1)), ("other.ac.gz.txt", (1, 1))):
        (tmp_path / name).write_text("".join(f"u-{n} {cost}\n" for n, cost in enumerate(costs, 1)))
    listed, both = tmp_path / "n.txt", f"{tmp_path / 'dev.ac'},{tmp_path / 'dev.lmc'}"

    def best(costs: str, weights: str) -> str:
        flags = ("--format", "kaldi", "--costs", costs, "--weight", 0, "--score-weights", weights, "--write", "best")
        return str(run("rescore", trained, listed, *flags, "--quiet").ok().out)

    assert best(both, "ac=1,lmc=0") == "u the cat\n" and best(both, "ac=0,lmc=1") == "u the dog\n"
    named = f"acoustic={tmp_path / 'dev.ac'},lm={tmp_path / 'dev.lmc'}"
    assert best(named, "acoustic=1,lm=0") == "u the cat\n" and best(named, "acoustic=0,lm=1") == "u the dog\n"
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "dev.ac").write_text("u-1 1\nu-2 1\n")
    twice = f"{tmp_path / 'dev.ac'},{tmp_path / 'b' / 'dev.ac'}"
    flags = ("--format", "kaldi", "--costs", twice)
    run("rescore", trained, listed, *flags).refused(2, "two scores are called 'ac'", "--costs acoustic=")
    run("rescore", trained, listed, "--format", "kaldi", "--costs", named, "--report", tmp_path / "dev.ac").refused(
        2, "what this command reads"
    )


def test_words_of_a_reference_without_a_list_are_deleted_ones(trained: Path, run: Any, tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("u1-1 the old cat finds\nu1-2 the cat\n")
    (tmp_path / "r.txt").write_text("u1 the old cat finds\nu2 one two three four five six\n")
    flags = ("--format", "kaldi", "--references", tmp_path / "r.txt")
    done = run("rescore", trained, tmp_path / "n.txt", *flags, "--json").ok()
    assert (done.json["reference_words"], done.json["references_without_list"]) == (10, 1)
    assert done.json["listed_word_errors"] == done.json["fewest_word_errors"] == 6
    assert done.json["listed_word_error_rate"] == 0.6
    assert "1 references have no list" in done.err
    tuned = run("rescore", trained, tmp_path / "n.txt", *flags, "--tune", "--json").ok().json
    assert tuned["tuned_word_errors"] == 6


def test_json_lists_take_scores_in_any_order_and_whole_numbers_as_ids(trained: Path, run: Any) -> None:
    lists = [{"id": 7, "text": "the cat", "scores": {"a": 1, "b": 2}},
             {"id": 7, "text": "the dog", "scores": {"b": 2, "a": 1}}]  # fmt: skip
    out = run("rescore", trained, stdin="".join(json.dumps(each) + "\n" for each in lists).encode()).ok().out
    assert [json.loads(line)["id"] for line in out.splitlines()] == [7, 7]


def test_errors_by_utterance_and_what_rescoring_changes(trained: Path, run: Any, tmp_path: Path) -> None:
    references = "".join(f"u{number} the old cat finds milk\n" for number in range(14)) + "lost a b\n"
    lists = "".join(
        f"u{number}-1 the old cat finds finds\nu{number}-2 the old cat finds milk\n" for number in range(14)
    )
    (tmp_path / "references.txt").write_text(references)
    (tmp_path / "lists.txt").write_text(lists)
    flags = (tmp_path / "lists.txt", "--format", "kaldi", "--references", tmp_path / "references.txt")
    done = run("rescore", trained, *flags, "--word-errors", tmp_path / "errors.tsv", "--json").ok().json
    rows = [line.split("\t") for line in (tmp_path / "errors.tsv").read_text("utf-8").splitlines()]
    assert rows[0] == ["utterance", "words", "listed insertions", "listed deletions", "listed substitutions",
                       "rescored insertions", "rescored deletions", "rescored substitutions"]  # fmt: skip
    assert rows[1] == ["u0", "5", "0", "0", "1", "0", "0", "0"]
    assert rows[-1] == ["lost", "2", "0", "2", "0", "0", "2", "0"]
    assert done["listed_edits"] == {"insertions": 0, "deletions": 2, "substitutions": 14}
    assert done["listed_word_errors"] == 16 and done["rescored_word_errors"] == 2
    assert done["difference"]["mean"] == done["difference"]["low"] == done["difference"]["high"] == 0.2
    shown = run("rescore", trained, *flags).ok().err
    assert "rate as listed less the rate rescored: 20.00%, 95 % interval 20.00% to 20.00%" in shown
    run("rescore", trained, flags[0], "--word-errors", tmp_path / "e.tsv").refused(2, "--word-errors without")
    work = shutil.copytree(trained, tmp_path / "work")
    run("ngram", work, "--order", 2).ok()
    mixed = run("rescore", work, "--model", "lstm", *flags, "--tune").ok()
    assert "tuned without the n-gram model: word error rate" in mixed.err
