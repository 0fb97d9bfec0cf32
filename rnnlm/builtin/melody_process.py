"""The melodies as a process: every next symbol with its chance, so that the best possible perplexity is known.

A state is what the rest of a melody depends on. Choices that are not heard (key, meter, chords, rhythms, whether a
phrase ends open) are alternatives of one state or several; `probability.py` sums over them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rnnlm.builtin import melodies as rules
from rnnlm.builtin.probability import END

_BAR = "|"


class At(NamedTuple):
    """A place in a melody: `bar` of all its bars, in key and meter by number, after the degree `before`.

    `body` are the bars of A, `first` its first ending, which is `closed` or not. Inside a bar `left` are the values of
    the notes to be drawn, or the notes to be repeated; `degrees` may come next, on the way to one of `goals`; `heard`
    are those so far. `left` is None where a bar is to be begun.
    """

    key: int
    meter: int
    bar: int = 0
    before: int = 0
    body: tuple[tuple[rules.Note, ...], ...] = ()
    first: tuple[rules.Note, ...] = ()
    closed: bool = False
    left: tuple[Any, ...] | None = None
    degrees: tuple[int, ...] = ()
    goals: tuple[int, ...] = ()
    heard: tuple[rules.Note, ...] = ()


class MelodyProcess:
    """The source of melodies."""

    @property
    def beginnings(self) -> dict[At, float]:
        """Every key and meter, equally likely."""
        pairs = [(key, meter) for key in range(len(rules.KEYS)) for meter in range(len(rules.METERS))]
        return {At(*pair): 1 / len(pairs) for pair in pairs}

    def continuations(self, at: At, mass: float) -> Iterator[tuple[str, float, At]]:
        """Every next symbol, its part of `mass` and the state after it; END where the melody is over."""
        length = rules.METERS[at.meter][0]
        if at.left is None:
            if at.bar == 4 * length:
                yield END, mass, at
                return
            begun = list(self._begun(at, *divmod(at.bar, length), length))
            for one in begun:
                yield from self.continuations(one, mass / len(begun))
        elif not at.left:
            yield _BAR, mass, self._ended(at, length)
        elif not at.goals or at.left[0].startswith("R"):  # a note again, or a rest
            note = at.left[0] if not at.goals else (None, at.left[0][1:])
            yield self._symbol(at, note), mass, at._replace(left=at.left[1:], heard=(*at.heard, note))
        else:
            value, after = at.left[0], at.left[1:]
            possible = rules.possible(at.degrees, at.goals, sum(not each.startswith("R") for each in after))
            for degree in possible:
                note = degree, value
                moved = at._replace(left=after, degrees=rules.moves(degree), heard=(*at.heard, note))
                yield self._symbol(at, note), mass / len(possible), moved

    def _begun(self, at: At, phrase: int, place: int, length: int) -> Iterator[At]:
        """The states in which a bar may begin, as often as their chance says."""
        last = place == length - 1
        if phrase in (1, 3) and not last:
            yield self._again(at, at.body[place])
        elif not last:
            chords: list[tuple[int, ...]] = list(rules.CHORDS.values())
            if at.bar == 0:
                chords = [(0,)]
            elif place == 0:
                chords = [rules.CHORDS[name] for name in rules.TURNS]
            for chord in chords:
                yield from self._drawn(at, rules.METERS[at.meter][1], chord, rules.ANY)
        elif phrase == 0:
            yield from (each._replace(closed=closed) for closed in (False, True) for each in self._ending(at, closed))
        elif phrase == 1:
            drawn = [each for closed in (False, True) for each in self._ending(at, closed)]
            yield from [self._again(at, at.first)] * len(drawn)
            yield from drawn
        elif phrase == 2:
            yield from self._ending(at, False)
        else:
            drawn = list(self._ending(at, True))
            yield from [self._again(at, at.first)] * len(drawn) if at.closed else ()
            yield from drawn

    def _ending(self, at: At, closed: bool) -> Iterator[At]:
        yield from self._drawn(at, rules.METERS[at.meter][2], *rules.ending_of(closed))

    def _drawn(self, at: At, rhythms: Sequence[str], starts: Sequence[int], goals: Sequence[int]) -> Iterator[At]:
        for rhythm in rhythms:
            yield at._replace(
                left=tuple(rhythm.split()), degrees=tuple(rules.near(at.before, starts)), goals=tuple(goals), heard=()
            )

    def _again(self, at: At, notes: tuple[rules.Note, ...]) -> At:
        return at._replace(left=notes, degrees=(), goals=(), heard=())

    def _ended(self, at: At, length: int) -> At:
        """After a bar: what has been heard is kept where it may return."""
        phrase, place = divmod(at.bar, length)
        body = (*at.body, at.heard) if phrase == 0 and place < length - 1 else at.body
        first = at.heard if phrase == 0 and place == length - 1 else at.first
        last = [degree for degree, _ in at.heard if degree is not None][-1]
        return At(at.key, at.meter, at.bar + 1, last, body, first, at.closed)

    def _symbol(self, at: At, note: rules.Note) -> str:
        return rules.symbol(note, *rules.KEYS[at.key])
