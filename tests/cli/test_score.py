"""`rnnlm score`: metrics of `evaluate`, formats of other tools, pipes, pairs, and what is refused."""

import gzip
import json
import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnlm.use.scoring.settings import ScoreSettings

TEXT = """The old cat sees milk.
The small birds like Anna's ball, and the dog finds a flying bread tree!

…
The cat sees a frobnicator.
"""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Some lines, one with words outside the vocabulary, one that cleaning empties."""
    path = tmp_path / "text.txt"
    path.write_text(TEXT, "utf-8")
    return path


def rows(out: str) -> list[dict[str, str]]:
    """TSV as rows by the names of its header."""
    header, *lines = [line.split("\t") for line in out.splitlines()]
    return [dict(zip(header, line, strict=True)) for line in lines]


@pytest.mark.parametrize("context", ["sentence", "document", "stream"])
def test_a_corpus_costs_what_evaluate_says(trained: Path, run: Any, text: Path, context: str) -> None:
    flags = ("--context", context)
    expected = run("evaluate", trained, "--text", text, *flags, "--json").ok().json
    for arguments in (("--json",), ("--format", "jsonl", "--level", "corpus")):
        found = run("score", trained, text, *flags, *arguments).ok().json
        for key in set(expected) - {"split", "characters"}:
            exact = key.endswith("sha256") or key == "context"
            assert found[key] == (expected[key] if exact else pytest.approx(expected[key], rel=1e-6)), key
    (row,) = rows(run("score", trained, text, *flags, "--level", "corpus").ok().out)
    assert float(row["perplexity"]) == pytest.approx(expected["perplexity"], rel=1e-6)


def test_levels_add_up_and_keep_the_order_of_lines(trained: Path, run: Any, text: Path) -> None:
    lines = rows(run("score", trained, text).ok().out)
    assert [row["line"] for row in lines] == ["1", "2", "3", "4", "5"]
    assert [row["tokens"] for row in lines] == ["6", "15", "0", "0", "6"]
    whole = run("score", trained, text, "--json").ok().json["bits"]
    assert sum(float(row["bits"]) for row in lines) == pytest.approx(whole, abs=1e-6)
    for level in ("word", "token", "region"):
        out = run("score", trained, text, "--level", level, "--format", "jsonl").ok().out
        found = [json.loads(line) for line in out.splitlines()]
        assert {row["line"] for row in found} == ({1, 2, 4, 5} if level == "region" else {1, 2, 5})
        assert sum(row["bits"] for row in found) == pytest.approx(whole, abs=1e-6)
        raw = TEXT.split("\n")
        for row in found:
            if level == "region" and row["word"] != "</s>":
                assert raw[row["line"] - 1][row["start"] : row["end"]] == row["word"]


def test_json_lines_have_the_keys_of_the_design(trained: Path, run: Any, text: Path) -> None:
    def first(level: str, *more: str) -> list[str]:
        return list(json.loads(run("score", trained, text, "--format", "jsonl", "--level", level, *more).ok()
                               .out.splitlines()[0]))  # fmt: skip

    assert first("line") == ["line", "id", "tokens", "bits", "unknown_tokens"]
    assert first("word") == ["line", "position", "word", "start", "end", "bits", "unknown"]
    assert {"rank", "entropy_bits", "entropy_reduction_bits"} < set(first("token"))


def test_standard_input_files_and_compressed_files_are_the_same(
    trained: Path, run: Any, text: Path, tmp_path: Path
) -> None:
    expected = run("score", trained, text).ok().out
    assert run("score", trained, stdin=TEXT.encode()).ok().out == expected
    assert run("score", trained, "-", stdin=TEXT.replace("\n", "\r\n").encode()).ok().out == expected
    packed = tmp_path / "text.txt.gz"
    packed.write_bytes(gzip.compress(TEXT.encode()))
    assert run("score", trained, packed).ok().out == expected
    both = rows(run("score", trained, text, packed).ok().out)
    assert [row["line"] for row in both] == ["1", "2", "3", "4", "5"] * 2
    assert [row["bits"] for row in both[:5]] == [row["bits"] for row in both[5:]]
    assert run("score", trained, stdin=b"").ok().out == "line\tid\ttokens\tbits\tunknown_tokens\n"
    assert run("score", trained, "--json", stdin=b"").ok().json["perplexity"] is None


def test_precision_and_engine_change_no_figure_by_more_than_rounding(trained: Path, run: Any, text: Path) -> None:
    def bits(*flags: object) -> list[float]:
        return [float(row["bits"]) for row in rows(run("score", trained, text, "--level", "word", *flags).ok().out)]

    plain = bits()
    for flags in (("--engine", "readable"), ("--batch-size", 1), ("--precision", "float64")):
        assert bits(*flags) == pytest.approx(plain, abs=1e-5)
    exact = bits("--precision", "float64")
    assert bits("--precision", "float64", "--engine", "readable", "--batch-size", 2) == pytest.approx(exact, abs=1e-10)


def test_identifiers_pass_through(trained: Path, run: Any) -> None:
    stdin = b"utt-7\tthe cat sees milk\nutt-3\tthe dog\n"
    assert [row["id"] for row in rows(run("score", trained, "--ids", "tab", stdin=stdin).ok().out)] == [
        "utt-7",
        "utt-3",
    ]
    words = rows(run("score", trained, "--ids", "tab", "--level", "word", stdin=stdin).ok().out)
    assert [row["id"] for row in words] == ["utt-7"] * 5 + ["utt-3"] * 3
    assert words[0]["start"] == "0"
    run("score", trained, "--ids", "tab", stdin=b"utt-7\tthe\nthe dog\n").refused(3, "line 2", "--ids")


def test_unknown_words_under_each_policy(trained: Path, run: Any, text: Path) -> None:
    def total(*flags: str) -> Any:
        return run("score", trained, text, "--json", *flags).ok().json

    scored, without = total(), total("--unknown", "exclude")
    outside = scored["out_of_vocabulary_tokens"]
    assert outside == 3
    assert without["tokens"] == scored["tokens"] - outside
    assert without["excluded_tokens"] == outside
    assert without["bits_per_character"] is None
    run("score", trained, text, "--unknown", "error").refused(3, "line 2", "'and'", "--unknown")
    assert "5 words, 1 OOVs" in run("score", trained, text, "--format", "srilm", "--level", "line").ok().out
    open_vocabulary = run("score", trained, text, "--format", "srilm", "--unknown", "score").ok().out
    assert "3 sentences, 24 words, 0 OOVs" in open_vocabulary


# What the users of other tools do with their output.

AWK_MIX = r"""
# The fields that SRILM's compute-best-mix takes, and its EM for the weight of the first of two files.
FNR == 1 { files++ }
$1 == "p(" {
    sub("[|] [^)]*)", "| X )"); $0 = $0
    p[files, ++n[files]] = ($0 ~ /\[ -[Ii]nf/) ? 0 : exp($10 * log(10))
}
END {
    w = 0.5
    for (round = 0; round < 200; round++) {
        sum = 0; count = 0
        for (i = 1; i <= n[1]; i++) {
            mixed = w * p[1, i] + (1 - w) * p[2, i]
            if (mixed > 0) { sum += w * p[1, i] / mixed; count++ }
        }
        w = sum / count
    }
    printf "%d %d %.4f\n", n[1], n[2], w
}
"""


@pytest.mark.skipif(shutil.which("awk") is None, reason="there is no awk")
def test_srilms_scripts_find_the_best_mixture(trained: Path, run: Any, text: Path, tmp_path: Path) -> None:
    """Of the model and one whose every probability is that of a coin with as many sides as words."""
    out = run("score", trained, text, "--format", "srilm", "--level", "word").ok().out
    lines = out.splitlines()
    log10 = [line.split()[9] for line in lines if line.startswith("\tp(")]
    assert all(line.split()[6] in ("[RNN]", "[OOV]") for line in lines if line.startswith("\tp("))
    uniform = [" ".join([*line.split()[:9], "-2", "]"]) if line.startswith("\tp(") and "-inf" not in line else line
               for line in lines]  # fmt: skip
    (tmp_path / "a").write_text(out)
    (tmp_path / "b").write_text("\n".join(uniform) + "\n")
    program = tmp_path / "mix.awk"
    program.write_text(AWK_MIX)
    done = subprocess.run(["awk", "-f", program, tmp_path / "a", tmp_path / "b"], capture_output=True, check=True)
    first, second, weight = done.stdout.split()
    assert int(first) == int(second) == len(log10)
    p = [10 ** float(each) for each in log10 if each != "-inf"]
    w = 0.5
    for _ in range(200):
        w = sum(w * each / (w * each + (1 - w) * 0.01) for each in p) / len(p)
    assert float(weight) == pytest.approx(w, abs=1e-3)


def test_srilms_sums_are_those_of_its_words(trained: Path, run: Any, text: Path) -> None:
    out = run("score", trained, text, "--format", "srilm", "--level", "word").ok().out
    *_, first, second = out.splitlines()
    assert first == f"file {text}: 3 sentences, 24 words, 3 OOVs"
    fields = second.split()
    log10 = [float(line.split()[9]) for line in out.splitlines() if line.startswith("\tp(") and "[RNN]" in line]
    assert float(fields[3]) == pytest.approx(sum(log10), rel=1e-4)
    assert float(fields[5]) == pytest.approx(10 ** (-sum(log10) / (24 - 3 + 3)), rel=1e-4)
    assert float(fields[7]) == pytest.approx(10 ** (-sum(log10) / (24 - 3)), rel=1e-4)
    assert run("score", trained, text, "--format", "srilm", "--level", "corpus").ok().out == f"{first}\n{second}\n"
    by_line = run("score", trained, text, "--format", "srilm", "--level", "line").ok().out.split("\n\n")
    assert [float(block.split("logprob= ")[1].split()[0]) for block in by_line] == pytest.approx(
        [*(float(block.split("logprob= ")[1].split()[0]) for block in by_line[:3]), sum(log10)], rel=1e-4
    )
    assert run("score", trained, "--format", "srilm", stdin=b"the\n").ok().out.count("file -: 1 sentences") == 1


def test_kenlms_words_sentences_and_summary(trained: Path, run: Any, text: Path) -> None:
    out = run("score", trained, text, "--format", "kenlm", "--level", "word").ok().out
    *lines, including, excluding, oovs, tokens = out.splitlines()
    every, known = [], []
    for line in lines:
        *words, last = line.split("\t")
        parsed = [(word.rsplit("=", 1)[0], *word.rsplit("=", 1)[1].split(" ")) for word in words]
        _, total, _, unknown = last.split(" ")
        assert float(total) == pytest.approx(sum(float(log10) for *_, log10 in parsed), abs=1e-4)
        assert int(unknown) == sum(number == "0" for _, number, *_ in parsed)
        every += [float(log10) for *_, log10 in parsed]
        known += [float(log10) for _, number, _, log10 in parsed if number != "0"]
    assert oovs == "OOVs:\t3"
    assert tokens == f"Tokens:\t{len(every)}"
    assert including.startswith("Perplexity including OOVs:\t")
    assert float(including.split("\t")[1]) == pytest.approx(10 ** (-sum(every) / len(every)), rel=1e-4)
    assert float(excluding.split("\t")[1]) == pytest.approx(10 ** (-sum(known) / len(known)), rel=1e-4)
    sentences = run("score", trained, text, "--format", "kenlm").ok().out.splitlines()
    assert sentences[:-4] == [line.split("\t")[-1] for line in lines]
    assert run("score", trained, text, "--format", "kenlm", "--level", "corpus").ok().out.splitlines() == sentences[-4:]


def test_mikolovs_table_and_one_number_a_line(trained: Path, run: Any, text: Path) -> None:
    out = run("score", trained, text, "--format", "mikolov", "--level", "word").ok().out
    header, dashes, *words, _, log10, _, ppl = out.splitlines()
    assert header == "Index   P(NET)          Word"
    assert set(dashes) == {"-"}
    parsed = [word.split() for word in words]
    assert [word for number, _, word in parsed if number == "-1"] == ["OOV"] * 3
    p = [float(probability) for number, probability, _ in parsed if number != "-1"]
    assert float(log10.removeprefix("test log probability: ")) == pytest.approx(sum(map(math.log10, p)), rel=1e-5)
    assert float(ppl.removeprefix("PPL net: ")) == pytest.approx(10 ** (-sum(map(math.log10, p)) / len(p)), rel=1e-5)
    numbers = run("score", trained, text, "--format", "mikolov").ok().out.splitlines()
    assert len(numbers) == 5
    assert sum(map(float, numbers)) == pytest.approx(sum(map(math.log10, p)), rel=1e-5)


def test_the_report_says_what_the_rows_do_not(trained: Path, run: Any, text: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    result = run("score", trained, text, "--level", "word", "--report", report).ok()
    found = json.loads(report.read_text())
    assert found.pop("words_outside") == {"and": 1, "flying": 1, "frobnicator": 1}
    assert found == run("score", trained, text, "--json").ok().json | {"level": "word", "format": "tsv"}
    assert found["model_sha256"][:12] in result.err
    assert f"perplexity {found['perplexity']:.2f}" in result.err
    assert run("score", trained, text, "--quiet").ok().err == ""
    run("score", trained, text, "--report", tmp_path / "no" / "report.json").refused(5, "report.json")


ITEMS = {
    "items.tsv": 'item\tcondition\tsentence\n1\tgood\tThe cat sees milk.\n1\tbad\t"Milk," said the cat.\n',
    "items.csv": 'item;condition;sentence\n1;good;The cat sees milk.\n1;bad;"""Milk,"" said the cat."\n',
    "items.jsonl": '{"item": 1, "condition": "good", "sentence": "The cat\\nsees milk."}\n'
                   '{"condition": "bad", "sentence": "\\"Milk,\\" said the cat.", "item": 1}\n',
}  # fmt: skip


@pytest.mark.parametrize("name", ITEMS)
def test_columns_are_named_and_kept(trained: Path, run: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(ITEMS[name], "utf-8")
    found = rows(run("score", trained, path, "--field", "sentence", "--keep", "item,condition").ok().out)
    plain = rows(run("score", trained, stdin=b'The cat sees milk.\n"Milk," said the cat.\n').ok().out)
    assert [(row["line"], row["item"], row["condition"]) for row in found] == [("1", "1", "good"), ("2", "1", "bad")]
    assert [row["bits"] for row in found] == [row["bits"] for row in plain]
    words = run("score", trained, path, "--field", "sentence", "--keep", "condition", "--level", "region", "--json")
    told = [json.loads(line) for line in words.ok().out.splitlines()]
    assert [row["condition"] for row in told] == ["good"] * 5 + ["bad"] * 5
    run("score", trained, path).refused(3, name, "--field")
    run("score", trained, path, "--field", "text").refused(3, name, "text")
    run("score", trained, path, "--keep", "item").refused(2, "--keep")
    run("score", trained, path, "--field", "sentence", "--keep", "item,bits").refused(2, "--keep bits")
    bad = tmp_path / "bad.jsonl"
    for value, word in (("null", "not text"), ("3", "not text"), ('"the \\ud800 cat"', "surrogate")):
        bad.write_text(f'{{"sentence": {value}}}\n')
        run("score", trained, bad, "--field", "sentence").refused(3, "line 1", word)


def test_identifiers_may_end_with_a_blank(trained: Path, run: Any) -> None:
    found = rows(run("score", trained, "--ids", "blank", stdin=b"utt-7 the cat\nutt-3\n\nutt-9   sees\n").ok().out)
    assert [(row["id"], row["tokens"]) for row in found] == [("utt-7", "3"), ("utt-3", "0"), ("", "0"), ("utt-9", "2")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pairs.tsv", "good\tbad\ttype\nthe cat sees\tthe cat see\tagreement\n"),
        ("pairs.tsv", "sentence_good\tsentence_bad\tUID\nthe cat sees\tthe cat see\tagreement\n"),
        ("blimp.jsonl", '{"sentence_bad": "the cat see", "sentence_good": "the cat sees", "UID": "agreement"}\n'),
    ],
)
def test_pairs_with_a_header_and_those_of_blimp(
    trained: Path, run: Any, tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    found = run("pairs", trained, tmp_path / name, "--json").ok().json
    assert (found["pairs"], list(found["types"])) == (1, ["agreement"])
    (tmp_path / "bad.jsonl").write_text('{"good": "a"}\n')
    run("pairs", trained, tmp_path / "bad.jsonl").refused(3, "line 1", "sentence_good")


def test_characters_and_words_that_training_never_saw_are_noticed(trained: Path, run: Any, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("the ćat sees the dog\nthe cat “sees” the ćat\n", "utf-8")
    for command in (("score", trained, path), ("evaluate", trained, "--text", path)):
        said = run(*command).ok().err
        assert "2 characters that no token of the vocabulary has: ć (U+0107)" in said
        assert "of its tokens are unknown, 0.0% of train's were" in said
    path.write_text("the cat sees the dog\n")
    for command in (("score", trained, path), ("evaluate", trained, "--text", path), ("evaluate", trained)):
        assert "characters" not in run(*command).ok().err
        assert "unknown," not in run(*command).ok().err


def test_a_pair_with_an_unknown_word_is_noticed(trained: Path, run: Any, tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("the cat sees\tthe cat see\nthe frobnicators see\tthe frobnicators sees\n")
    assert "a word outside the vocabulary in 1 pairs" in run("pairs", trained, path).ok().err
    assert run("pairs", trained, path, "--level", "corpus", "--json").ok().json["with_unknown_words"] == 1
    path.write_text("the cat sees\tthe cat see\n")
    assert "vocabulary" not in run("pairs", trained, path).ok().err


def test_a_program_can_write_a_line_and_wait_for_its_figure(trained: Path, quick_command: list[str]) -> None:
    arguments = [*quick_command, "score", trained, "--format", "mikolov", "--quiet"]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    answers = []
    for line in (b"the cat sees milk\n", b"the dog likes bread\n"):
        process.stdin.write(line)
        process.stdin.flush()
        answers.append(float(process.stdout.readline()))
    assert max(answers) < 0
    rest, errors = process.communicate()
    assert (rest, errors, process.returncode) == (b"", b"", 0)


def test_a_reader_that_leaves_ends_it_silently(trained: Path, quick_command: list[str], tmp_path: Path) -> None:
    many = tmp_path / "many.txt"
    many.write_text("the cat sees milk\n" * 20_000)
    arguments = [*quick_command, "score", trained, many, "--level", "word", "--quiet"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


PAIRS = """the cats see milk\tthe cats sees milk\tplural
the cat sees milk\tthe cat see milk\tsingular

the birds find bread\tthe birds finds bread\tplural
the dog likes a tree\tThe dog likes a tree!\tnone 10
the dog likes a tree\tthe dog like a tree\tnone 9
"""


def test_minimal_pairs_are_won_by_type(trained: Path, run: Any, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(PAIRS)
    found = run("pairs", trained, pairs, "--json").ok().json
    assert (found["pairs"], found["same"]) == (5, 1)
    assert list(found["types"]) == ["none 9", "none 10", "plural", "singular"]
    assert found["types"]["none 10"]["accuracy"] == 0, "lines that are one to the model are not told apart"
    assert found["correct"] == sum(each["correct"] for each in found["types"].values())
    assert found["accuracy"] == found["correct"] / 5
    by_pair = rows(run("pairs", trained, pairs, "--level", "line").ok().out)
    assert [row["line"] for row in by_pair] == ["1", "2", "4", "5", "6"]
    bits = rows(run("score", trained, stdin=b"the cats see milk\nthe cats sees milk\n").ok().out)
    assert [float(by_pair[0][name]) for name in ("good_bits", "bad_bits")] == pytest.approx(
        [float(row["bits"]) for row in bits], abs=1e-5
    )
    shown = run("pairs", trained, pairs).ok().out
    assert "plural" in shown
    assert "1 pairs have the same ids" in shown


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("the cat\tthe cats\nthe cat\n", ["line 2", "1 column"]),
        ("a\tb\tc\td\n", ["line 1", "4 columns"]),
        ("the cat\t \n", ["line 1", "empty"]),
        ("the cat\t…\n", ["line 1", "nothing is left"]),
        ("\n", ["no pair"]),
    ],
)
def test_broken_pairs_are_named(trained: Path, run: Any, tmp_path: Path, content: str, words: list[str]) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(content)
    run("pairs", trained, pairs).refused(3, *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--level", "token", "--format", "srilm"], ["--level token", "srilm"]),
        (["--level", "region", "--format", "kenlm"], ["--level region", "kenlm"]),
        (["--json", "--format", "mikolov"], ["--json"]),
        (["--level", "sentence"], ["sentence"]),
        (["--batch-size", "0"], ["--batch-size"]),
        (["--pairs", "p"], ["--pairs", "rnnlm pairs"]),
    ],
)
def test_flags_that_cannot_be_meant(trained: Path, run: Any, arguments: list[str], words: list[str]) -> None:
    run("score", trained, *arguments).refused(2, *words)


@pytest.mark.parametrize("arguments", [["--level", "word"], ["--context", "stream"], ["another"]])
def test_what_pairs_do_not_have_is_refused(trained: Path, run: Any, tmp_path: Path, arguments: list[str]) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(PAIRS)
    run("pairs", trained, pairs, *arguments).refused(2, arguments[0])


def test_texts_that_cannot_be_read(trained: Path, run: Any, tmp_path: Path) -> None:
    run("score", trained, tmp_path / "none.txt").refused(3, "none.txt does not exist")
    run("score", trained, tmp_path).refused(3, "is a directory")
    (tmp_path / "latin.txt").write_bytes(b"the cat\nthe d\xf6g\n")
    refused = run("score", trained, tmp_path / "latin.txt", "--quiet")
    refused.refused(3, "not UTF-8 at byte 13")
    run("score", trained, stdin=b"the\0cat\n").refused(3, "zero byte")
    run("score", tmp_path / "missing").refused(3)


def test_every_level_and_format_is_tried_here(trained: Path, run: Any) -> None:
    """Each combination that the settings allow runs on one line of an unknown word, and on an empty one."""
    for form in ("tsv", "jsonl", "srilm", "kenlm", "mikolov"):
        for level in ("corpus", "line", "word", "token", "region"):
            try:
                ScoreSettings(level=level, format=form).check()  # type: ignore[arg-type]
            except Exception:
                continue
            out = run("score", trained, "--level", level, "--format", form, stdin="frob ✓\n\n".encode()).ok().out
            assert out.endswith("\n") or not out


def test_the_builtin_pairs_are_scored(run: Any, trained: Path, tmp_path: Path, train_flags: Callable[..., Any]) -> None:
    run("corpus", "pairs", "--count", 40, "--out", tmp_path).ok()
    found = run("pairs", trained, tmp_path / "pairs.tsv", "--json").ok().json
    assert found["pairs"] == 40
    assert all(name.startswith("distance ") for name in found["types"])
