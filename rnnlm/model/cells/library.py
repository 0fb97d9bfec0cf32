"""The cells that are shipped, each a text in `library/`, and the cell that a name, a file or equations stand for."""

import difflib
import functools
import re
from dataclasses import dataclass
from pathlib import Path

from rnnlm.errors import InputError, UsageError
from rnnlm.files import read_input
from rnnlm.model.cells.form import Form, bare, read_form
from rnnlm.model.cells.notation import FED_BACK, CellError

ENDING = ".cell"
_FOLDER = Path(__file__).parent / "library"


@dataclass(frozen=True)
class CellText:
    """A cell's name and text; the first comment says what it is and where it comes from.

    A comment `perplexity 96.1` is what it reached in `benchmarks/cells.py`: validation of the Penn Treebank after two
    minutes of one core.
    """

    name: str
    text: str
    path: str = ""

    @property
    def title(self) -> str:
        """The first comment."""
        first = self.text.lstrip().splitlines()[0] if self.text.strip() else ""
        return first.removeprefix("#").strip() if first.startswith("#") else ""

    @property
    def perplexity(self) -> float | None:
        """What it was measured to reach; None where it was not."""
        found = re.search(r"^# perplexity ([0-9]{1,9}(?:\.[0-9])?)$", self.text, re.MULTILINE)
        return None if found is None else float(found[1])

    @property
    def form(self) -> Form:
        """Its equations; CellError where the text has none."""
        return read_form(self.text, self.path or self.name)

    @property
    def feeds_back(self) -> bool:
        """Whether the network's output is part of its state; does not parse the text."""
        return FED_BACK in bare(self.text)


@functools.cache
def shipped() -> dict[str, CellText]:
    """Every cell of the library by name, simple ones first."""
    texts = [CellText(path.stem, path.read_text("utf-8")) for path in sorted(_FOLDER.glob(f"*{ENDING}"))]
    return {each.name: each for each in sorted(texts, key=lambda each: (len(bare(each.text).splitlines()), each.name))}


def find_cell(cell: str, equation: str | None = None) -> CellText:
    """The cell of a name in the library, of a file, or of equations, with those of `equation` (by ;) in their place.

    Raises UsageError for a name that there is not, InputError for a file that cannot be read, CellError for a text
    that is no cell.
    """
    found = shipped().get(cell) or (CellText("own", cell) if "=" in cell else _from_file(cell))
    return found if equation is None else _changed(found, equation)


def cell_setting(name: str, text: str) -> str:
    """What `find_cell` finds a model's cell by: its name in the library, or its text."""
    return name if name in shipped() and bare(shipped()[name].text) == text else text


def _from_file(cell: str) -> CellText:
    path = Path(cell)
    if not (cell.endswith(ENDING) or "/" in cell or path.is_file()):
        close = difflib.get_close_matches(cell.lower(), shipped(), 1)
        hint = f"did you mean {close[0]}?" if close else "rnnlm cells lists them; a file of equations ends in .cell"
        raise UsageError(f"there is no cell {cell!r}", hint)
    try:
        return CellText(path.stem, read_input(path, 2**20).decode("utf-8-sig"), cell)
    except (OSError, ValueError) as error:
        why = "it is not text" if isinstance(error, ValueError) else getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read the cell {cell}: {why}", "check its path") from None


def _changed(cell: CellText, equation: str) -> CellText:
    """The cell with some of its equations replaced; it is named after their left sides."""
    lines = bare(cell.text).splitlines()
    names = []
    for new in filter(None, (part.strip() for part in equation.split(";"))):
        left = new.partition("=")[0].replace(" ", "")
        name = left.removesuffix("(t)")
        places = [k for k, line in enumerate(lines) if line.partition("=")[0].replace(" ", "") == left]
        if not places or name == left:
            known = ", ".join(line.partition("=")[0].strip() for line in lines if "(t) =" in line)
            raise CellError(f"--equation {new!r} replaces no equation of {cell.name}", f"it has {known}")
        while len(lines) > places[0] + 1 and lines[places[0] + 1].startswith(" "):
            del lines[places[0] + 1]
        lines[places[0]] = new
        names.append(name)
    return CellText("-".join([cell.name, *names]), _without_idle_starts("\n".join(lines)))


def _without_idle_starts(text: str) -> str:
    """The text without the `start`, `scalar` and `size` lines of weights that no equation has any more."""
    lines = text.splitlines()
    said = ("start ", "scalar ", "size ")
    equations = " ".join(line for line in lines if not line.startswith(said))
    for sign in "()*+-/,^=":
        equations = equations.replace(sign, " ")
    used = set(equations.split())
    return "\n".join(line for line in lines if not line.startswith(said) or line.split()[1] in used)
