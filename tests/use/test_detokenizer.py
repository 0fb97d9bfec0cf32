"""Incremental detokenization: pieces that never change, whatever the kind of token; where a text ends."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from rnnlm.corpus.clean import UnitRule
from rnnlm.corpus.normalizer import SPECIALS, CleanRule
from rnnlm.corpus.settings import CleanSettings
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID, START_ID, UNKNOWN_ID, build_tokenizer, byte_characters, learn_merges
from rnnlm.use.generation.detokenizer import Detokenizer
from rnnlm.use.generation.prompt import prompt_ids, text_of
from rnnlm.use.generation.settings import GenerateSettings

TEXT = "the old cat sees the café, naïve 🙂 ▁ x\\y didn't <unk> 日本語"
LONG = GenerateSettings(max_tokens=10**6, lines=10**6)


def rules(kind: str) -> TextRules:
    """Rules of a prepared text with the tokens of `TEXT`."""
    cleaning = CleanSettings(prepared=True)
    units = UnitRule.of(cleaning, kind)
    if kind in ("metaspace", "wordpiece"):
        return TextRules("imported", CleanRule.of(cleaning, "imported"), units, imported(kind))
    rule = CleanRule.of(cleaning, kind)
    if kind == "bpe":
        tokens, merges = learn_merges([TEXT] * 5, 320)
        return TextRules(kind, rule, units, build_tokenizer(kind, rule, tokens, merges))
    tokens = {"char": sorted(set(TEXT)), "byte": byte_characters()}.get(kind) or sorted(set(TEXT.split()) - {"<unk>"})
    return TextRules(kind, rule, units, build_tokenizer(kind, rule, tokens))


def imported(kind: str) -> Tokenizer:
    """Tokenizers of other makers, whose decoders treat a line's beginning and neighbours in ways of their own."""
    if kind == "metaspace":
        tokens = ["▁the", "▁old", "▁cat", "s", "▁", "▁sees", "x"]
        tokenizer = Tokenizer(models.WordLevel({t: n for n, t in enumerate([*SPECIALS, *tokens])}, unk_token="<unk>"))
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        return tokenizer
    tokens = ["the", "old", "cat", "##s", "see", "##ing", ".", ","]
    tokenizer = Tokenizer(models.WordPiece({t: n for n, t in enumerate([*SPECIALS, *tokens])}, unk_token="<unk>"))
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


KINDS = ("word", "whitespace", "char", "byte", "bpe", "metaspace", "wordpiece")
RULES = {kind: rules(kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_the_pieces_are_the_text(kind: str) -> None:
    """Of any ids in any order, bytes that make no character among them: what decoding all at once gives."""
    each = RULES[kind]
    size = each.tokenizer.get_vocab_size()
    ids = st.lists(st.integers(END_ID, size - 1), min_size=0, max_size=25)

    @given(ids, ids)
    @settings(max_examples=80)
    def check(before: list[int], after: list[int]) -> None:
        prompt = [START_ID, *before]
        detokenizer = Detokenizer(each, prompt, LONG)
        pieces = [detokenizer.add(number) for number in after]
        whole, start = text_of(each, [*prompt, *after]), text_of(each, prompt)
        joined = "".join(pieces)
        assert detokenizer.text_so_far == joined
        if kind not in ("byte", "bpe"):
            assert start + joined == whole
            return
        # Half a character may still be on its way, and one that the prompt broke off is whole only in `whole`.
        if not start.endswith("�"):
            assert whole.startswith((start + joined).removesuffix("�"))
            held = whole[len(start + joined) :]  # a token may be a space and half a character
            assert not held or held.endswith("�")

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_said_from_its_own_ids_is_itself(kind: str) -> None:
    each = RULES[kind]
    if kind in ("metaspace", "wordpiece"):
        pieces = {"metaspace": "▁the ▁old ▁cat s ▁sees", "wordpiece": "the old cat ##s"}[kind]
        ids = [each.tokenizer.token_to_id(piece) for piece in pieces.split(" ")]
    else:
        ids = prompt_ids(each, TEXT)[1:]
    for cut in range(len(ids)):
        detokenizer = Detokenizer(each, [START_ID, *ids[:cut]], LONG)
        for number in ids[cut:]:
            detokenizer.add(number)
        if not text_of(each, ids[:cut]).endswith("�"):
            assert text_of(each, ids[:cut]) + detokenizer.text_so_far == text_of(each, ids)


def test_no_piece_ends_in_half_a_character_but_the_last() -> None:
    each = RULES["byte"]
    detokenizer = Detokenizer(each, [START_ID], GenerateSettings(max_tokens=4))
    ids = prompt_ids(each, "é🙂")[1:]
    assert [detokenizer.add(number) for number in ids[:3]] == ["", "é", ""]
    assert detokenizer.add(ids[3]).strip("�") == ""
    assert detokenizer.ended
    assert detokenizer.text.startswith("é�")


def say(kind: str, words: str, **given_: object) -> Detokenizer:
    """The detokenizer when the text ended, or after all of the words."""
    each = RULES[kind]
    detokenizer = Detokenizer(each, [START_ID], GenerateSettings(**given_))  # type: ignore[arg-type]
    for number in [*prompt_ids(each, words)[1:], END_ID]:
        if not detokenizer.ended:
            detokenizer.add(number)
    return detokenizer


def test_a_text_ends_with_its_last_line_or_its_last_token() -> None:
    assert say("word", "the cat\nsees\nthe old").text == "the cat"
    assert say("word", "the cat\nsees\nthe old", lines=2).text == "the cat\nsees"
    assert say("word", "the cat\nsees\nthe old", max_tokens=4).text == "the cat"
    assert say("word", "the cat\nsees\nthe old", max_tokens=4, lines=3).text == "the cat\nsees"
    assert len(say("word", "the cat\nsees", max_tokens=1).ids) == 1


@pytest.mark.parametrize("kind", ["char", "byte", "bpe", "whitespace"])
def test_a_text_ends_with_the_words_it_was_to_go_on_until(kind: str) -> None:
    """Wherever the borders of tokens are; what a token says beyond them is cut off; other lines do not end it."""
    for until in ("cat", "old cat", "cat sees", "e", "the old cat sees the café", "ld c"):
        detokenizer = say(kind, TEXT, until=until)
        assert detokenizer.ended
        assert detokenizer.text == TEXT[: TEXT.index(until) + len(until)]
    assert say(kind, "the\nold\nthe cat", until="e\nold").text == "the\nold"
    assert say(kind, "the\nold\nthe cat", until="\n").text == "the\n"
    assert say(kind, "the\nold\nthe cat", until="cat", lines=2).text == "the\nold"
    assert not say(kind, "the old", until="cat").ended


def test_a_fork_goes_its_own_way() -> None:
    each = RULES["word"]
    ids = prompt_ids(each, "the old cat")[1:]
    detokenizer = Detokenizer(each, [START_ID], LONG)
    detokenizer.add(ids[0])
    other = detokenizer.fork()
    detokenizer.add(ids[1])
    other.add(ids[2])
    other.add(UNKNOWN_ID)
    assert (detokenizer.text, other.text) == ("the old", "the cat <unk>")
    assert (detokenizer.ids, other.ids) == ([ids[0], ids[1]], [ids[0], ids[2], UNKNOWN_ID])
