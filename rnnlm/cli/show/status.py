"""`rnnlm status`: the state of a workspace, its settings, and the recipes."""

from dataclasses import asdict, fields
from typing import Any

from rnnlm.app.pipeline import section_order
from rnnlm.app.request import SECTIONS, Request
from rnnlm.builtin.recipes import read_recipe, recipe_names
from rnnlm.cli.terminal import terminal, valid_metric
from rnnlm.config import as_dict, outer_name
from rnnlm.errors import UsageError
from rnnlm.graph import STAGES, chain
from rnnlm.screen import Grid, count
from rnnlm.training.model_state import model_state
from rnnlm.training.run import model_directories
from rnnlm.workspace import Workspace


def status(request: Request) -> None:
    """Each stage and model: current, stale, changed by hand, damaged or missing; or what the flags name instead."""
    if request.arguments["recipes"]:
        _recipes(request)
        return
    workspace = request.workspace
    if request.arguments["settings"]:
        _settings(request, workspace)
        return
    if workspace is None:
        raise UsageError("no workspace given", "name one: rnnlm status WORK")
    own = {each.name for each in fields(SECTIONS["run"])}
    if any(value is not None and name not in own for name, value in request.flags.items()):
        raise UsageError("settings without --settings", "add --settings to see what they lead to")
    if request.arguments["accept"]:
        _accept(request, workspace)
        return
    view = Grid("stage", "now", "reads", "holds", left=True, named=0)
    states: dict[str, str] = {}
    sources = {name for name, stage in STAGES.items() if not stage.inputs and workspace.directory(name).exists()}
    for name, stage in STAGES.items():
        if sources and not sources & set(chain(name)):
            continue  # text and tables have different stages
        states[name] = workspace.state(name)
        view.add_row(name, states[name], ", ".join(stage.inputs) or "-", stage.shows)
    current = {name for name, state in states.items() if state == "current"}
    identities = {name: read.identity for name in current if (read := workspace.manifest(name)) is not None}
    models = {path.name: model_state(path, identities) for path in model_directories(workspace.path / "models")}
    for name, found in models.items():
        state = found["state"] + (", replacement unfinished" if "replacement" in found else "")
        view.add_row(f"models/{name}", state, ", ".join(found.get("reads", ())) or "-", _holds(found))
    report = {"workspace": str(workspace.path), "stages": states, "models": models}
    # The pipeline from corpus to model in one line; stages that have not run are in brackets.
    steps = [name if state != "missing" else f"[{name}]" for name, state in states.items()]
    terminal(request).result(report, " → ".join((*steps, "train")), "", view)


def _holds(found: dict[str, Any]) -> str:
    """A model's metric in words, or its error."""
    if "ngrams" in found:
        return f"{count(found['ngrams'])} n-grams, order {count(found.get('order'))}"
    return " ".join(valid_metric(found)) if "task" in found else found.get("error", "-")


def _accept(request: Request, workspace: Workspace) -> None:
    """Adopt text files that were edited by hand; later stages become stale."""
    with workspace.lock():
        adopted = workspace.accept()
    stale = [name for name in STAGES if workspace.state(name) == "stale"]
    words = [f"{stage}/{name}: adopted" for stage, names in adopted.items() for name in names]
    words += [f"stale now: {', '.join(stale)}"] if stale else []
    terminal(request).result({"adopted": adopted, "stale": stale}, *(words or ["nothing had changed"]))


def _recipes(request: Request) -> None:
    """The recipes and their metrics."""
    recipes = [read_recipe(name) for name in recipe_names()]
    view = Grid("recipe", "what", "reaches", "source", left=True, prose=True)
    for recipe in recipes:
        view.add_row(recipe.name, recipe.what, recipe.reaches, recipe.source)
    terminal(request).result({"recipes": [asdict(recipe) for recipe in recipes]}, view)


def _settings(request: Request, workspace: Workspace | None) -> None:
    """Every setting, its value and its origin."""
    view = Grid("setting", "value", "from", named=1)
    report: dict[str, dict[str, Any]] = {}
    for section in section_order(workspace):
        resolved = request.settings(SECTIONS[section])
        report[section] = {}
        for name, value in as_dict(resolved.settings).items():
            report[section][outer_name(name)] = {"value": value, "origin": resolved.origins[name]}
            text = "follows from the rest" if value is None else str(value)
            view.add_row(f"{section}.{outer_name(name)}", text, resolved.origins[name])
    terminal(request).result(report, view)
