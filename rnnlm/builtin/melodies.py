"""The built-in melodies: short tunes as symbols, drawn from a small grammar of phrases, harmonies and steps.

    melody     A A′ B A″         four phrases of 2 bars, or of 4 in 2/4
    phrase     body, ending      the body of A′ and A″ is that of A, note for note; the ending is a single bar
    ending     open (a note of the dominant chord comes last) or closed (the tonic does); that of A″ is closed
    bar        begins on a note of a chord, goes on by steps, thirds and repeats

A melody begins and ends on its tonic, in any octave: the last note is determined by the first, some fifty symbols
earlier, and the body of A″ by that of A. A token is a note or a rest with its value (`F#4/8`, `C4/4.`, `R/8`: an
eighth, a dotted quarter, an eighth's rest) or `|`, the end of a bar. Key and meter are never written.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from rnnlm.builtin.sampling import below

MELODY_SEED = 1750
MELODY_COUNT = 1500
MELODIES_SHA256 = "5bb9afd76ff24139f92d6ec9ea03771f8fb0a9242c45e350b33ef5989fde2f9a"
"""Digest of the corpus as a file: `melody_lines()`, each line ended by a line feed."""

Note = tuple[int | None, str]
"""Degree of the scale, None for a rest, and value. The tonic is 0, 7 an octave higher; below it are −1, −2, …"""

Bar = list[Note]
T = TypeVar("T")

_LOWEST, _HIGHEST = -3, 8
CHORDS = {"tonic": (0, 2, 4), "subdominant": (3, 5, 0), "dominant": (4, 6, 1), "submediant": (5, 0, 2)}
TURNS = ("subdominant", "dominant", "submediant")  # chords on which B begins
ANY = tuple(range(7))
_MOVES = (-1, -1, -1, -1, 1, 1, 1, 1, 0, 0, -2, 2)
_FARTHEST = max(_MOVES)
_LEAP = 3  # at most, from bar to bar: every triad has a note within it

_LETTERS, _SEMITONES = "CDEFGAB", (0, 2, 4, 5, 7, 9, 11)
_ACCIDENTALS = {"b": -1, "": 0, "#": 1}
_SCALES = {"major": _SEMITONES, "minor": (0, 2, 3, 5, 7, 8, 10)}
_TONICS = {"major": "C4 D4 Eb4 F4 G4 A3 Bb3", "minor": "A3 B3 C4 D4 E4 G4"}
KEYS = [(tonic, mode) for mode, tonics in _TONICS.items() for tonic in tonics.split()]

METERS = [  # bars in a phrase, rhythms of a bar, rhythms of an ending
    (4, ["4 4", "4 8 8", "8 8 4", "8 8 8 8", "4. 8"], ["4 4", "8 8 4", "4 8 R8"]),  # 2/4
    (2, ["4 4 4", "4. 8 4", "4 8 8 4", "4 4 8 8", "8 8 8 8 4"], ["8 8 2", "4 4 4", "4 4 R4", "8 8 4 R4"]),  # 3/4
    (2, ["4 4 4 4", "2 4 4", "4. 8 4 4", "4 8 8 4 4", "8 8 4 8 8 4", "4 4 4 8 R8"],
     ["4 4 2", "8 8 4 2", "4 4 4 R4", "4. 8 2"]),  # 4/4
    (2, ["4 8 4 8", "4. 8 8 8", "8 8 8 4 8", "4 8 8 8 8", "8 8 8 8 8 8"],
     ["4 8 4.", "8 8 8 4.", "4 8 4 R8", "8 8 8 4 R8"]),  # 6/8
]  # fmt: skip


def melody_lines() -> Iterator[str]:
    """The melodies of the corpus, one a line."""
    random = np.random.Generator(np.random.PCG64(MELODY_SEED))
    return (" ".join(melody(random)) for _ in range(MELODY_COUNT))


def melody(random: np.random.Generator) -> list[str]:
    """The tokens of one melody, each bar ended by `|`."""
    tonic, mode = _one(KEYS, random)
    return [token for bar in _bars(random) for token in (*(symbol(note, tonic, mode) for note in bar), "|")]


def _bars(random: np.random.Generator) -> Iterator[Bar]:
    """The bars of A A′ B A″."""
    length, rhythms, ending_rhythms = _one(METERS, random)

    def body(starts: Sequence[int], before: int) -> list[Bar]:
        bars: list[Bar] = []
        while len(bars) < length - 1:
            bars.append(_bar(_one(rhythms, random), starts, ANY, before, random))
            starts, before = _one(list(CHORDS.values()), random), _last(bars)
        return bars

    def ending(bars: list[Bar], closed: bool) -> Bar:
        return _bar(_one(ending_rhythms, random), *ending_of(closed), _last(bars), random)

    a = body((0,), 0)
    closed = _heads(random)
    first = ending(a, closed)
    again = first if _heads(random) else ending(a, _heads(random))
    b = body(CHORDS[_one(TURNS, random)], _last([again]))
    last = first if closed and _heads(random) else ending(a, closed=True)
    for phrase in ([*a, first], [*a, again], [*b, ending(b, closed=False)], [*a, last]):
        yield from phrase


def _bar(rhythm: str, starts: Sequence[int], goals: Sequence[int], before: int, random: np.random.Generator) -> Bar:
    """A bar after the note `before`: its first note is one of `starts`, its last one of `goals`, in any octave.

    At each note, only moves that leave a goal within reach are drawn.
    """
    values = rhythm.split()
    options: Sequence[int] = near(before, starts)
    left = sum(not value.startswith("R") for value in values)
    bar: Bar = []
    for value in values:
        if value.startswith("R"):
            bar.append((None, value[1:]))
            continue
        left -= 1
        degree = _one(possible(options, goals, left), random)
        bar.append((degree, value))
        options = moves(degree)
    return bar


def ending_of(closed: bool) -> tuple[Sequence[int], Sequence[int]]:
    """The chords on which an ending begins, and ends."""
    return (CHORDS["dominant"], (0,)) if closed else (CHORDS["tonic"], CHORDS["dominant"])


def near(before: int, starts: Sequence[int]) -> list[int]:
    """The degrees on which a bar may begin after the note `before`."""
    return [degree for degree in range(before - _LEAP, before + _LEAP + 1) if degree % 7 in starts]


def moves(degree: int) -> tuple[int, ...]:
    """The degrees after another, some more than once."""
    return tuple(degree + move for move in _MOVES)


def possible(options: Sequence[int], goals: Sequence[int], left: int) -> list[int]:
    """Those in range from which one of `goals` can still be reached in `left` notes."""
    targets = [degree for degree in range(_LOWEST, _HIGHEST + 1) if degree % 7 in goals]
    return [
        degree
        for degree in options
        if _LOWEST <= degree <= _HIGHEST and min(abs(degree - goal) for goal in targets) <= _FARTHEST * left
    ]


def _last(bars: Sequence[Bar]) -> int:
    """The last note's degree."""
    return [degree for degree, _ in bars[-1] if degree is not None][-1]


def symbol(note: Note, tonic: str, mode: str) -> str:
    """A note as a symbol, `F#4/8`: letter, accidental and octave of the degree in this key, and the value."""
    degree, value = note
    if degree is None:
        return f"R/{value}"
    letter, accidental, octave = _LETTERS.index(tonic[0]), tonic[1:-1], int(tonic[-1])
    octaves, step = divmod(degree, 7)
    semitone = 12 * (octave + octaves) + _SEMITONES[letter] + _ACCIDENTALS[accidental] + _SCALES[mode][step]
    octaves, letter = divmod(letter + degree, 7)
    raised = semitone - 12 * (octave + octaves) - _SEMITONES[letter]
    spelling = next(sign for sign, change in _ACCIDENTALS.items() if change == raised)
    return f"{_LETTERS[letter]}{spelling}{octave + octaves}/{value}"


def _one(options: Sequence[T], random: np.random.Generator) -> T:
    """One of the options, each equally likely."""
    return options[below(len(options), random)]


def _heads(random: np.random.Generator) -> bool:
    """A fair coin."""
    return below(2, random) == 1
