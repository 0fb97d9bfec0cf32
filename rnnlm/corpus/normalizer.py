"""Cleaning: rules, the `tokenizers` normalizer that implements them, and a faster way to the same result.

The normalizer is stored in `tokenizer.json`, cleans prompts and defines the result. `Cleaner` gives the same bytes
faster: ASCII text by byte tables, other text word by word from a bounded cache. That is exact because no rule
looks further than the spaces around a word; where a line may begin with `<s>` or end with `</s>`, it is cleaned whole.
"""

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from tokenizers import NormalizedString, Regex, Tokenizer, normalizers
from tokenizers.models import WordLevel

from rnnlm.artifacts import sha256_bytes
from rnnlm.corpus.settings import WORD_KINDS, CleanSettings

PAD, START, END, UNKNOWN = "<pad>", "<s>", "</s>", "<unk>"
SPECIALS = (PAD, START, END, UNKNOWN)
_SPACE = r"[\s\p{Z}\p{Cc}]"
_BEGIN, _END = r"(?<![^\s\p{Z}\p{Cc}])", r"(?![^\s\p{Z}\p{Cc}])"  # of a word
_APOSTROPHE = r"(?<=[\p{L}\p{M}])['’](?=\p{L})"
_PUNCTUATION = r"[\p{P}\p{S}]"
# The same, except for the brackets of an unknown word that stands alone.
_BESIDE_UNKNOWN = (
    rf"[[\p{{P}}\p{{S}}]&&[^<>]]|<(?!unk>{_END})|(?<=[^\s\p{{Z}}\p{{Cc}}])<"
    rf"|>(?=[^\s\p{{Z}}\p{{Cc}}])|(?<!\A<unk|[\s\p{{Z}}\p{{Cc}}]<unk)>"
)
# A format character, except for the joiners and for signs that are seen: Arabic and Kaithi number signs.
_INVISIBLE = r"[\p{Cf}&&[^\u200c\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\x{110bd}\x{110cd}]]"
_JOINED = "".join(
    rf"\p{{{script}}}"
    for script in ("Arabic", "Syriac", "Mongolian", "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil",
                   "Telugu", "Kannada", "Malayalam", "Sinhala", "Tibetan", "Myanmar", "Khmer", "Javanese", "Balinese")
) + r"\u064b-\u0655\u0670"  # fmt: skip
# A joiner that shapes no letters: U+200C between two letters of such a script, U+200D after one, or in an emoji.
_JOINER = rf"\u200c(?![{_JOINED}])|(?<![{_JOINED}])\u200c|(?<![{_JOINED}\p{{So}}\p{{Sk}}\ufe0f])\u200d"
_QUOTES = {"'": "[‘’‚‛]", '"': "[“”„‟]", "-": "[‐‑‒–—―]"}
_CACHE_WORDS = 500_000


@dataclass(frozen=True)
class CleanRule:
    """The rules of cleaning for one kind of token; `fold` joins words by one space, `markup` reads special strings.

    A special string is a word: `<s>` at the start of a line and `</s>` at its end are dropped, `<unk>` is kept, the
    others become `<unk>`. In models of earlier versions they all become `<unk>` where `special`. `invisible` removes
    format characters, `quotes` folds curly quotes and dashes. `then` is the normalizer of an imported tokenizer, as
    JSON, which runs after our own.
    """

    case: str
    punctuation: str
    digits: str
    normalization: str
    strip_accents: bool
    fold: bool
    special: bool
    then: str = ""
    markup: bool = False
    invisible: bool = False
    quotes: bool = False

    @classmethod
    def of(cls, settings: CleanSettings, kind: str, *, tagged: bool = False) -> "CleanRule":
        """The rule for tokens of `kind`; a prepared corpus keeps its text, except for the spaces between words.

        No word of a `tagged` text is dropped.
        """
        words = kind in WORD_KINDS
        if settings.prepared:
            return cls("keep", "keep", "keep", "none", False, fold=words, special=tagged, markup=words and not tagged)
        return cls(
            settings.case, settings.punctuation, settings.digits, settings.normalization, settings.strip_accents,
            fold=True, special=False, markup=words, invisible=True, quotes=settings.fold_quotes,
        )  # fmt: skip

    def fits(self) -> bool:
        """Whether it can be a rule; it may come from any file."""
        texts = (self.case, self.punctuation, self.digits, self.normalization, self.then)
        switches = (self.strip_accents, self.fold, self.special, self.markup, self.invisible, self.quotes)
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
        later = [name for name in ("markup", "invisible", "quotes") if not getattr(self, name)]
        rule = {name: value for name, value in asdict(self).items() if name not in later}
        return rule | ({"then": sha256_bytes(self.then.encode())} if self.then else {})

    def earlier(self) -> "CleanRule":
        """The rule by which earlier versions cleaned with these settings."""
        special = self.special or (self.markup and self.punctuation == "keep")
        return replace(self, special=special, markup=False, invisible=False)

    @property
    def steps(self) -> list[normalizers.Normalizer]:
        """The normalizers, in their order."""
        forms: dict[str, list[Any]] = {"nfkc": [normalizers.NFKC()], "nfc": [normalizers.NFC()], "none": []}
        form = forms[self.normalization]
        steps: list[Any] = [_replace(_INVISIBLE, "")] if self.invisible else []
        steps += form
        if self.strip_accents:
            steps += [normalizers.NFD(), normalizers.StripAccents(), normalizers.NFC()]
        if self.case == "lower":
            steps.append(normalizers.Lowercase())
        if self.markup:
            steps += [_replace(rf"\A{_SPACE}*<s>{_END}", " "), _replace(rf"{_BEGIN}</s>{_SPACE}*\z", " "),
                      _replace(rf"{_BEGIN}(<pad>|<s>|</s>){_END}", UNKNOWN)]  # fmt: skip
        if self.quotes:
            steps += [_replace(curly, plain) for plain, curly in _QUOTES.items()]
        if self.punctuation == "remove":
            steps += [_replace(_APOSTROPHE, ""), _replace(_BESIDE_UNKNOWN if self.markup else _PUNCTUATION, " ")]
        if self.digits == "zero":
            steps.append(_replace(r"\p{Nd}", "0"))
        if self.invisible:
            steps.append(_replace(_JOINER, ""))
        steps += form
        if self.fold:
            steps += [_replace(rf"{_SPACE}+", " "), normalizers.Strip()]
        if self.special:
            steps.append(_replace(r"(?<![^ ])(<pad>|<s>|</s>)(?![^ ])", UNKNOWN))
        if self.then:
            steps.append(load_normalizer(self.then))
        return steps

    def normalizer(self) -> normalizers.Normalizer | None:
        """The normalizer of `tokenizer.json`, or None where text stays as is."""
        return normalizers.Sequence(self.steps) if self.steps else None


def _replace(pattern: str, by: str) -> normalizers.Normalizer:
    return normalizers.Replace(Regex(pattern), by)


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


_UNKNOWN_BYTE = b"\xff"  # for `<unk>` in ASCII
_OPENING, _CLOSING = re.compile("[<＜﹤]"), re.compile("[>＞﹥]")


@dataclass(frozen=True)
class _Marks:
    """The special strings in lines of ASCII: `<s>` that comes first, `</s>` that comes last, others; those counted."""

    first: re.Pattern[bytes]
    last: re.Pattern[bytes]
    others: re.Pattern[bytes]
    counted: re.Pattern[bytes]

    @classmethod
    def of(cls, rule: CleanRule) -> "_Marks":
        flags = re.MULTILINE | (re.IGNORECASE if rule.case == "lower" else 0)
        begin, end = rb"(?<![^\x00-\x20\x7f])", rb"(?![^\x00-\x20\x7f])"
        counted = b"/?s|pad|unk" if rule.invisible else b"/?s|pad"
        patterns = (
            rb"^[\x00-\x09\x0b-\x20\x7f]*<s>" + end, begin + rb"</s>[\x00-\x09\x0b-\x20\x7f]*$",
            begin + b"<(?:/?s|pad|unk)>" + end, begin + b"<(?:" + counted + b")>" + end,
        )  # fmt: skip
        return cls(*(re.compile(pattern, flags) for pattern in patterns))


class Cleaner:
    """`normalize` for blocks of lines (bytes, each line ended by `\\n`), in the fastest way that gives the same.

    `found` counts the special strings of a text with `markup`, without the `<unk>` of a prepared one.
    """

    def __init__(self, rule: CleanRule) -> None:
        self.found = 0
        self._rule = rule
        self._normalizer = rule.normalizer()
        self._cache: dict[str, str] = {}
        self._table = _ascii_table(rule)
        self._marks = _Marks.of(rule) if rule.markup else None

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
        whole = self._marks is not None and _has_brackets(text)
        if len(self._cache) > _CACHE_WORDS:
            self._cache.clear()
        for word in set(text.split()).difference(self._cache):
            self._cache[word] = normalize(self._normalizer, word)
        known = self._cache.__getitem__
        cleaned = [
            self._whole(line) if whole and _has_brackets(line) else " ".join(filter(None, map(known, line.split())))
            for line in text.split("\n")
        ]
        return "\n".join(cleaned).encode()

    def _whole(self, line: str) -> str:
        """A line that may have special strings."""
        assert self._marks is not None
        self.found += len(self._marks.counted.findall(line.encode()))
        return normalize(self._normalizer, line)

    def _ascii(self, lines: bytes) -> bytes:
        marks = self._marks
        if marks is not None and b"<" in lines:
            self.found += len(marks.counted.findall(lines))
            lines = marks.others.sub(_UNKNOWN_BYTE, marks.last.sub(b" ", marks.first.sub(b" ", lines)))
        if self._rule.punctuation == "remove" and b"'" in lines:
            lines = re.sub(rb"(?<=[A-Za-z])'(?=[A-Za-z])", b"", lines)
        lines = lines.translate(self._table)
        lines = re.sub(rb"  +", b" ", lines)
        lines = lines.replace(b" \n", b"\n").replace(b"\n ", b"\n").removeprefix(b" ")
        if self._rule.special and b"<" in lines:
            lines = re.sub(rb"(?<![^ \n])(?:<pad>|<s>|</s>)(?![^ \n])", UNKNOWN.encode(), lines)
        return lines.replace(_UNKNOWN_BYTE, UNKNOWN.encode())


def _has_brackets(text: str) -> bool:
    """Whether a special string may be in it: its brackets are, in any form that becomes them."""
    return bool(_OPENING.search(text) and _CLOSING.search(text))


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
