"""Sentences of an experiment: regions, columns for regressions, several models in one table, pairs by field."""

import itertools
import json
import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from speakers import network_of, rules_of, table_of

import rnnlm
from rnnlm.cli.run import run as main
from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT, START_ID, tokens_by_id
from rnnlm.errors import InputError, UsageError
from rnnlm.model.likelihood import log_probabilities
from rnnlm.model.loading import load_model
from rnnlm.model.sealed import read_sealed
from rnnlm.use.scoring.pairs import MinimalPair, ScoredPair, Tallies, read_pairs, wilson
from rnnlm.use.scoring.regions import Region, barred, named
from rnnlm.use.scoring.scored import BITS
from rnnlm.use.scoring.scorer import Scorer, Wanted

SPACES = tuple(" \tĠĉĊċČčĜĝĞğ")  # also as byte-level tokens write the bytes 9 to 13 and 28 to 32


def test_bars_end_words_and_number_their_regions() -> None:
    assert barred("The dog| that  chased |the cat", "x") == (
        "The dog that chased the cat", (Region("1", 2), Region("2", 2), Region("3", 2))
    )  # fmt: skip
    assert barred("no bar", "x") == ("no bar", (Region("1", 2),))
    assert barred("", "x") == ("", ())
    for bad in ("| the dog", "the dog |", "the || dog", "the | \x01 | dog"):
        with pytest.raises(InputError, match="line 3: a region without words"):
            barred(bad, "line 3")


def test_a_column_names_the_region_of_each_word() -> None:
    assert named("the dog ran off", "np np v v", "x") == (Region("np", 2), Region("v", 2))
    assert named("the dog ran", "the dog | ran", "x") == (Region("1", 2), Region("2", 1))
    assert named("the dog ran", ["noun phrase", "noun phrase", "v"], "x") == (Region("noun phrase", 2), Region("v", 1))
    for wrong in (None, 3, ["np", 1, "v"], ["np", "", "v"]):
        with pytest.raises(InputError, match="the regions are"):
            named("the dog ran", wrong, "x")
    with pytest.raises(InputError, match="2 names of regions for 3 words"):
        named("the dog ran", "np v", "x")
    with pytest.raises(InputError, match="are not those of the text"):
        named("the dog ran", "the cat | ran", "x")


@pytest.mark.parametrize("case", ["word", "char", "bpe", "byte"])
def test_bits_of_regions_are_those_of_a_slow_sum_in_float64(case: str) -> None:
    rules = rules_of(case)
    model = network_of(rules).double()
    text, regions = barred("The cat | doesn't see | a half-hearted — dog", "x")
    (line,) = Scorer(model, rules, wanted=Wanted(words=True, spans=True)).lines([f"{text}\n".encode()])
    table = table_of(rules, "region", regions=regions)
    found = list(table.of([line]))
    assert [row["word"] for row in found] == ["The cat", "doesn't see", "a half-hearted — dog", "</s>"]
    assert [row["region"] for row in found] == ["1", "2", "3", "</s>"]
    ids, states, log_ps = line.line.ids.tolist(), model.initial_state(1), []
    with torch.inference_mode():
        for before in [START_ID, *ids[:-1]]:
            hidden, states = model(torch.tensor([[before]]), states)
            log_ps.append(log_probabilities(model, hidden[0])[0].tolist())
    costs = [-log_p[number - FIRST_OUTPUT] * BITS for log_p, number in zip(log_ps, ids, strict=True)]
    names = tokens_by_id(rules.tokenizer)
    # Where tokens hold the space before a word, so does the cost of its end: that a word begins, or the line ends.
    spaced = [n for n, name in enumerate(names) if n == END_ID or name.startswith(SPACES)]

    def begins(at: int) -> float:
        if case == "word":
            return 0.0
        return -math.log2(sum(math.exp(log_ps[at][number - FIRST_OUTPUT]) for number in spaced))

    # The first token of each region, which may be the space before it.
    first = [min(i for i in range(len(ids)) if line.span(i, i + 1)[1] > row["start"]) for row in found[:-1]]
    first = [i - 1 if i and names[ids[i - 1]] in SPACES else i for i in first]
    for row, start, end in zip(found[:-1], first, [*first[1:], len(ids) - 1], strict=True):
        slow = sum(costs[start:end]) - (begins(start) if start else 0.0) + begins(end)
        assert row["bits"] == pytest.approx(slow, abs=1e-9), row["word"]
    assert sum(row["bits"] for row in found) == pytest.approx(sum(costs), abs=1e-9)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a network and an n-gram model of one text."""
    place = tmp_path_factory.mktemp("items")
    lines = ["The dog ran away", "the cat saw the dog", "a dog's cat ran", "the half-red cat saw a dog"] * 20
    (place / "corpus.txt").write_text("".join(f"{line}\n" for line in lines))
    run(f"train {place}/corpus.txt --out {place}/work --hidden 8 --embedding 8 --steps 20 --name net --quiet")
    run(f"ngram {place}/work --order 3 --quiet")
    return place / "work"


def run(command: str) -> None:
    """A command that succeeds."""
    assert main(command.split()) == 0


def rows_of(out: str) -> list[dict[str, str]]:
    """Rows of TSV by the names of their columns."""
    header, *rows = [line.split("\t") for line in out.splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_words_before_and_frequency_are_columns(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work.parent / "new.txt").write_text("The dog saw zebras\nthe half-red cat\n")
    run(f"score {work} {work.parent}/new.txt --level region --lags 2 --model net --quiet")
    rows = rows_of(capsys.readouterr().out)
    counts = Counter((work / "clean" / "train.txt").read_text().split())
    total = sum(counts.values())
    assert [row["length"] for row in rows] == ["3", "3", "3", "6", "0", "3", "8", "3", "0"]
    assert float(rows[1]["log_frequency"]) == pytest.approx(math.log2(counts["dog"] / total))
    assert rows[3]["log_frequency"] == rows[4]["log_frequency"] == "NA"
    half = sum(math.log2(counts[word] / total) for word in ("half", "red"))
    assert float(rows[6]["log_frequency"]) == pytest.approx(half)
    for place, row in enumerate(rows):
        for lag in (1, 2):
            same_line = place >= lag and rows[place - lag]["line"] == row["line"]
            for name in ("bits", "length", "log_frequency"):
                assert row[f"{name}_{lag}"] == (rows[place - lag][name] if same_line else "NA")


def test_several_models_have_columns_of_their_own(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work.parent / "two.txt").write_text("The dog saw the zebra\n\na half-red cat\n")
    found = {}
    for name in ("net", "ngram", "net,ngram"):
        run(f"score {work} {work.parent}/two.txt --level region --lags 1 --model {name} --quiet")
        found[name] = rows_of(capsys.readouterr().out)
    for net, ngram, both in zip(*found.values(), strict=True):
        for name in ("bits", "unknown", "words"):
            assert (both[f"{name}_net"], both[f"{name}_ngram"]) == (net[name], ngram[name])
        assert (both["bits_net_1"], both["bits_ngram_1"]) == (net["bits_1"], ngram["bits_1"])
        assert all(both[name] == net[name] for name in ("line", "position", "word", "length", "log_frequency_1"))
    run(f"score {work} {work.parent}/two.txt --model net,ngram --json --quiet")
    corpus = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [report["model"] for report in corpus] == ["net", "ngram"]
    run(f"score {work} {work.parent}/two.txt --model net,ngram --quiet --report {work.parent}/report.json")
    assert set(json.loads((work.parent / "report.json").read_text())["models"]) == {"net", "ngram"}
    assert "tokens_net\tbits_net\tunknown_tokens_net\ttokens_ngram" in capsys.readouterr().out


def test_items_with_regions_by_column(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work.parent / "items.tsv").write_text("item\tsentence\tparts\n1\tThe dog | saw the cat\tx\n2\tA cat | ran\ty\n")
    run(f"score {work} {work.parent}/items.tsv --field sentence --keep item --regions | --quiet")
    rows = rows_of(capsys.readouterr().out)
    assert [(row["item"], row["region"], row["word"]) for row in rows] == [
        ("1", "1", "The dog"), ("1", "2", "saw the cat"), ("1", "</s>", "</s>"), ("2", "1", "A cat"), ("2", "2", "ran"),
        ("2", "</s>", "</s>"),
    ]  # fmt: skip
    (work.parent / "named.jsonl").write_text('{"text": "The dog saw the cat", "parts": "np np v np2 np2"}\n')
    run(f"score {work} {work.parent}/named.jsonl --field text --regions parts --json --quiet")
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["region"] for row in found] == ["np", "v", "np2", "</s>"]


def test_a_blank_line_has_no_region_and_shifts_nothing(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work.parent / "gaps.txt").write_text("the dog | ran\n\na cat\n")
    (work.parent / "gaps.jsonl").write_text('{"s": "the dog | ran", "k": 1}\n\n{"s": "a cat", "k": 3}\n')
    for flags in (f"{work.parent}/gaps.txt", f"{work.parent}/gaps.jsonl --field s --keep k"):
        run(f"score {work} {flags} --regions | --quiet --model net,ngram")
        rows = rows_of(capsys.readouterr().out)
        assert [(row["line"], row["word"]) for row in rows] == [
            ("1", "the dog"), ("1", "ran"), ("1", "</s>"), ("3", "a cat"), ("3", "</s>")
        ]  # fmt: skip
        assert all(row.get("k", row["line"]) == row["line"] for row in rows)


def test_frequencies_of_another_cleaning_are_not_taken(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = work.parent / "other"
    shutil.copytree(work, place)
    run(f"clean {place} --case keep --quiet")
    capsys.readouterr()
    (work.parent / "one.txt").write_text("the dog\n")
    run(f"score {place} {work.parent}/one.txt --level word --lags 0 --model net")
    shown = capsys.readouterr()
    assert "log_frequency is NA" in shown.err
    assert [row["log_frequency"] for row in rows_of(shown.out)] == ["NA"] * 3


def test_prose_is_split_into_sentences(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work.parent / "prose.txt").write_text("The dog ran. The cat saw\nthe dog!\n\n\nA dog ran.\n")
    run(f"score {work} {work.parent}/prose.txt --sentences --level region --quiet")
    rows = rows_of(capsys.readouterr().out)
    assert [row["line"] for row in rows if row["word"] == "</s>"] == ["1", "2", "3"]
    assert [row["word"] for row in rows if row["line"] == "2"] == ["The", "cat", "saw", "the", "dog!", "</s>"]


def test_spans_of_a_score_in_python_add_up(work: Path) -> None:
    model: Any = rnnlm.load(work, model="net")
    score = model.score("The dog saw the cat\na cat ran", level="token")
    for line, words in ((1, 5), (2, 3)):
        whole = sum(row["bits"] for row in score if row["line"] == line)
        assert score.between(0, words + 1, line=line) == pytest.approx(whole)
        assert score.between(0, 2, line=line) + score.between(2, 9, line=line) == pytest.approx(whole)
        assert score.between(0, 4, "character", line) + score.between(4, 99, "character", line) == pytest.approx(whole)
    assert score.between(4, 7, "character") == score.between(1, 2) > 0
    by_hand = load_model(read_sealed(work / "models" / "net"), "cpu").double()  # type: ignore[union-attr]
    ids = model.ids("The dog saw")
    states, bits = by_hand.initial_state(1), []
    with torch.inference_mode():
        for before, after in itertools.pairwise(ids):
            hidden, states = by_hand(torch.tensor([[before]]), states)
            bits.append(-float(log_probabilities(by_hand, hidden[0])[0, after - 2]) * BITS)
    assert score.between(1, 3) == pytest.approx(sum(bits[1:3]), abs=1e-4)
    with pytest.raises(UsageError, match="line 7 has no words"):
        score.between(0, 1, line=7)
    regions = model.score("The dog | saw the cat", regions=True, lags=1)
    assert [row["word"] for row in regions] == ["The dog", "saw the cat", "</s>"]
    assert regions.rows[1]["bits_1"] == regions.rows[0]["bits"]
    alone: Any = rnnlm.load(work / "models" / "net")
    with pytest.warns(UserWarning, match="log_frequency is NA"):
        assert alone.score("the dog", level="word", lags=0).rows[0]["log_frequency"] is None


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ("--model net,ngram --level word", "several models"),
        ("--model net,net", "names a model twice, or none"),
        ("--lags 1", "--lags without --level word or region"),
        ("--regions column", "--regions column without --field"),
        ("--regions | --level word", "--regions with"),
        ("--sentences --regions |", "--sentences with"),
    ],
)
def test_what_does_not_fit_is_exit_2(flags: str, says: str, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work.parent / "a.txt").write_text("the dog\n")
    assert main(f"score {work} {work.parent}/a.txt {flags}".split()) == 2
    assert says in capsys.readouterr().err


def test_pairs_by_field_and_type_have_intervals() -> None:
    lines = [
        "UID\tfield\tbad sentence\tgood sentence",
        "agr\tsyntax\tthe dog run\tthe dog runs",
        "npi\t\tx any\tno any",
    ]
    pairs = list(read_pairs(lines, "pairs.tsv"))
    assert pairs == [
        MinimalPair(2, "the dog runs", "the dog run", "agr", "syntax"),
        MinimalPair(3, "no any", "x any", "npi", ""),
    ]
    record = {"sentence_good": "a", "sentence_bad": "b", "UID": "u", "field": "morphology", "linguistics_term": "t"}
    assert list(read_pairs([json.dumps(record)], "blimp.jsonl")) == [MinimalPair(1, "a", "b", "u", "morphology")]
    assert list(read_pairs(["goodSentence\tbadSentence\ttype", "a\tb"], "p.tsv")) == [MinimalPair(2, "a", "b", "")]
    with pytest.raises(InputError, match="line 2: 1 column") as refused:
        list(read_pairs(["bad\tgood", "a"], "p.tsv"))
    assert "write bad, good with tabs" in refused.value.hint
    null = json.dumps({"sentence_good": "a", "sentence_bad": "b", "field": None})
    assert list(read_pairs([null], "blimp.jsonl")) == [MinimalPair(1, "a", "b", "")]
    with pytest.raises(InputError, match="the header is bad, type"):
        list(read_pairs(["bad\ttype", "a\tb"], "pairs.tsv"))
    tallies = Tallies()
    for number in range(10):
        tallies.add(
            ScoredPair(MinimalPair(number, "a", "b", f"t{number % 2}", "f"), 1.0, 2.0 - number // 8, False, False)
        )
    found = tallies.metrics()
    assert found["fields"]["f"]["accuracy"] == 0.8
    assert found["types"]["t0"]["field"] == "f"
    assert found["accuracy_interval"] == pytest.approx([0.4902, 0.9433], abs=1e-4)


def test_a_type_of_two_fields_is_named_with_each() -> None:
    tallies = Tallies()
    for of in ("morph", "syntax"):
        tallies.add(ScoredPair(MinimalPair(1, "a", "b", "adj", of), 1.0, 2.0, False, False))
    tallies.add(ScoredPair(MinimalPair(1, "a", "b", "one", "syntax"), 1.0, 2.0, False, False))
    assert list(tallies.metrics()["types"]) == ["morph: adj", "syntax: adj", "one"]


def test_an_interval_of_a_proportion() -> None:
    """Against Wilson's equation |p − x| = z √(x (1 − x) / n), whose two roots the ends are."""
    for correct, count in ((0, 5), (5, 5), (3, 7), (900, 1000)):
        p = correct / count
        for end in wilson(correct, count):
            assert abs(p - end) == pytest.approx(1.959964 * math.sqrt(max(0.0, end * (1 - end)) / count), abs=1e-9)
            assert 0 <= end <= 1


def test_what_a_model_does_not_know_is_listed_by_item(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = work.parent
    (place / "some.tsv").write_text(
        "item\tcondition\tsentence\n1\ta\tThe dog | saw\n1\tb\tThe zebra | saw gnus\n2\ta\tA cat | ran away\n"
    )
    (place / "some.jsonl").write_text('{"sentence": "The dog saw"}\n'.replace("}", ', "condition": 1}') * 2)
    run(f"look {place}/some.tsv {place}/some.jsonl --model {work} --json")
    table, lines = json.loads(capsys.readouterr().out).values()
    assert table["items with unknown words"] == "1 of 2: 1 (zebra, gnus)"
    assert table["command"].endswith("--field sentence --keep item,condition --regions '|'")
    assert lines["items with unknown words"] == "0 of 2"
    (place / "holes.jsonl").write_text('{"sentence": "gnu gnu | ran", "item": 4}\n{"sentence": "a cat ran"}\n')
    run(f"look {place}/holes.jsonl --model {work} --json")
    assert next(iter(json.loads(capsys.readouterr().out).values()))["items with unknown words"] == "1 of 2: 1 (gnu)"
