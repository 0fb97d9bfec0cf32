"""The built-in recipes: settings under a name, with the metric that they are known to reach."""

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.errors import UsageError

_DIRECTORY = Path(__file__).with_name("recipes")


@dataclass(frozen=True)
class Recipe:
    """`settings` by section; `expects` is the metric that it reaches, `source` the origin of that number.

    `checked` says how much of it its authors ran: 'whole', or the 'first steps' of what takes days on a processor.
    """

    name: str
    what: str
    expects: str
    source: str
    checked: str
    settings: dict[str, dict[str, Any]]


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
    return Recipe(name, **content.pop("recipe"), settings=content)
