"""Cleaning: rules, the `tokenizers` normalizer that implements them, and a faster way to the same result.

The normalizer is stored in `tokenizer.json`, cleans prompts and defines the result. `Cleaner` gives the same bytes
faster: ASCII text by byte tables, other text word by word from a bounded cache. That is exact because no rule
looks further than the spaces around a word.
"""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from tokenizers import NormalizedString, Regex, Tokenizer, normalizers
from tokenizers.models import WordLevel

from rnnlm.artifacts import sha256_bytes
from rnnlm.corpus.settings import WORD_KINDS, CleanSettings

PAD, START, END, UNKNOWN = "<pad>", "<s>", "</s>", "<unk>"
SPECIALS = (PAD, START, END, UNKNOWN)
SPECIAL_WORD = r"(?<![^ ])(<pad>|<s>|</s>)(?![^ ])"

_APOSTROPHE = r"(?<=[\p{L}\p{M}])['’](?=\p{L})"
_PUNCTUATION = r"[\p{P}\p{S}]"
_SPACES = r"[\s\p{Z}\p{Cc}]+"
_CACHE_WORDS = 500_000


@dataclass(frozen=True)
class CleanRule:
    """The rules of cleaning for one kind of token; `fold` joins words by one space, `special` guards our ids.

    `then` is the normalizer of an imported tokenizer, as JSON, which runs after our own.
    """

    case: str
    punctuation: str
    digits: str
    normalization: str
    strip_accents: bool
    fold: bool
    special: bool
    then: str = ""

    @classmethod
    def of(cls, settings: CleanSettings, kind: str) -> "CleanRule":
        """The rule for tokens of `kind`; a prepared corpus keeps its text, except for the spaces between words."""
        words = kind in WORD_KINDS
        if settings.prepared:
            return cls("keep", "keep", "keep", "none", False, fold=words, special=words)
        kept = settings.punctuation == "keep"
        return cls(
            settings.case, settings.punctuation, settings.digits, settings.normalization, settings.strip_accents,
            fold=True, special=words and kept,
        )  # fmt: skip

    def fits(self) -> bool:
        """Whether it can be a rule; it may come from any file."""
        texts = (self.case, self.punctuation, self.digits, self.normalization, self.then)
        switches = (self.strip_accents, self.fold, self.special)
        return (
            all(type(each) is str for each in texts)
            and all(type(each) is bool for each in switches)
            and self.case in ("lower", "keep")
            and self.punctuation in ("remove", "keep")
            and self.digits in ("keep", "zero")
            and self.normalization in ("nfkc", "nfc", "none")
        )

    def described(self) -> dict[str, Any]:
        """The rule as JSON; an imported normalizer, which can be a megabyte, by its digest."""
        return asdict(self) | ({"then": sha256_bytes(self.then.encode())} if self.then else {})

    @property
    def steps(self) -> list[normalizers.Normalizer]:
        """The normalizers, in their order."""
        forms: dict[str, list[Any]] = {"nfkc": [normalizers.NFKC()], "nfc": [normalizers.NFC()], "none": []}
        form = forms[self.normalization]
        steps: list[Any] = [*form]
        if self.strip_accents:
            steps += [normalizers.NFD(), normalizers.StripAccents(), normalizers.NFC()]
        if self.case == "lower":
            steps.append(normalizers.Lowercase())
        if self.punctuation == "remove":
            steps += [
                normalizers.Replace(Regex(_APOSTROPHE), ""),
                normalizers.Replace(Regex(_PUNCTUATION), " "),
            ]
        if self.digits == "zero":
            steps.append(normalizers.Replace(Regex(r"\p{Nd}"), "0"))
        steps += form
        if self.fold:
            steps += [normalizers.Replace(Regex(_SPACES), " "), normalizers.Strip()]
        if self.special:
            steps.append(normalizers.Replace(Regex(SPECIAL_WORD), UNKNOWN))
        if self.then:
            steps.append(load_normalizer(self.then))
        return steps

    def normalizer(self) -> normalizers.Normalizer | None:
        """The normalizer of `tokenizer.json`, or None where text stays as is."""
        return normalizers.Sequence(self.steps) if self.steps else None


def normalize(normalizer: normalizers.Normalizer | None, text: str) -> str:
    """`text` after the normalizer."""
    if normalizer is None:
        return text
    string = NormalizedString(text)
    normalizer.normalize(string)
    return string.normalized


def normalizer_json(normalizer: normalizers.Normalizer | None) -> str:
    """The normalizer as `tokenizer.json` holds it, or ''; equal text means equal cleaning."""
    tokenizer = Tokenizer(WordLevel({}, unk_token=UNKNOWN))
    if normalizer is None:
        return ""
    tokenizer.normalizer = normalizer
    return json.dumps(json.loads(tokenizer.to_str())["normalizer"], ensure_ascii=False)


def load_normalizer(text: str) -> normalizers.Normalizer:
    """The normalizer that `normalizer_json` wrote."""
    tokenizer = json.loads(Tokenizer(WordLevel({}, unk_token=UNKNOWN)).to_str())
    normalizer: normalizers.Normalizer = Tokenizer.from_str(
        json.dumps(tokenizer | {"normalizer": json.loads(text)})
    ).normalizer
    return normalizer


class Cleaner:
    """`normalize` for blocks of lines (bytes, each line ended by `\\n`), in the fastest way that gives the same."""

    def __init__(self, rule: CleanRule) -> None:
        self._rule = rule
        self._normalizer = rule.normalizer()
        self._cache: dict[str, str] = {}
        self._table = _ascii_table(rule)

    def block(self, lines: bytes) -> bytes:
        """Clean every line; the number of lines stays."""
        if self._normalizer is None:
            return lines
        if self._rule.then:  # an imported normalizer may look past a word
            texts = (normalize(self._normalizer, line) for line in lines.decode().split("\n")[:-1])
            return "".join(text.replace("\n", " ") + "\n" for text in texts).encode()
        if lines.isascii():
            return self._ascii(lines)
        rows = lines.split(b"\n")[:-1]
        plain = [row for row in rows if row.isascii()]
        if not plain:
            return self._by_words(lines)
        cleaned = iter(self._ascii(b"\n".join(plain) + b"\n").split(b"\n"))
        others = iter(self._by_words(b"".join(row + b"\n" for row in rows if not row.isascii())).split(b"\n"))
        return b"".join(next(cleaned if row.isascii() else others) + b"\n" for row in rows)

    def _by_words(self, lines: bytes) -> bytes:
        """Each distinct space-separated word goes through the normalizer once."""
        text = lines.decode()
        if len(self._cache) > _CACHE_WORDS:
            self._cache.clear()
        for word in set(text.split()).difference(self._cache):
            self._cache[word] = normalize(self._normalizer, word)
        known = self._cache.__getitem__
        cleaned = [" ".join(filter(None, map(known, line.split()))) for line in text.split("\n")]
        return "\n".join(cleaned).encode()

    def _ascii(self, lines: bytes) -> bytes:
        if self._rule.punctuation == "remove" and b"'" in lines:
            lines = re.sub(rb"(?<=[A-Za-z])'(?=[A-Za-z])", b"", lines)
        lines = lines.translate(self._table)
        lines = re.sub(rb"  +", b" ", lines)
        lines = lines.replace(b" \n", b"\n").replace(b"\n ", b"\n").removeprefix(b" ")
        if self._rule.special and b"<" in lines:
            lines = re.sub(rb"(?<![^ \n])(?:<pad>|<s>|</s>)(?![^ \n])", UNKNOWN.encode(), lines)
        return lines


def _ascii_table(rule: CleanRule) -> bytes:
    """What each ASCII byte becomes."""
    table = list(range(256))
    for code in range(128):
        character = chr(code)
        if character != "\n" and (code <= 32 or code == 127):
            table[code] = 32
        elif rule.case == "lower" and character.isupper():
            table[code] = ord(character.lower())
        elif rule.punctuation == "remove" and not character.isalnum() and code > 32:
            table[code] = 32
        elif rule.digits == "zero" and character.isdigit():
            table[code] = ord("0")
    return bytes(table)
