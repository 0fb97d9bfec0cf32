"""Scores of one's own text: the same however the work is cut, what a slow loop makes of it, and sums that add up."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from speakers import CASES, network_of, rules_of, table_of

from rnnlm.corpus.clean import UnitRule
from rnnlm.corpus.text import TextRules, encode_text
from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT, START_ID, UNKNOWN_ID, build_tokenizer
from rnnlm.corpus.wording import word_marks
from rnnlm.errors import InputError
from rnnlm.model.likelihood import log_probabilities, text_nats
from rnnlm.model.network import Network
from rnnlm.model.ngram.grams import read_grams
from rnnlm.model.ngram.kneser_ney import estimate
from rnnlm.model.ngram.model import NgramModel
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.use.scoring import lines as reading
from rnnlm.use.scoring.rows import WordTexts
from rnnlm.use.scoring.scored import BITS, ScoredLine
from rnnlm.use.scoring.scorer import Scorer, Wanted
from rnnlm.use.scoring.totals import Totals

ALL = Wanted(words=True, ranks=True, spans=True)
TEXT = """The cat sees a dog.
the half-hearted cats   DON'T see — a café

…
cafe\u0301 ﬁne, frobnicated 3½
 a\ta

the the the the the the the the the the the the the the the the the the the the the the the the the the the the
dog
"""


def scored(model: Network, rules: TextRules, text: str = TEXT, **how: Any) -> list[ScoredLine]:
    """A text scored."""
    return list(Scorer(model, rules, **how).lines([text.encode()]))


def slow(model: Network, ids: list[int]) -> torch.Tensor:
    """(tokens, outputs) log p of one sequence in float64, one step after the other."""
    found, states = [], model.initial_state(1)
    with torch.inference_mode():
        for before in [START_ID, *ids[:-1]]:
            hidden, states = model(torch.tensor([[before]]), states)
            found.append(log_probabilities(model, hidden[0])[0])
    return torch.stack(found)


@pytest.mark.parametrize("case", CASES)
def test_every_figure_is_that_of_a_slow_loop(case: str) -> None:
    rules = rules_of(case)
    model = network_of(rules).double()
    marks = word_marks(rules)
    lines = scored(model, rules, wanted=ALL)
    assert [line.line.text for line in lines] == TEXT.split("\n")[:-1]
    for each in lines:
        ids = each.line.ids.tolist()
        if not ids:
            continue
        log_p = slow(model, ids)
        targets = torch.tensor(ids) - FIRST_OUTPUT
        nats = -log_p.gather(1, targets.unsqueeze(1))[:, 0]
        assert each.scores.nats == pytest.approx(nats.numpy(), abs=1e-10)
        assert each.scores.rank is not None
        assert each.scores.rank.tolist() == [
            1 + sum(float(other) > float(row[target]) for other in row)
            for row, target in zip(log_p, targets, strict=True)
        ]
        assert each.scores.entropy == pytest.approx(
            [-sum(p * math.log(p) for p in row.exp().tolist()) for row in log_p]
        )
        ends = log_p[:, torch.from_numpy(marks.marked[FIRST_OUTPUT:])].exp().sum(1)
        bounds = [-math.log(p) if marks.has_boundaries else 0.0 for p in ends.tolist()]
        starts = [*np.flatnonzero(each.starts).tolist(), len(ids)]
        expected = []
        for number, (first, last) in enumerate(itertools.pairwise(starts)):
            cost = float(nats[first:last].sum())
            cost -= bounds[first] if number else 0.0
            cost += bounds[last] if last < len(ids) else 0.0
            expected.append(cost)
        words = each.words()
        assert [word.nats for word in words] == pytest.approx(expected, abs=1e-9)
        assert min(expected) > -1e-9, "a word's probability is at most 1"
        assert words[-1].last == len(ids)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("unknown", ["score", "exclude"])
def test_rows_of_every_level_add_up(case: str, unknown: Any) -> None:
    rules = rules_of(case)
    model = network_of(rules)
    sums = {}
    lines = scored(model, rules, wanted=ALL, unknown=unknown)
    totals = Totals()
    for level in ("line", "word", "token", "region"):
        rows = table_of(rules, level, ids=False)
        sums[level] = [[row["bits"] for row in rows.of([each])] for each in lines]
        for each in lines:
            for row in rows.of([each]):
                assert tuple(row) == rows.fields
    for each in lines:
        totals.add(each)
    whole = [sum(bits) for bits in sums["line"]]
    for level in ("word", "token", "region"):
        parts = [sum(bit for bit in bits if bit is not None) for bits in sums[level]]
        assert parts == pytest.approx(whole, abs=1e-9)
    assert totals.nats * BITS == pytest.approx(sum(whole), abs=1e-9)
    assert totals.tokens == sum(each.tokens for each in lines)
    assert totals.lines == len(lines) == 9
    if unknown == "exclude":
        assert totals.excluded == totals.outside


@pytest.mark.parametrize(("cell", "cuts"), [("lstm", ()), ("gru", ()), ("elman", ()), ("lstm", (5, 20))])
def test_a_tokens_figure_does_not_depend_on_how_the_work_is_cut(cell: str, cuts: tuple[int, ...]) -> None:
    rules = rules_of("char")
    model = network_of(rules, cell, cuts=cuts, scale=0.4)
    random = np.random.Generator(np.random.PCG64(3))
    letters = list("abcdefgh  t")
    texts = ["".join(random.choice(letters, random.integers(1, 90))) + "a" for _ in range(150)]
    alone = [next(iter(scored(model, rules, f"{text}\n"))).scores.nats for text in texts]

    def metrics(model: Network, order: list[int], batch_size: int) -> list[Any]:
        text = "".join(f"{texts[number]}\n" for number in order)
        found = scored(model, rules, text, batch_size=batch_size)
        return [found[order.index(number)].scores.nats for number in range(len(texts))]

    order = list(range(len(texts)))
    shuffled = random.permutation(len(texts)).tolist()
    for precision, tolerance in (("float32", 1e-5), ("float64", 1e-10)):
        if precision == "float64":
            model.double()
            alone = [next(iter(scored(model, rules, f"{text}\n"))).scores.nats for text in texts]
        for engine in ("fused", "readable"):
            model.use_engine(engine)
            for rows, size in ((order, 1), (order, 7), (order[::-1], 7), (shuffled, 64), (order, 64)):
                for own, other in zip(alone, metrics(model, rows, size), strict=True):
                    assert own == pytest.approx(other, abs=tolerance)


@pytest.mark.parametrize("case", ["word", "char", "whitespace prepared"])
@pytest.mark.parametrize("context", ["sentence", "document", "stream"])
def test_every_context_costs_what_evaluation_says(
    case: str, context: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where lines come in many windows, so that the state is carried from one to the next."""
    rules = rules_of(case)
    model = network_of(rules)
    text = TEXT * 5
    encoded = encode_text([text.encode()], rules, tmp_path)
    nats = np.full(len(encoded.ids.ids), np.nan)
    for span in text_nats(model, encoded.ids, context, 7):
        nats[span.start : span.start + len(span.nats)] = span.nats
    for window in (2**18, 60, 1):
        monkeypatch.setattr(reading, "_WINDOW", window)
        scorer = Scorer(model, rules, context=context, batch_size=3)
        lines = list(scorer.lines([text.encode()]))
        assert np.concatenate([each.scores.nats for each in lines]) == pytest.approx(nats, abs=1e-5)
        totals = Totals()
        for each in lines:
            totals.add(each)
        metrics = totals.metrics(scorer.digests)
        assert metrics["raw_sha256"] == encoded.raw_sha256
        assert metrics["cleaned_sha256"] == encoded.cleaned_sha256
        assert metrics["tokens"] == len(nats)
        assert metrics["unknown_tokens"] == encoded.unknown_tokens
        assert metrics["out_of_vocabulary_tokens"] == encoded.out_of_vocabulary_tokens
        assert metrics["bits_per_character"] == pytest.approx(nats.sum() * BITS / encoded.characters, rel=1e-6)
        assert metrics["bits_per_byte"] == pytest.approx(nats.sum() * BITS / encoded.bytes, rel=1e-6)


def test_a_stream_goes_on_over_texts_and_a_document_does_not() -> None:
    rules = rules_of("word")
    model = network_of(rules)
    one, two = b"the cat\nsees a dog\n", b"a dog\nthe cat\n"

    def of(context: str, *texts: bytes) -> list[float]:
        scorer = Scorer(model, rules, context=context)
        return [each.nats for text in texts for each in scorer.lines([text])]

    together = of("stream", one + two)
    assert of("stream", one, two) == pytest.approx(together, abs=1e-5)
    assert of("document", one, two) == pytest.approx([*of("document", one), *of("document", two)], abs=1e-5)
    assert of("document", one, two)[:3] != pytest.approx(together[:3], abs=1e-3)
    assert of("document", one) == pytest.approx(together[:2], abs=1e-5)


def test_probabilities_of_all_words_sum_to_one() -> None:
    """Of all that may follow the word `a`: words of up to three letters, longer ones, and the line's end."""
    rule, units = rules_of("char").rule, rules_of("char").units
    rules = TextRules("char", rule, units, build_tokenizer("char", rule, [" ", "a", "b"]))
    model = network_of(rules).double()
    blank, a, b = (rules.tokenizer.token_to_id(each) - FIRST_OUTPUT for each in " ab")
    end, unknown = END_ID - FIRST_OUTPUT, UNKNOWN_ID - FIRST_OUTPUT

    def p(text: str) -> Any:
        """The distribution after a text; z is the unknown letter."""
        ids = [{" ": blank, "a": a, "b": b, "z": unknown}[each] + FIRST_OUTPUT for each in text]
        return slow(model, [*ids, END_ID])[-1].exp()

    words = ["".join(each) for length in (1, 2, 3) for each in itertools.product("abz", repeat=length)]
    found = scored(model, rules, "".join(f"a {word}\n" for word in words), wanted=Wanted(words=True))
    total, begun = 0.0, float(p("a")[[blank, end]].sum())
    for word, each in zip(words, found, strict=True):
        nats = each.words()[1].nats
        assert nats is not None
        total += math.exp(-nats)
        if len(word) == 3:
            total += (
                float(np.exp(-each.scores.nats[1:-1].sum())) / begun * (1 - float(p(f"a {word}")[[blank, end]].sum()))
            )
    over = float(p("a")[end] + p("a")[blank] * p("a ")[[blank, end]].sum()) / begun
    assert total + over == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("case", "word"), [("word", "frobnicated"), ("char", "x"), ("t5", "a part of it")])
def test_unknown_words_are_scored_left_out_or_refused(case: str, word: str) -> None:
    rules = rules_of(case)
    model = network_of(rules)
    text = "the cat\nthe xx frobnicated dog\n" if case == "char" else "the cat\nthe frobnicated dog\n"
    _, plain = scored(model, rules, text)
    _, without = scored(model, rules, text, unknown="exclude")
    assert plain.tokens == without.tokens + int(without.line.outside.sum())
    assert without.nats == pytest.approx(plain.nats - plain.scores.nats[plain.line.outside].sum())
    lines = Scorer(model, rules, unknown="error").lines([text.encode()])
    next(lines)
    with pytest.raises(InputError, match=f"line 2: .*{word}"):
        next(lines)


def test_a_texts_own_unknown_word_is_always_scored() -> None:
    rules = rules_of("whitespace prepared")
    model = network_of(rules)
    for unknown in ("score", "exclude", "error"):
        (line,) = scored(model, rules, "the <unk> sees <s>\n", unknown=unknown, wanted=Wanted(words=True))
        words = line.words()
        assert [word.unknown for word in words] == [False, True, False, True, False]
        assert None not in [word.nats for word in words]
    (line,) = scored(model, rules, "the frob\n", unknown="exclude", wanted=Wanted(words=True))
    assert [word.nats is None for word in line.words()] == [False, True, False]


def test_lines_without_words_are_no_units_but_where_every_line_is_one() -> None:
    found = scored(network_of(rules_of("word")), rules_of("word"), "\n…\nthe\n\n")
    assert [each.tokens for each in found] == [0, 0, 2, 0]
    assert [each.nats for each in found][:2] == [0, 0]
    for case in ("whitespace prepared", "char"):
        found = scored(network_of(rules_of(case)), rules_of(case), "\n\nthe\n\n")
        assert [each.line.ids.tolist() == [END_ID] for each in found] == [True, True, False, True]


def test_identifiers_go_through_unread_and_one_that_is_missing_is_named() -> None:
    rules = rules_of("word")
    model = network_of(rules)
    text = "u-1\tthe cat\n\nu 2\tsees\ta dog\nu3\t\n"
    found = scored(model, rules, text, ids="tab", wanted=ALL)
    assert [each.line.id for each in found] == ["u-1", "", "u 2", "u3"]
    assert [each.nats for each in found] == pytest.approx(
        [each.nats for each in scored(model, rules, "the cat\n\nsees a dog\n\n")], abs=1e-5
    )
    rows = table_of(rules, "word", ids=True)
    (row, *_) = rows.of([found[2]])
    assert row == {"line": 3, "id": "u 2", "position": 1, "word": "sees", "start": 0, "end": 4, "bits": row["bits"],
                   "unknown": False}  # fmt: skip
    with pytest.raises(InputError, match="line 2 has no identifier"):
        scored(model, rules, "u-1\tthe cat\nsees\n", ids=True)


def test_special_strings_are_refused_where_the_models_rules_say_so() -> None:
    rules = rules_of("whitespace prepared")
    strict = TextRules(rules.kind, rules.rule, UnitRule(True, False, True), rules.tokenizer)
    with pytest.raises(InputError, match="line 2 has the special string"):
        scored(network_of(rules), strict, "the\ncat </s>\n")


def test_a_line_is_scored_before_the_next_block_is_read() -> None:
    asked = 0

    def blocks() -> Iterator[bytes]:
        nonlocal asked
        for _ in range(10**9):
            asked += 1
            yield b"the cat\nsees a dog\n"

    lines = Scorer(network_of(rules_of("word")), rules_of("word")).lines(blocks())
    assert [next(lines).line.number for _ in range(7)] == list(range(1, 8))
    assert asked == 4


def test_a_line_of_a_hundred_thousand_words_between_short_ones() -> None:
    rules = rules_of("word")
    model = network_of(rules)
    many = "the cat's sees, a dog " * 20_000
    text = f"the cat\n{many}\na dog\n"
    found = scored(model, rules, text, wanted=Wanted(words=True, spans=True))
    assert [each.tokens for each in found] == [3, 100_001, 3]
    assert [found[0].nats, found[2].nats] == pytest.approx(
        [each.nats for each in scored(model, rules, "the cat\na dog\n")], abs=1e-5
    )
    words = found[1].words()
    assert [many[slice(*found[1].span(word.first, word.last))] for word in words[5000:5005]] == [
        "the", "cat's", "sees", "a", "dog"
    ]  # fmt: skip
    assert sum(word.nats or 0 for word in words) == pytest.approx(found[1].nats)


def test_regions_are_the_words_of_the_raw_line() -> None:
    rules = rules_of("word")
    rows = table_of(rules, "region", ids=False)
    text = "  The half-hearted — cats\u00a0see ½ …"
    (line,) = scored(network_of(rules), rules, f"{text}\n", wanted=ALL)
    found = list(rows.of([line]))
    assert [row["word"] for row in found] == [*text.split(), "</s>"]
    assert all(text[row["start"] : row["end"]] == row["word"] for row in found[:-1])
    assert [row["words"] for row in found] == [1, 2, 0, 1, 1, 2, 0, 1]
    assert found[2]["bits"] == found[6]["bits"] == 0
    words = [word.nats for word in line.words()]
    assert found[1]["bits"] == pytest.approx((words[1] + words[2]) * BITS)


@pytest.mark.parametrize("case", CASES)
def test_no_word_of_the_model_is_cut_by_a_region(case: str) -> None:
    """Whatever ends a word, a no-break space or a control character, every region has the costs of its own words."""
    rules = rules_of(case)
    text = "the\u00a0cat sees a\x01dog the\u2003cat"
    (line,) = scored(network_of(rules), rules, f"{text}\n", wanted=ALL)
    found = list(table_of(rules, "region", ids=False).of([line]))
    assert all(row["words"] for row in found)
    assert sum(row["bits"] for row in found) == pytest.approx(line.nats * BITS)
    words = [line.span(word.first, word.last) for word in line.words()[:-1]]
    for row in found[:-1]:
        assert not any(start < row["start"] < end or start < row["end"] < end for start, end in words)


@pytest.mark.parametrize("case", CASES)
def test_words_are_shown_as_cleaning_left_them(case: str) -> None:
    """Whether or not the positions of their tokens in the raw text are known."""
    rules = rules_of(case)
    texts = WordTexts(rules)
    for wanted in (Wanted(words=True), ALL):
        (line,) = scored(network_of(rules), rules, "  The cats SEES  the teas\n", wanted=wanted)
        shown = [texts.of(line, word) for word in line.words()]
        assert shown == [*line.line.cleaned.split(), "</s>"]


@pytest.mark.parametrize("case", ["byte prepared", "bpe prepared"])
def test_a_no_break_space_inside_a_word_is_kept(case: str) -> None:
    rules = rules_of(case)
    (line,) = scored(network_of(rules), rules, "the a\u00a0b cat\n", wanted=Wanted(words=True))
    assert [WordTexts(rules).of(line, word) for word in line.words()] == ["the", "a\u00a0b", "cat", "</s>"]


@pytest.mark.parametrize("context", ["sentence", "document", "stream"])
def test_an_ngram_model_is_scored_in_every_context(context: str, tmp_path: Path) -> None:
    rules = rules_of("word")
    size = rules.tokenizer.get_vocab_size()
    ids = encode_text([TEXT.encode()], rules, tmp_path).ids
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    estimate(ids.ids, ids.offsets[:1], size, 3, tmp_path, Scratch(scratch))
    model = NgramModel(read_grams(tmp_path, size, 3), lines_apart=False)
    expected = np.full(len(ids.ids), np.nan)
    for span in text_nats(model, ids, context, 7):
        expected[span.start : span.start + len(span.nats)] = span.nats
    found = Scorer(model, rules, context=context).lines([TEXT.encode()])
    assert np.concatenate([each.scores.nats for each in found]) == pytest.approx(expected, abs=1e-9)
