"""Models of every kind of token without training: rules of text, and networks with random weights."""

import functools
from collections import deque
from collections.abc import Callable

import torch
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from rnnlm.corpus.clean import UnitRule
from rnnlm.corpus.foreign.idempotence import settle
from rnnlm.corpus.foreign.imported import take_over
from rnnlm.corpus.normalizer import CleanRule
from rnnlm.corpus.settings import CleanSettings
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import build_tokenizer, byte_characters, learn_merges, load_tokenizer
from rnnlm.model.architecture import Architecture
from rnnlm.model.network import Network
from rnnlm.use.scoring.regions import Region
from rnnlm.use.scoring.rows import ScoreRows
from rnnlm.use.scoring.table import Kept, ScoreTable

WORDS = ["the", "cat", "cats", "sees", "a", "dog", "dont", "half", "hearted", "café", "fine", "1", "2", "n"]
LINES = ["the cat sees a dog", "a half hearted dog", "the cats don't see a café", "the fine cat sees the dogs"] * 4
_TROUBLE = "'’<>/sunk ▁\\ĠÀİßﬁ½ﷺ\u0301\u0308\u200b\u00ad\u00a0\u3000\u2028\x85\t\x1c\x01\x7f｡가각ᄀ\u1161👩‍🚀_-.,!?$𝟘Ǆ"
_PIECES = ["<s>", "</s>", "<unk>", "＜s＞", "a<s>", "don't", "it’s", "café", "cafe\u0301", "half-hearted", "…", "ﬁne",
           *WORDS]  # fmt: skip
_piece = st.one_of(st.text(st.sampled_from(_TROUBLE), max_size=4), st.sampled_from(_PIECES))
# Any line of text that reading lets through.
any_line = st.lists(st.tuples(_piece, st.sampled_from([" ", " ", "", "  ", "\t"])), max_size=7).map(
    lambda pieces: "".join(text + gap for text, gap in pieces)
)


def gpt2() -> Tokenizer:
    """Byte-level BPE that keeps the space before a word in its token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        LINES, trainers.BpeTrainer(vocab_size=280, initial_alphabet=alphabet, show_progress=False)
    )
    return tokenizer


def llama() -> Tokenizer:
    """BPE with `▁` for the space before a word, the first word's too."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(
        LINES, trainers.BpeTrainer(vocab_size=60, special_tokens=["<unk>"], show_progress=False)
    )
    return tokenizer


def t5() -> Tokenizer:
    """Unigram with `▁`."""
    pieces = [("<unk>", 0.0), ("▁", -2.0), ("▁the", -2.5), ("cat", -4.0), ("▁s", -4.5), ("ees", -4.5)]
    pieces += [(character, -5.0 - number / 8) for number, character in enumerate("abcdehiost")]
    tokenizer = Tokenizer(models.Unigram(pieces, 0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def bert() -> Tokenizer:
    """WordPiece: pieces that go on a word begin with `##`."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(
        LINES, trainers.WordPieceTrainer(vocab_size=60, special_tokens=["[UNK]"], show_progress=False)
    )
    return tokenizer


def suffixed() -> Tokenizer:
    """BPE whose pieces say where a word ends, as GPT-1 has it."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.BPEDecoder()
    tokenizer.train_from_iterator(
        LINES, trainers.BpeTrainer(vocab_size=60, special_tokens=["<unk>"], end_of_word_suffix="</w>",
                                   show_progress=False)
    )  # fmt: skip
    return tokenizer


def unmarked() -> Tokenizer:
    """BPE whose pieces say nothing of words."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(
        LINES, trainers.BpeTrainer(vocab_size=60, special_tokens=["<unk>"], show_progress=False)
    )
    return tokenizer


IMPORTED: dict[str, Callable[[], Tokenizer]] = {
    "gpt2": gpt2, "llama": llama, "t5": t5, "bert": bert, "suffixed": suffixed, "unmarked": unmarked
}  # fmt: skip
OWN = {
    "word": ("word", CleanSettings()),
    "word with punctuation": ("word", CleanSettings(punctuation="keep", case="keep")),
    "word without accents": ("word", CleanSettings(strip_accents=True, digits="zero")),
    "whitespace prepared": ("whitespace", CleanSettings(prepared=True)),
    "char": ("char", CleanSettings()),
    "char prepared": ("char", CleanSettings(prepared=True)),
    "byte": ("byte", CleanSettings(punctuation="keep")),
    "byte prepared": ("byte", CleanSettings(prepared=True)),
    "bpe": ("bpe", CleanSettings()),
    "bpe prepared": ("bpe", CleanSettings(prepared=True)),
}
CASES = [*OWN, *IMPORTED]


@functools.cache
def rules_of(case: str) -> TextRules:
    """The rules of a kind of token by its name in `CASES`."""
    if case in IMPORTED:
        flags = CleanSettings()
        source = IMPORTED[case]()
        source.normalizer = None
        imported = take_over(source.to_str().encode(), case)
        rule = settle(CleanRule.of(flags, "imported"), imported.normalizer, case)
        tokenizer = load_tokenizer(imported.tokenizer_json, case)
        tokenizer.normalizer = rule.normalizer()
        return TextRules("imported", rule, UnitRule.of(flags, "imported"), tokenizer)
    kind, flags = OWN[case]
    rule = CleanRule.of(flags, kind)
    merges: list[tuple[str, str]] = []
    if kind == "bpe":
        tokens, merges = learn_merges(LINES, 290)
    else:
        tokens = {"char": list("abcdefghinorst café\t'"), "byte": byte_characters()}.get(kind, WORDS)
        tokens = list(dict.fromkeys(tokens))
    return TextRules(kind, rule, UnitRule.of(flags, kind), build_tokenizer(kind, rule, tokens, merges))


def network_of(rules: TextRules, cell: str = "lstm", *, scale: float = 0.7, cuts: tuple[int, ...] = ()) -> Network:
    """A network over the rules' vocabulary, with weights large enough that every gate is at work."""
    size = rules.tokenizer.get_vocab_size()
    generator = torch.Generator().manual_seed(1)
    architecture = Architecture(cell, size, 8, 12, 2, True, cuts=cuts, widths=(8,) * len(cuts))
    model = Network(architecture, generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
        assert model.embedding is not None
        model.embedding[0] = 0
    return model.eval()


def table_of(
    rules: TextRules, level: str, *, ids: bool = False, regions: tuple[Region, ...] | None = None
) -> ScoreTable:
    """Rows of a level by one model; `regions` are those of the one line that comes."""
    kept = Kept(regions=None if regions is None else deque([regions]))
    return ScoreTable({"": ScoreRows(rules, level)}, level, ids=ids, kept=kept)
