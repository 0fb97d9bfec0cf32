"""The built-in recipes: settings under a name, and the metric that they reach, as published or as measured here."""

import difflib
import math
import statistics
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnnlm.errors import UsageError

_DIRECTORY = Path(__file__).with_name("recipes")
_T = 4.303  # Student's t of two degrees of freedom: 95 % lies within


@dataclass(frozen=True)
class Measured:
    """What runs of a recipe with the seeds 1, 2 and 3 reached on a corpus: perplexities of its valid split, and times.

    `corpus_sha256` is the digest of the corpus as `raw` records it, `settings` are those that the corpus needs, by
    section, `seconds` those of whole commands.
    """

    corpus: str
    corpus_sha256: str
    valid_tokens: int
    valid_perplexity: Sequence[float]
    seconds: Sequence[float]
    machine: str
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """The mean perplexity."""
        return statistics.fmean(self.valid_perplexity)

    @property
    def interval(self) -> tuple[float, float]:
        """Where 95 % of further runs lie if perplexities are normal: mean ± t s √(1 + 1/n), s over n seeds."""
        n = len(self.valid_perplexity)
        half = _T * statistics.stdev(self.valid_perplexity) * math.sqrt(1 + 1 / n)
        return self.mean - half, self.mean + half

    @property
    def words(self) -> str:
        """The metric, its spread, the time and the machine."""
        low, high = min(self.valid_perplexity), max(self.valid_perplexity)
        return (
            f"{self.corpus}: valid perplexity {self.mean:.2f} ({low:.2f} to {high:.2f} with three seeds) in "
            f"{statistics.fmean(self.seconds):.0f} s on {self.machine}"
        )


@dataclass(frozen=True)
class Recipe:
    """`settings` by section; `expects` is the metric that its `source` published, '' for one of ours.

    `measured` is what it reached here, for recipes of ten minutes or less.
    """

    name: str
    what: str
    expects: str
    source: str
    settings: dict[str, dict[str, Any]]
    measured: Measured | None = None

    @property
    def reaches(self) -> str:
        """The metric to expect, and whose it is."""
        return self.measured.words if self.measured else f"{self.expects} (published, not run here)"


def recipe_names() -> list[str]:
    """The names of all recipes, in order."""
    return sorted(path.stem for path in _DIRECTORY.glob("*.toml"))


def read_recipe(name: str) -> Recipe:
    """The recipe of that name; UsageError where there is none."""
    if name not in recipe_names():
        close = difflib.get_close_matches(name, recipe_names(), 1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(recipe_names())}"
        raise UsageError(f"--recipe {name!r}: there is no such recipe", hint)
    content = tomllib.loads((_DIRECTORY / f"{name}.toml").read_text("utf-8"))
    told = content.pop("recipe")
    found: dict[str, Any] = told.pop("measured", {})
    measured = Measured(**found) if found else None
    return Recipe(name, **{"expects": "", **told}, settings=content, measured=measured)
