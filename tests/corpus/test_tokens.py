"""Tokens and ids of every kind: one result in three ways, no special id from text, and decoding."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from text_strategies import any_line, any_lines
from tokenizers import Tokenizer

from rnnlm.corpus.clean import UnitRule, clean
from rnnlm.corpus.ids import Ids, open_ids
from rnnlm.corpus.normalizer import CleanRule, normalize
from rnnlm.corpus.settings import CleanSettings
from rnnlm.corpus.text import IdTable, Segmenter, TextRules, encode_text
from rnnlm.corpus.tokenize import tokenize
from rnnlm.corpus.tokenizer import END_ID, UNKNOWN_ID, build_tokenizer, load_tokenizer, shown, tokens_by_id
from rnnlm.corpus.vocabulary import VocabRule, vocab
from rnnlm.errors import StoppedError

TRAIN = """The cat sat on the mat, didn't it?
The dog sat on the cat. <s> <unk> ▁ \\ x▁y
the cat's dog isn't <pad> </s> rock'n'roll

Σας ΟΔΟΣ İstanbul café 12 ３ ½ a.b U.S.A.
the <s>word</s> and the dog (the old one)
"""
# A kind of token with the flags of cleaning that are hard for it.
CASES = {
    "word": ("word", CleanSettings()),
    "word with punctuation": ("word", CleanSettings(punctuation="keep", case="keep", normalization="none")),
    "word prepared": ("word", CleanSettings(prepared=True)),
    "whitespace": ("whitespace", CleanSettings(punctuation="keep")),
    "whitespace prepared": ("whitespace", CleanSettings(prepared=True)),
    "char": ("char", CleanSettings()),
    "char with punctuation": ("char", CleanSettings(punctuation="keep", case="keep")),
    "char prepared": ("char", CleanSettings(prepared=True)),
    "byte": ("byte", CleanSettings(punctuation="keep")),
    "byte prepared": ("byte", CleanSettings(prepared=True)),
    "bpe": ("bpe", CleanSettings(punctuation="keep")),
    "bpe prepared": ("bpe", CleanSettings(prepared=True)),
}


@dataclass(frozen=True)
class Staged:
    """What the stages made: rules of the text, and the ids of each split by the staged way."""

    rules: TextRules
    splits: dict[str, Ids]
    cleaned: dict[str, str]
    tokens: dict[str, str]


def staged(base: Path, case: str, texts: dict[str, str]) -> Staged:
    """Run clean, tokenize and vocab over the given splits."""
    kind, flags = CASES[case]
    rule, units = CleanRule.of(flags, kind), UnitRule.of(flags, kind)
    directories = {name: base / name for name in ("raw", "clean", "tokenize", "vocab")}
    for directory in directories.values():
        directory.mkdir()
    for split in ("train", "valid", "test"):
        (directories["raw"] / f"{split}.txt").write_bytes(texts.get(split, "").encode())
    clean(directories["raw"], directories["clean"], rule, units, lambda count: None)
    tokenize(
        directories["clean"], directories["tokenize"], kind=kind, rule=rule, vocab_size=300,
        imported=None, progress=lambda count: None,
    )  # fmt: skip
    report = vocab(
        directories["tokenize"], directories["vocab"], kind=kind, rule=rule, choice=VocabRule(1, None),
        progress=lambda count: None,
    )  # fmt: skip
    tokenizer = load_tokenizer((directories["vocab"] / "tokenizer.json").read_text("utf-8"), "tokenizer.json")
    splits = {
        split: open_ids(directories["vocab"], split, report["size"], directories["clean"] / f"{split}.documents.npy")
        for split in ("train", "valid", "test")
    }
    read = {
        stage: {split: (directories[stage] / f"{split}.txt").read_bytes().decode() for split in splits}
        for stage in ("clean", "tokenize")
    }
    return Staged(TextRules(kind, rule, units, tokenizer), splits, read["clean"], read["tokenize"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Staged]:
    """Each case trained on the same text."""
    return {case: staged(tmp_path_factory.mktemp("made"), case, {"train": TRAIN}) for case in CASES}


def encode(rules: TextRules, text: str) -> list[int]:
    """Ids by `tokenizer.json` alone."""
    return list(rules.tokenizer.encode(text, add_special_tokens=False).ids)


def expected_ids(rules: TextRules, raw: list[str]) -> list[int]:
    """Ids of raw lines by `tokenizer.json`, a line at a time, `</s>` after each unit."""
    ids: list[int] = []
    normalizer = rules.rule.normalizer()
    for line in raw:
        if rules.units.blank_lines or normalize(normalizer, line):
            ids += [*encode(rules, line), END_ID]
    return ids


def quick_ids(rules: TextRules, raw: list[str]) -> list[int]:
    """Ids by the fast way, without files: cleaned, segmented, looked up."""
    from rnnlm.corpus.clean import clean_blocks

    segmenter = Segmenter(rules.kind, rules.rule, rules.tokenizer if rules.kind == "bpe" else None)
    table = IdTable(tokens_by_id(rules.tokenizer), rules.kind)
    block = "".join(line + "\n" for line in raw).encode()
    return [
        int(number)
        for part in clean_blocks([block], rules.rule, rules.units)
        for number in table.block(segmenter.block(part.text)).ids
    ]


@pytest.mark.parametrize("case", CASES)
def test_the_fast_way_gives_what_the_tokenizer_gives(made: dict[str, Staged], case: str) -> None:
    rules = made[case].rules

    @given(any_lines)
    @settings(max_examples=120)
    def check(raw: list[str]) -> None:
        assert quick_ids(rules, raw) == expected_ids(rules, raw)

    check()


@pytest.mark.parametrize("case", CASES)
def test_cleaned_text_has_the_ids_of_raw_text(made: dict[str, Staged], case: str) -> None:
    rules = made[case].rules
    normalizer = rules.rule.normalizer()

    @given(any_line)
    @settings(max_examples=150)
    def check(raw: str) -> None:
        assert encode(rules, raw) == encode(rules, normalize(normalizer, raw))

    check()


@pytest.mark.parametrize("case", CASES)
def test_no_text_gives_pad_start_or_end(made: dict[str, Staged], case: str) -> None:
    rules = made[case].rules
    spellings = ["<s>", "</s>", "<pad>", "<S>", "＜s＞", "<s> </s> <pad>", "a <s>", "<s></s>", " <s>\t<pad> ", "<unk>"]

    @given(st.one_of(any_line, st.lists(st.sampled_from(spellings), max_size=5).map(" ".join)))
    @settings(max_examples=150)
    def check(raw: str) -> None:
        assert not set(encode(rules, raw)) & {0, 1, 2}
        if rules.kind not in ("word", "whitespace"):
            return
        # A whole word that equals a special string is the unknown word.
        for special in ("<s>", "</s>", "<pad>", "<unk>"):
            if rules.rule.special:
                assert encode(rules, special) == [UNKNOWN_ID]

    check()


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_small_units_spell_special_strings_out(made: dict[str, Staged], kind: str) -> None:
    rules = made[f"{kind} prepared"].rules
    for special in ("<s>", "</s>", "<pad>", "<unk>"):
        ids = encode(rules, special)
        assert len(ids) > 1
        assert not set(ids) & {0, 1, 2, 3}
        assert rules.tokenizer.decode(ids, skip_special_tokens=False) == special


def test_the_unknown_word_of_a_prepared_text_is_the_unknown_word(made: dict[str, Staged]) -> None:
    rules = made["whitespace prepared"].rules
    assert encode(rules, "The <unk> sat")[1] == UNKNOWN_ID
    assert tokens_by_id(rules.tokenizer).count("<unk>") == 1


@pytest.mark.parametrize("case", ["byte", "byte prepared", "bpe", "bpe prepared"])
def test_bytes_and_subwords_give_any_cleaned_text_back(made: dict[str, Staged], case: str) -> None:
    rules = made[case].rules

    @given(any_line)
    @settings(max_examples=150)
    def check(raw: str) -> None:
        ids = encode(rules, raw)
        assert rules.tokenizer.decode(ids, skip_special_tokens=False) == normalize(rules.rule.normalizer(), raw)
        assert UNKNOWN_ID not in ids

    check()


@pytest.mark.parametrize("case", ["char", "char with punctuation", "char prepared"])
def test_characters_of_the_vocabulary_give_cleaned_text_back(made: dict[str, Staged], case: str) -> None:
    rules = made[case].rules
    characters = sorted(set(made[case].cleaned["train"]) - {"\n"})

    @given(st.text(st.sampled_from(characters), max_size=30))
    @settings(max_examples=100)
    def check(raw: str) -> None:
        cleaned = normalize(rules.rule.normalizer(), raw)
        assume(set(cleaned) <= set(characters))  # two characters may have joined to a third
        ids = encode(rules, raw)
        assert UNKNOWN_ID not in ids
        assert rules.tokenizer.decode(ids, skip_special_tokens=False) == cleaned

    check()


def test_a_character_outside_the_vocabulary_is_one_unknown(made: dict[str, Staged]) -> None:
    assert encode(made["char prepared"].rules, "a文文b")[1:3] == [UNKNOWN_ID, UNKNOWN_ID]


@pytest.mark.parametrize("case", CASES)
def test_the_stages_the_single_step_and_the_tokenizer_agree_on_files(
    tmp_path_factory: pytest.TempPathFactory, case: str
) -> None:
    @given(any_lines, any_lines)
    @settings(max_examples=4)
    def check(valid: list[str], test: list[str]) -> None:
        base = tmp_path_factory.mktemp("staged")
        texts = {"train": TRAIN, "valid": "\n".join([*valid, "the end"]) + "\n", "test": "\n".join([*test, "a"]) + "\n"}
        made_now = staged(base, case, texts)
        for split, text in texts.items():
            lines = text.split("\n")[:-1]
            ids = made_now.splits[split]
            (base / "one" / split).mkdir(parents=True)
            one = encode_text([text.encode()], made_now.rules, base / "one" / split)
            assert list(ids.ids) == list(one.ids.ids) == expected_ids(made_now.rules, lines)
            assert list(ids.offsets) == list(one.ids.offsets)
            assert list(ids.documents) == list(one.ids.documents)
            assert one.characters == len(made_now.cleaned[split])
            assert one.bytes == len(made_now.cleaned[split].encode())
            assert one.unknown_tokens == int((ids.ids == UNKNOWN_ID).sum())

    check()


def test_lines_cut_into_many_blocks_give_the_same_ids(made: dict[str, Staged], tmp_path: Path) -> None:
    lines = [line + "\n" for line in TRAIN.split("\n")[:-1]] * 5
    for case in CASES:
        rules = made[case].rules
        whole, cut = tmp_path / f"{case}-whole", tmp_path / f"{case}-cut"
        whole.mkdir()
        cut.mkdir()
        one = encode_text(["".join(lines).encode()], rules, whole)
        other = encode_text([line.encode() for line in lines], rules, cut)
        assert np.array_equal(one.ids.ids, other.ids.ids)
        assert np.array_equal(one.ids.offsets, other.ids.offsets)
        assert np.array_equal(one.ids.documents, other.ids.documents)
        assert (one.raw_sha256, one.cleaned_sha256) == (other.raw_sha256, other.cleaned_sha256)


def test_tokens_are_written_with_a_mark_for_the_space(made: dict[str, Staged]) -> None:
    first = made["char prepared"].tokens["train"].split("\n")
    assert first[0].startswith("T h e ▁ c a t ▁")
    assert first[1].endswith("\\▁ ▁ \\ ▁ x \\▁ y")
    assert made["byte prepared"].tokens["train"].startswith("T h e ▁ c a t ▁")
    assert made["word"].tokens["train"].split("\n")[0] == "the cat sat on the mat didnt it"
    punctuated = made["word with punctuation"].tokens["train"].split("\n")
    assert punctuated[0] == "The cat sat on the mat , didn't it ?"
    assert punctuated[1] == "The dog sat on the cat . <unk> <unk> ▁ \\ x ▁ y"
    assert "▁sat" in made["bpe prepared"].tokens["train"]


def test_every_token_has_a_different_written_form(made: dict[str, Staged]) -> None:
    for case, each in made.items():
        names = tokens_by_id(each.rules.tokenizer)
        written = [shown(name, CASES[case][0]) for name in names]
        assert len(set(written)) == len(names), case
        assert not any(" " in form or "\n" in form for form in written)


def test_tokenizer_json_has_no_added_tokens_and_loads_as_is(made: dict[str, Staged]) -> None:
    for each in made.values():
        text = each.rules.tokenizer.to_str()
        assert json.loads(text)["added_tokens"] == []
        assert Tokenizer.from_str(text).to_str() == text
        assert tokens_by_id(each.rules.tokenizer)[:4] == ["<pad>", "<s>", "</s>", "<unk>"]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
@settings(max_examples=30)
def test_a_damaged_tokenizer_json_is_never_a_crash(text: str) -> None:
    from rnnlm.errors import ArtifactError

    with pytest.raises(ArtifactError, match=r"tokenizer\.json"):
        load_tokenizer(text, "tokenizer.json")


def test_a_tokenizer_with_other_ids_is_refused() -> None:
    from rnnlm.errors import ArtifactError

    rule = CleanRule.of(CleanSettings(), "word")
    content = json.loads(build_tokenizer("word", rule, ["a"]).to_str())
    content["model"]["vocab"] = {"<pad>": 1, "<s>": 0, "</s>": 2, "<unk>": 3, "a": 4}
    with pytest.raises(ArtifactError, match="ids 0 to 3"):
        load_tokenizer(json.dumps(content), "tokenizer.json")


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(3), MemoryError(), StoppedError("stopped by SIGTERM", "go on", 15)]
)
def test_a_signal_while_a_tokenizer_is_read_is_no_damage_to_it(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    from rnnlm.corpus import tokenizer

    def interrupted(content: str) -> None:
        raise error

    monkeypatch.setattr(tokenizer, "Tokenizer", SimpleNamespace(from_str=interrupted))
    with pytest.raises(type(error)):
        load_tokenizer("{}", "tokenizer.json")
