"""Text to tokens, as `tokenizers` objects: one builder for each kind, and the ids that all of them share.

The object built here becomes `tokenizer.json`, which defines tokens and ids for every command; `text.py` has a
faster way to the same result.
"""

import json
from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from rnnlm.corpus.foreign.panics import silenced
from rnnlm.corpus.normalizer import SPECIALS, UNKNOWN, CleanRule
from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.errors import ArtifactError, StoppedError

PAD_ID, START_ID, END_ID, UNKNOWN_ID = 0, 1, 2, 3
FIRST_OUTPUT = 2  # <pad> and <s> are never predicted

# A word is a run of letters, marks, digits and anything else that is no punctuation, an apostrophe between letters
# included; each punctuation mark or symbol is a separate word.
WORD_PATTERN = (
    r"(?<![^ ])<unk>(?![^ ])"
    r"|(?:[^\s\p{P}\p{S}]|(?<=[\p{L}\p{M}])['’](?=\p{L}))+"
    r"|[\p{P}\p{S}]"
)
_TRIAL = ("", "the Cat's 12 mice, at a café.", "ﬁne e\u0301 文字 🚀 \u00ad x\u200by", "▁ <unk> </s>\t\n")
BYTE_ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())


def byte_characters() -> list[str]:
    """The character that stands for each byte in byte-level tokens, by byte value.

    The printable Latin-1 bytes stand for themselves, the others for the characters from U+0100 up, in order
    (Radford et al. 2019, the GPT-2 code).
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def pre_tokenizer(kind: str) -> pre_tokenizers.PreTokenizer:
    """How cleaned text is cut before the model sees it."""
    if kind == "word":
        return pre_tokenizers.Split(Regex(WORD_PATTERN), "removed", invert=True)
    if kind == "whitespace":
        return pre_tokenizers.Split(" ", "removed")
    if kind == "char":
        return pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind == "bpe")


def build_tokenizer(
    kind: str, rule: CleanRule, tokens: Sequence[str], merges: Sequence[tuple[str, str]] = ()
) -> Tokenizer:
    """The tokenizer whose ids are the four special strings, then `tokens` in their order.

    Specials are ordinary entries: nothing is matched in the text before the normalizer has run.
    """
    vocabulary = {token: number for number, token in enumerate([*SPECIALS, *tokens])}
    if kind in (*WORD_KINDS, "char"):
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    else:
        tokenizer = Tokenizer(models.BPE(vocabulary, list(merges)))
        tokenizer.decoder = decoders.ByteLevel()
    if kind == "char":
        tokenizer.decoder = decoders.Fuse()
    tokenizer.pre_tokenizer = pre_tokenizer(kind)
    normalizer = rule.normalizer()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    return tokenizer


def learn_merges(
    lines: Iterable[str], vocab_size: int, length: int | None = None
) -> tuple[list[str], list[tuple[str, str]]]:
    """Byte-level byte-pair encoding learned from cleaned lines: its tokens, in the order learned, and its merges.

    `vocab_size` counts the four special ids. The text is split at spaces and between letters, digits and marks first,
    which bounds the memory that learning takes. Source: Sennrich et al. 2016; pre-split of Radford et al. 2019.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer("bpe")
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(SPECIALS), initial_alphabet=BYTE_ALPHABET, show_progress=False
    )
    tokenizer.train_from_iterator(lines, trainer, length)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return tokens, [(first, second) for first, second in model["merges"]]


def load_tokenizer(content: str, origin: str) -> Tokenizer:
    """The tokenizer in a `tokenizer.json`; ArtifactError when the library cannot read it.

    A crafted file can make the library panic, which is no `Exception`; it gives the same error.
    """
    try:
        with silenced():
            tokenizer = Tokenizer.from_str(content)
            ids = [tokenizer.token_to_id(special) for special in SPECIALS]
            for text in _TRIAL:  # what can be read may still panic where it is used
                tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids)
    except (KeyboardInterrupt, SystemExit, MemoryError, StoppedError):
        raise
    except BaseException as error:
        raise ArtifactError(f"{origin} is damaged ({error})", "restore it, or rebuild it with: rnnlm vocab") from None
    if tokenizer.truncation is not None or tokenizer.padding is not None or tokenizer.post_processor is not None:
        raise ArtifactError(
            f"{origin} truncates, pads or adds to what it encodes",
            "restore it, or import it: rnnlm tokenize --tokenizer",
        )
    if ids != [PAD_ID, START_ID, END_ID, UNKNOWN_ID]:
        raise ArtifactError(
            f"{origin} does not have {', '.join(SPECIALS)} as ids 0 to 3", "import it with: rnnlm tokenize --tokenizer"
        )
    return tokenizer


def tokens_by_id(tokenizer: Tokenizer) -> list[str]:
    """Every token in the order of its id."""
    vocabulary: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    return sorted(vocabulary, key=vocabulary.__getitem__)


def shown(token: str, kind: str) -> str:
    """A token as the tokens artifact writes it: without spaces, and reversibly.

    A space inside a token is written `▁`; a `▁` of the text itself becomes `\\▁` where tokens can hold spaces. An
    imported tokenizer may use `▁` for the space itself; there `▁` stays and a real space is written `\\▁`.
    """
    if kind in WORD_KINDS:
        return token
    if kind in ("byte", "bpe"):
        return token.replace("Ġ", "▁")
    if kind == "imported":
        return token.replace(" ", "\\▁")
    return token.replace("▁", "\\▁").replace(" ", "▁")
