"""A grammar with a memory: templates of text with slots, and the relation that says what may come next.

Stories are not known here: words and templates are passed in. `lexicon.py` and `plots.py` hold those of the
built-in corpus, tests use small ones. Nothing here is random; `sampling.py` and `probability.py` follow the
relation.

A template is surface text, tokens separated by spaces, punctuation attached:

    word  word/TAG     that word; the tag where the table of tags does not give it
    {hero}             the value of register `hero`; where it has none yet, one is drawn and kept
    {hero.his}         the same value in another of its forms
    [size]             a word of category `size`, drawn afresh and not kept
    <ending>           one of the templates of symbol `ending`

A capital (`{Hero}`, `[Size]`) makes the word begin with one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rnnlm.builtin.probability import END

Entry = Mapping[str, str]
"""The forms of one value: `{"word": "Anna", "his": "her", ...}`."""

Memory = tuple[int | None, ...]
"""For each register the index of its value in its category; None while nothing has been drawn."""


@dataclass(frozen=True)
class Category:
    """Values that fill the same slots; `tags` gives the part of speech of each form."""

    entries: tuple[Entry, ...]
    tags: Mapping[str, str]

    def determines(self, seen: str, wanted: str) -> bool:
        """Whether form `seen` of a value determines form `wanted`: a name its pronoun, but not the reverse."""
        settled: dict[str, str] = {}
        return all(settled.setdefault(entry[seen], entry[wanted]) == entry[wanted] for entry in self.entries)

    def varies(self, form: str) -> bool:
        return len({entry[form] for entry in self.entries}) > 1


@dataclass(frozen=True, eq=False)
class GrammarToken:
    """One token as the grammar generates it. Compared by identity, so that states hash quickly."""

    text: str
    word: str
    tag: str
    register: int | None = None
    form: str = "word"


@dataclass(frozen=True, eq=False)
class Slot:
    """A position for a value of a category: `tokens[value]` is the token of each value."""

    register: int | None
    tokens: tuple[GrammarToken, ...]


@dataclass(frozen=True, eq=False)
class Call:
    """A position for one of the templates of a symbol."""

    symbol: str


Item = GrammarToken | Slot | Call
Agenda = tuple[Item, ...]
Derivation = tuple[Agenda, Memory]
"""What is still to be generated, and what is remembered: all that the rest of a text depends on."""

Step = tuple[int, GrammarToken | None, Derivation]
"""Weight, token (None where a symbol was expanded and nothing generated), next state."""

_TOKEN = re.compile(
    r"""(?P<before>["(]*)(?P<core><\w+>|\{\w+(?:\.\w+)?\}|\[\w+\]|[A-Za-z]+(?:/[A-Z]+)?)(?P<after>\W*)"""
)


@dataclass(frozen=True)
class Grammar:
    """`rules[symbol]`: one template a line, a weight other than 1 in front (`3: `); `-` is the empty one."""

    categories: Mapping[str, Category]
    registers: Mapping[str, str]
    """Register → category."""
    rules: Mapping[str, str]
    tags: Mapping[str, str]
    """Word → part of speech, for the words that templates spell out."""
    start: str = "story"
    compiled: dict[str, list[tuple[int, Agenda]]] = field(init=False, repr=False, default_factory=dict)
    """Symbol and the punctuation after its call → its weighted templates."""

    def __post_init__(self) -> None:
        self._compile(self.start, "")

    @property
    def initial(self) -> Derivation:
        return (Call(self.start),), (None,) * len(self.registers)

    @property
    def beginnings(self) -> dict[Derivation, float]:
        """The one state in which a text begins."""
        return {self.initial: 1.0}

    def continuations(self, state: Derivation, mass: float) -> Iterator[tuple[str, float, Derivation]]:
        """Every next word, its part of `mass` and the state after it; END where the text is over."""
        if not state[0]:
            yield END, mass, state
            return
        steps = self.steps(state)
        total = sum([weight for weight, _, _ in steps])
        for weight, token, after in steps:
            if token is None:
                yield from self.continuations(after, mass * weight / total)
            else:
                yield token.word, mass * weight / total, after

    def steps(self, state: Derivation) -> list[Step]:
        """The possible steps for the first item of the agenda; P(step) = weight / sum of the weights."""
        (item, *_), memory = state
        rest = state[0][1:]
        if isinstance(item, GrammarToken):
            return [(1, item, (rest, memory))]
        if isinstance(item, Call):
            return [(weight, None, (items + rest, memory)) for weight, items in self.compiled[item.symbol]]
        if item.register is None:
            return [(1, token, (rest, memory)) for token in item.tokens]
        value = memory[item.register]
        if value is not None:
            return [(1, item.tokens[value], (rest, memory))]
        before, after = memory[: item.register], memory[item.register + 1 :]
        return [(1, token, (rest, (*before, drawn, *after))) for drawn, token in enumerate(item.tokens)]

    def _compile(self, symbol: str, after: str) -> Call:
        name = symbol + after
        if name not in self.compiled:
            self.compiled[name] = []
            lines = self.rules[symbol].strip().splitlines()
            self.compiled[name] += [self._alternative(line.strip(), after) for line in lines]
        return Call(name)

    def _alternative(self, line: str, after: str) -> tuple[int, Agenda]:
        weight, colon, template = line.partition(": ")
        if not (colon and weight.isdecimal()):
            weight, template = "1", line
        return int(weight), () if template == "-" else tuple(map(self._item, (template + after).split()))

    def _item(self, token: str) -> Item:
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise ValueError(f"template token {token!r} cannot be read")
        before, core, after = match.group("before", "core", "after")
        if core[0] == "<":
            return self._compile(core[1:-1], after)
        if core[0].isalpha():
            text, _, tag = core.partition("/")
            return GrammarToken(before + text + after, text.lower(), tag or self._tag(text.lower()))
        return self._slot(core, before, after)

    def _tag(self, word: str) -> str:
        if word not in self.tags:
            raise ValueError(f"the template word {word!r} has no part of speech")
        return self.tags[word]

    def _slot(self, core: str, before: str, after: str) -> Slot:
        name, _, form = core[1:-1].partition(".")
        form = form or "word"
        key = name.lower()
        kept = core[0] == "{"
        category = self.categories[self.registers[key] if kept else key]
        register = list(self.registers).index(key) if kept else None
        tokens = []
        for entry in category.entries:
            text = entry[form].capitalize() if name[0].isupper() else entry[form]
            tokens.append(GrammarToken(before + text + after, text.lower(), category.tags[form], register, form))
        return Slot(register, tuple(tokens))
