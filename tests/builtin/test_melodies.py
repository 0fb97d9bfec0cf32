"""The built-in melodies: same bytes everywhere, full bars, phrases that return, a tonic at both ends."""

import hashlib
import re
from fractions import Fraction
from itertools import pairwise

import pytest

from rnnlm.builtin.melodies import MELODIES_SHA256, MELODY_COUNT, melody_lines

NOTE = re.compile(r"(?P<letter>[A-G])(?P<accidental>[#b]?)(?P<octave>[2-6])/(?P<value>\d\.?)")
REST = re.compile(r"R/(?P<value>\d\.?)")
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SCALES = ({0, 2, 4, 5, 7, 9, 11}, {0, 2, 3, 5, 7, 8, 10})
METRES = {Fraction(2, 4), Fraction(3, 4), Fraction(4, 4)}  # 6/8 fills as much as 3/4

Bars = list[list[str]]


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return list(melody_lines())


@pytest.fixture(scope="module")
def melodies(lines: list[str]) -> list[Bars]:
    return [[bar.split() for bar in line.removesuffix(" |").split(" | ")] for line in lines]


def duration(token: str) -> Fraction:
    """Of a note or a rest, as a fraction of a whole note; a dot adds half."""
    match = NOTE.fullmatch(token) or REST.fullmatch(token)
    assert match, token
    plain = Fraction(1, int(match["value"][0]))
    return plain * Fraction(3, 2) if match["value"].endswith(".") else plain


def pitch(token: str) -> int:
    """Semitones above C0."""
    match = NOTE.fullmatch(token)
    assert match, token
    return 12 * int(match["octave"]) + SEMITONES[match["letter"]] + {"#": 1, "": 0, "b": -1}[match["accidental"]]


def notes(bars: Bars) -> list[str]:
    return [token for bar in bars for token in bar if not token.startswith("R")]


def phrases(bars: Bars) -> list[Bars]:
    """A, A′, B and A″."""
    length, rest = divmod(len(bars), 4)
    assert rest == 0
    return [bars[start : start + length] for start in range(0, len(bars), length)]


def test_the_corpus_has_its_known_bytes(lines: list[str]) -> None:
    text = "".join(line + "\n" for line in lines).encode()
    assert hashlib.sha256(text).hexdigest() == MELODIES_SHA256
    assert len(lines) == len(set(lines)) == MELODY_COUNT


def test_melodies_have_thirty_to_eighty_tokens(lines: list[str]) -> None:
    assert all(30 <= len(line.split()) <= 80 for line in lines)
    assert all(line.endswith(" |") for line in lines)


def test_every_bar_fills_its_metre(melodies: list[Bars]) -> None:
    found = set()
    for bars in melodies:
        (metre,) = {sum(map(duration, bar)) for bar in bars}
        found.add(metre)
    assert found == METRES


def test_the_last_note_is_the_tonic_that_the_first_bar_begins_on(melodies: list[Bars]) -> None:
    for bars in melodies:
        spelled = notes(bars)
        assert pitch(spelled[0]) % 12 == pitch(spelled[-1]) % 12
        assert spelled[0][: spelled[0].index("/") - 1] == spelled[-1][: spelled[-1].index("/") - 1]


def test_every_note_belongs_to_the_scale_of_that_tonic(melodies: list[Bars]) -> None:
    for bars in melodies:
        degrees = {(pitch(note) - pitch(notes(bars)[0])) % 12 for note in notes(bars)}
        assert any(degrees <= scale for scale in SCALES)
        spelling = {note[: note.index("/") - 1] for note in notes(bars)}
        assert len({name[0] for name in spelling}) == len(spelling)  # one accidental at most for a letter


def test_phrases_return_note_for_note_or_with_another_ending(melodies: list[Bars]) -> None:
    exact = varied = 0
    for bars in melodies:
        a, again, b, last = phrases(bars)
        assert a[:-1] == again[:-1] == last[:-1]
        assert b != a
        exact += (a[-1] == again[-1]) + (a[-1] == last[-1])
        varied += (a[-1] != again[-1]) + (a[-1] != last[-1])
    assert min(exact, varied) > MELODY_COUNT / 2


def test_the_middle_phrase_ends_open(melodies: list[Bars]) -> None:
    for bars in melodies:
        final = notes(phrases(bars)[2])[-1]
        above = (pitch(final) - pitch(notes(bars)[0])) % 12
        assert above in {2, 7, 10, 11}  # the dominant chord, its third flat in minor


def test_melodies_move_by_small_intervals(melodies: list[Bars]) -> None:
    """At most thirds within a bar and fourths across bars, but for the return of A."""
    for bars in melodies:
        for bar in bars:
            pitches = [pitch(note) for note in notes([bar])]
            assert all(abs(one - two) <= 4 for one, two in pairwise(pitches))
        for phrase in phrases(bars):
            pitches = [pitch(note) for note in notes(phrase)]
            assert all(abs(one - two) <= 6 for one, two in pairwise(pitches))
