"""What a page is made of: sections, each of tables, pictures, texts, a passage or samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Table:
    """A table of texts, all columns but the first to the right; with `prose` all to the left."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    prose: bool = False


@dataclass(frozen=True)
class Picture:
    """An SVG picture as text, and what it shows in words; with `search` its labels can be searched."""

    kind: ClassVar[str] = "picture"
    svg: str
    caption: str
    search: bool = False


@dataclass(frozen=True)
class Verbatim:
    """A text as it is: equations, a command."""

    kind: ClassVar[str] = "verbatim"
    caption: str
    text: str


@dataclass(frozen=True)
class PassageToken:
    """A token with its cost in bits, its rank from 1, the entropy in bits, and the likeliest tokens with probabilities.

    `level` is the color's, 0 to 6; `after` is what separates it from the next token.
    """

    text: str
    bits: float
    rank: int
    entropy: float
    likeliest: Sequence[tuple[str, float]]
    unknown: bool
    level: int
    after: str


@dataclass(frozen=True)
class Passage:
    """A text as a heat map, `dense` where tokens are letters; `units` are activations from −99 to 99 at each token, by
    the unit's name."""

    kind: ClassVar[str] = "passage"
    caption: str
    tokens: Sequence[PassageToken]
    legend: Sequence[tuple[int, str]]
    units: Mapping[str, Sequence[int]] = field(default_factory=dict)
    dense: bool = False


@dataclass(frozen=True)
class Samples:
    """Generated texts, each with a note."""

    kind: ClassVar[str] = "samples"
    texts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Live:
    """The model itself: `model` is its data as JSON, `step` its cell's step in JavaScript.

    `levels` are the bits at which colors change; `start` is the text to begin with, `tokens` how many are written.
    """

    kind: ClassVar[str] = "live"
    model: Mapping[str, Any]
    step: str
    levels: Sequence[int]
    legend: Sequence[tuple[int, str]]
    start: str = ""
    tokens: int = 40
    dense: bool = False


Part = Table | Picture | Verbatim | Passage | Samples | Live


@dataclass(frozen=True)
class Section:
    """A section; `sentence` says what is shown, of which text, how many tokens, the unit, and how to read it."""

    id: str
    title: str
    sentence: str
    parts: Sequence[Part]
