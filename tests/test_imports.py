"""The order of imports is the order of the folders, and some names stay where they belong; read from the sources."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "rnnlm"
GROUND = ("available", "config", "renamed", "errors", "artifacts", "locks", "directories", "arrays", "files", "edits",
          "graph", "launched", "screen", "version", "workers", "workspace")  # fmt: skip
# A part may import itself and any part of a smaller rank; training, use and views share one and stay apart.
RANKS = {"ground": 0, "builtin": 1, "corpus": 2, "tables": 3, "model": 4, "training": 5, "use": 5, "views": 5,
         "report": 6, "app": 7, "cli": 8}  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))


def part_of(dotted: str) -> str | None:
    """'rnnlm.corpus.ids' → 'corpus'; 'rnnlm.errors' → 'ground'; the package itself → None."""
    words = dotted.split(".")
    if len(words) == 1:
        return None
    return "ground" if words[1] in GROUND else words[1]


def own_part(path: Path) -> str:
    """The part that a file belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return "ground" if first.removesuffix(".py") in GROUND else first.removesuffix(".py")


def imported(path: Path) -> list[tuple[int, str]]:
    """(line, dotted name) of every import in a file, those inside functions included."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            module = node.module or ""
            found += [(node.lineno, f"{module}.{alias.name}") for alias in node.names]
    return found


def named(path: Path) -> str:
    """A file as the tests' ids show it."""
    return str(path.relative_to(PACKAGE))


def test_the_walk_sees_the_imports() -> None:
    """Guard of the tests below: the walk finds imports that are known to be there."""
    names = {name for _, name in imported(PACKAGE / "corpus" / "clean.py")}
    assert {"rnnlm.arrays.npy_writer", "numpy"} <= names
    assert {"rnnlm.model.network.Network", "torch"} <= {
        name for _, name in imported(PACKAGE / "training" / "learner.py")
    }


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_imports_only_its_own_part_or_an_earlier_one(path: Path) -> None:
    own = own_part(path)
    if own in ("__init__", "__main__"):
        return
    for line, name in imported(path):
        if name.split(".")[0] != "rnnlm":
            continue
        other = part_of(name)
        if other is None:
            continue
        assert other in RANKS, f"{path}:{line}: {name} is in no known part"
        assert other == own or RANKS[other] < RANKS[own], f"{path}:{line}: {own} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_heavy_and_shell_packages_stay_where_they_belong(path: Path) -> None:
    own = own_part(path)
    packages = {name.split(".")[0] for _, name in imported(path)}
    if own not in ("model", "training", "use", "views", "report", "app", "cli"):
        assert "torch" not in packages
    if own != "cli":
        assert not packages & {"typer", "rich", "click"}
    assert not packages & {"pickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
    known = sys.stdlib_module_names | {"rnnlm", "numpy", "torch", "typer", "rich", "tokenizers", "safetensors",
                                       "lark", "jinja2", "zstandard", "matplotlib", "mido", "pyarrow", "onnx",
                                       "onnxruntime", "tensorboardX"}  # fmt: skip
    assert packages <= known


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_is_pickled_or_evaluated(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "torch.load", "torch.save", "__import__"), f"{path}:{node.lineno}"
            assert not any(keyword.arg == "allow_pickle" for keyword in node.keywords), f"{path}:{node.lineno}"


def test_file_names_say_what_they_hold() -> None:
    assert not {path.stem for path in FILES} & {"utils", "helpers", "common", "misc", "util", "helper"}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_opens_with_a_docstring(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@pytest.mark.parametrize("path", [path for path in FILES if own_part(path) != "cli"], ids=named)
def test_the_library_never_prints(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in ("print", "sys.stdout.write", "sys.stderr.write"), node.lineno
