"""The settings of the stages from text to ids; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass
from typing import Literal

from rnnlm.config import above, at_least, between, setting
from rnnlm.errors import UsageError

TokenKind = Literal["word", "whitespace", "char", "byte", "bpe"]
WORD_KINDS = ("word", "whitespace")
SPLITS = ("train", "valid", "test")
Task = Literal["language", "tag", "classify", "forecast"]
Labels = Literal["token", "text"]
LABELS_OF: dict[str | None, Labels] = {"tag": "token", "classify": "text"}
FIELD, LABEL = "text", "label"
TASK_OF: dict[str | None, Task] = {"token": "tag", "text": "classify", None: "language"}


def parse_fractions(text: str) -> tuple[float, float, float]:
    """'0.9,0.05,0.05' as three fractions that sum to 1; UsageError otherwise."""
    hint = "write three numbers that sum to 1, as in 0.9,0.05,0.05"
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--fractions is {text!r}", hint) from None
    good = len(values) == 3 and all(0 <= v <= 1 for v in values) and abs(sum(values) - 1) < 1e-9 and values[0] > 0
    if not good:
        raise UsageError(f"--fractions is {text!r}", hint + ", the first above 0")
    return values[0], values[1], values[2]


def split_ends(total: int, fractions: tuple[float, float, float]) -> list[int]:
    """Where each of three splits of `total` things ends; the last one that has a fraction takes the rest."""
    return [round(total * sum(fractions[: n + 1])) if any(fractions[n + 1 :]) else total for n in range(3)]


def _fractions(text: str) -> str | None:
    try:
        parse_fractions(text)
    except UsageError as error:
        return error.hint
    return None


def check_columns(field: str, label: str, *, tags: bool) -> None:
    """UsageError for columns that are neither two names nor two numbers from 1; those of `tags` have no names."""
    numbers = [int(column) for column in (field, label) if column.isdecimal()]
    given = f"--field {field} with --label {label}"
    if len(numbers) == 1 or 0 in numbers:
        raise UsageError(given, "give two names of fields, or two numbers of columns, which count from 1")
    if tags and not numbers and (field, label) != (FIELD, LABEL):
        raise UsageError(f"{given} and --task tag", "the columns of tagged words go by number")


@dataclass(frozen=True)
class RawSettings:
    """How the corpus is read and split."""

    fractions: str = setting(
        "0.9,0.05,0.05", "fractions of train, valid, test when the corpus is one stream of text; 0 allowed", _fractions,
        basic=True,
    )  # fmt: skip
    field: str = setting(FIELD, "the field that holds the text in JSON Lines, or a column's name or number", basic=True)
    task: Task | None = setting(
        None, "what is learned: the next token, a label for each word, a label for each text, or real values",
        auto="language, or what the workspace's corpus is labeled for", basic=True,
    )  # fmt: skip
    label: str = setting(LABEL, "the field or column that holds the label")
    shuffle: bool = setting(False, "shuffle the documents, or the lines of a text that is one, before the split")
    split_seed: int = setting(1, "seed of --shuffle, and of the split of labeled texts", between(0, 2**63 - 1))

    def check(self) -> None:
        """Columns go by name or by number; those of tagged words have no names."""
        if self.task in LABELS_OF:
            check_columns(self.field, self.label, tags=self.task == "tag")


@dataclass(frozen=True)
class ReadingSettings:
    """How the bytes of a text become text, wherever one is read."""

    errors: Literal["strict", "replace"] = setting(
        "strict", "bytes that are not UTF-8: refused, or replaced by U+FFFD and counted"
    )
    expansion: int = setting(200, "largest decompression ratio of a compressed text of more than 64 MB", at_least(1))


@dataclass(frozen=True)
class CleanSettings:
    """What cleaning does to the text; the same rules become the normalizer of tokenizer.json."""

    prepared: bool = setting(
        False, "take the corpus as is: no cleaning, words split at spaces, none dropped", basic=True
    )
    case: Literal["lower", "keep"] = setting("lower", "letters to lower case, or kept", basic=True)
    punctuation: Literal["remove", "keep"] = setting("remove", "punctuation and symbols to spaces, or kept", basic=True)
    digits: Literal["keep", "zero"] = setting("keep", "digits kept, or each written as 0")
    normalization: Literal["nfkc", "nfc", "none"] = setting("nfkc", "Unicode normalization form")
    strip_accents: bool = setting(False, "remove accents from letters")
    sentences: bool = setting(False, "split prose into sentences; without it, a line is a unit")
    special_in_text: Literal["unknown", "error"] = setting(
        "unknown", "a word that is a special string is read as one, or is an error"
    )
    fold_quotes: bool = setting(False, "write curly quotes as straight ones, and dashes as -")

    def check(self) -> None:
        """No cleaning rule goes with a prepared corpus."""
        if self.prepared:
            for name, plain in (("case", "lower"), ("punctuation", "remove"), ("digits", "keep")):
                if getattr(self, name) != plain:
                    raise UsageError(
                        f"--{name} {getattr(self, name)} with --prepared", "a prepared corpus is not cleaned"
                    )
            if self.normalization != "nfkc" or self.strip_accents or self.sentences or self.fold_quotes:
                raise UsageError(
                    "--normalization, --strip-accents, --sentences or --fold-quotes with --prepared",
                    "a prepared corpus is not cleaned",
                )


@dataclass(frozen=True)
class TokenizeSettings:
    """What the units of the model are."""

    kind: TokenKind | None = setting(
        None, "words, space-separated words, characters, bytes or byte-level subwords",
        auto="word; whitespace with --prepared", group="tokenizer",
    )  # fmt: skip
    vocab_size: int = setting(8000, "number of ids of a bpe tokenizer, the four special ones included", at_least(260))
    tokenizer: str | None = setting(
        None, "an existing tokenizer.json to import instead", auto="none", group="tokenizer", file="read"
    )

    def check(self) -> None:
        """An imported tokenizer has its own kind."""
        if self.kind is not None and self.tokenizer is not None:
            raise UsageError("--kind with --tokenizer", "give one of them")


@dataclass(frozen=True)
class VocabSettings:
    """Which tokens get an id."""

    min_count: int | None = setting(
        None, "drop tokens seen less often in train", at_least(1),
        auto="2 for words, tagged ones too; 1 for characters, prepared or closed", group="choice",
    )  # fmt: skip
    max_size: int | None = setting(None, "ids at most, the four special ones included", at_least(5), auto="no limit")
    closed: bool = setting(False, "every word of train gets an id", group="choice")
    vocabulary: str | None = setting(
        None, "a file with the words to use, one a line", auto="none", group="choice", file="read"
    )

    def check(self) -> None:
        """A fixed lexicon leaves nothing to count."""
        if self.vocabulary is not None and (self.min_count is not None or self.closed):
            raise UsageError("--vocabulary with --min-count or --closed", "a fixed lexicon is taken whole")
        if self.closed and (self.min_count or 1) > 1:
            raise UsageError("--closed with --min-count above 1", "closed means that every word is kept")


@dataclass(frozen=True)
class PadSettings:
    """How sentences become rows of one length."""

    max_length: int | None = setting(
        None, "tokens in a row; shorter ones are padded with 0", at_least(1), auto="the longest"
    )
    long_lines: Literal["truncate", "split"] = setting("truncate", "what becomes of longer lines")


@dataclass(frozen=True)
class EmbedSettings:
    """The embedding layer before training."""

    embedding: int | None = setting(
        None, "numbers that represent a token (D)", between(1, 16384), auto="follows from the corpus", basic=True
    )
    embedding_std: float | None = setting(
        None, "standard deviation of the layer's initial numbers", above(0), auto="0.4; 0.2 with --budget"
    )
    embedding_init: Literal["random", "cooccurrence"] | None = setting(
        None, "initialization of the layer: random, or from the co-occurrence of words",
        auto="random; cooccurrence for words with --budget", basic=True,
    )  # fmt: skip
    vectors: str | None = setting(
        None, "start from word2vec, GloVe or fastText vectors in text form, or from a trained model", auto="none",
        file="read", basic=True,
    )  # fmt: skip

    def check(self) -> None:
        """Given vectors are an initialization."""
        if self.vectors is not None and self.embedding_init is not None:
            raise UsageError("--vectors with --embedding-init", "give one of them")
