"""`rnnlm status`, `accept` and `config`: where a workspace stands, and what it is set to."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnlm.app.request import Request
from rnnlm.cli.options import command

if TYPE_CHECKING:
    from rnnlm.model.sealed import Sealed

WORKSPACE = Annotated[Path, typer.Argument(help="a workspace", show_default=False)]
MAYBE_WORKSPACE = Annotated[Path | None, typer.Argument(help="a workspace", show_default=False)]


@command(arguments={"path": (WORKSPACE, ...)}, examples=("rnnlm status work", "rnnlm status work --json"))
def status(request: Request) -> None:
    """Show each stage and model: current, stale, changed by hand, damaged or missing."""
    from rnnlm.cli.terminal import table, terminal
    from rnnlm.graph import STAGES, chain
    from rnnlm.training.run import model_directories
    from rnnlm.workspace import Workspace

    workspace = Workspace.open(request.arguments["path"])
    view = table("stage", "now", "reads", "holds")
    states: dict[str, str] = {}
    sources = {name for name, stage in STAGES.items() if not stage.inputs and workspace.directory(name).exists()}
    for name, stage in STAGES.items():
        if sources and not sources & set(chain(name)):
            continue  # text and tables have stages of their own
        states[name] = workspace.state(name)
        view.add_row(name, states[name], ", ".join(stage.inputs) or "-", stage.shows)
    current = {name for name, state in states.items() if state == "current"}
    identities = {name: read.identity for name in current if (read := workspace.manifest(name)) is not None}
    models = {path.name: _model(path, identities) for path in model_directories(workspace.path / "models")}
    for name, found in models.items():
        state = found["state"] + (", replacement unfinished" if "replacement" in found else "")
        view.add_row(f"models/{name}", state, ", ".join(found.get("reads", ())) or "-", _holds(found))
    for column in view.columns[1:]:
        column.justify = "left"
    report = {"workspace": str(workspace.path), "stages": states, "models": models}
    terminal(request).result(report, _chain(states), "", view)


def _model(path: Path, identities: Mapping[str, str]) -> dict[str, Any]:
    """Where a model stands beside the identities of the stages that are current."""
    from rnnlm.errors import RnnlmError
    from rnnlm.model.sealed import is_sealed, read_sealed
    from rnnlm.training.run import has_successor

    if not is_sealed(path):
        return {"state": "unfinished"}
    replacement = {"replacement": "unfinished"} if has_successor(path) else {}
    try:
        model = read_sealed(path)
    except RnnlmError as error:
        return {"state": "damaged", "error": str(error), **replacement}
    reads = _stages_read(model)
    current = all(identities.get(name) == made_from for name, made_from in reads.items())
    figures = {
        name: value for name, value in model.report.items() if name in ("order", "ngrams") or name.startswith("valid_")
    }
    state = "current" if current else "trained on earlier data"
    return {"state": state, "task": model.task, "reads": list(reads), **figures, **replacement}


def _stages_read(model: "Sealed") -> dict[str, str]:
    """The stages whose artifacts a model was made from, in pipeline order, with their identities."""
    from rnnlm.graph import STAGES

    data = model.config.get("data", {})
    return {name: data[name] for name in STAGES if name in data}


def _chain(states: dict[str, str]) -> str:
    """The way from the corpus to a model in a line; a stage that has not run stands in brackets."""
    steps = [name if state != "missing" else f"[{name}]" for name, state in states.items()]
    return " → ".join((*steps, "train"))


def _holds(found: dict[str, Any]) -> str:
    """A model's metric in words, or what is wrong with it."""
    from rnnlm.cli.terminal import valid_figure

    if "ngrams" in found:
        return f"{found['ngrams']:,} n-grams, order {found['order']}"
    return " ".join(valid_figure(found)) if "task" in found else found.get("error", "-")


@command(arguments={"path": (WORKSPACE, ...)}, examples=("rnnlm accept work", "rnnlm accept work --json"))
def accept(request: Request) -> None:
    """Adopt text files that were edited by hand; later stages are stale from then on."""
    from rnnlm.cli.terminal import terminal
    from rnnlm.graph import STAGES
    from rnnlm.workspace import Workspace

    workspace = Workspace.open(request.arguments["path"])
    with workspace.lock():
        adopted = workspace.accept()
    stale = [name for name in STAGES if workspace.state(name) == "stale"]
    words = [f"{stage}/{name}: adopted" for stage, names in adopted.items() for name in names]
    words += [f"stale now: {', '.join(stale)}"] if stale else []
    terminal(request).result({"adopted": adopted, "stale": stale}, *(words or ["nothing had changed"]))


@command(
    "raw",
    "clean",
    "tokenize",
    "vocab",
    "pad",
    "embed",
    "train",
    arguments={"path": (MAYBE_WORKSPACE, None)},
    examples=("rnnlm config work", "rnnlm config --config settings.toml"),
    own=(),
)
def config(request: Request) -> None:
    """Every setting, its value, and where the value comes from."""
    from rnnlm.app.request import SECTIONS
    from rnnlm.app.sections import section_order
    from rnnlm.cli.terminal import table, terminal
    from rnnlm.config import as_dict, outer_name
    from rnnlm.workspace import Workspace

    path = request.arguments["path"]
    workspace = Workspace.open(path) if path else None
    view = table("setting", "value", "from")
    report: dict[str, dict[str, Any]] = {}
    for section in section_order(workspace):
        resolved = request.settings(SECTIONS[section], workspace.recorded(section) if workspace else None)
        report[section] = {}
        for name, value in as_dict(resolved.settings).items():
            report[section][outer_name(name)] = {"value": value, "origin": resolved.origins[name]}
            text = "follows from the rest" if value is None else str(value)
            view.add_row(f"{section}.{outer_name(name)}", text, resolved.origins[name])
    terminal(request).result(report, view)
