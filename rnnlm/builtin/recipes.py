"""The recipes that come with the tool: settings under a name, with the figure that they are known to reach."""

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.errors import UsageError

_DIRECTORY = Path(__file__).with_name("recipes")


@dataclass(frozen=True)
class Recipe:
    """`settings` by section; `expects` is the figure that it reaches, `source` where that is from.

    `checked` says how much of it was run by its authors here: 'whole', or the 'first steps' of what takes days on a
    processor.
    """

    name: str
    what: str
    expects: str
    source: str
    checked: str
    settings: dict[str, dict[str, Any]]


def recipe_names() -> list[str]:
    """All there are, in order."""
    return sorted(path.stem for path in _DIRECTORY.glob("*.toml"))


def read_recipe(name: str) -> Recipe:
    """The recipe of that name; UsageError where there is none."""
    if name not in recipe_names():
        close = difflib.get_close_matches(name, recipe_names(), 1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(recipe_names())}"
        raise UsageError(f"--recipe {name!r}: there is none of that name", hint)
    content = tomllib.loads((_DIRECTORY / f"{name}.toml").read_text("utf-8"))
    return Recipe(name, **content.pop("recipe"), settings=content)
