"""Which model it is: its network, its data, their digests, and the command that makes it again."""

import shlex

from rnnlm.model.architecture import Architecture
from rnnlm.model.ngram.model import NgramModel
from rnnlm.model.sealed import Sealed
from rnnlm.report.parts import Part, Picture, Section, Table, Verbatim
from rnnlm.report.pictures import svg
from rnnlm.report.subject import Subject
from rnnlm.training.identity import SETTINGS
from rnnlm.training.journal import REPLAY
from rnnlm.version import __version__
from rnnlm.views.graphs import cell_graph, draw_graph, network_graph, recurrence_name

_TASKS = {"language": "predicts the next token", "tag": "labels each word or row",
          "classify": "labels each text or sequence",
          "forecast": "forecasts a series"}  # fmt: skip


def identity(subject: Subject) -> Section:
    """The facts, the equations of the cell, and the graphs of network and cell."""
    sealed = subject.found.model
    rows = [("model", str(sealed.path)), ("task", _TASKS[sealed.task]), ("page written by", f"rnnlm {__version__}")]
    parts: list[Part] = []
    if isinstance(subject.model, NgramModel):
        rows.append(("n-grams", f"up to {sealed.config['ngram']['order']} words, modified Kneser-Ney"))
        what = "an n-gram model"
    else:
        a = sealed.architecture
        rows += _network(sealed, a)
        parts = [
            Verbatim(f"Equations of the cell {a.cell}; x(t) is its input, the next layer reads h(t)", a.form.text),
            Picture(svg(lambda path: draw_graph(path, cell_graph(a.form), f"the cell {a.cell}"), "cell"),
                    f"The cell {a.cell}, left one step with its loops, right three steps with the same weights"),
            Picture(svg(lambda path: draw_graph(path, network_graph(a), recurrence_name(a)), "network"),
                    f"The whole network: recurrence {recurrence_name(a)}"),
        ]  # fmt: skip
        what = f"a recurrent network with the cell {a.cell}"
    rows += _data(subject)
    if command := again(sealed):
        caption = "Makes it again in a new workspace, with as many threads and the same versions of libraries"
        parts.insert(0, Verbatim(caption, command))
    table = Table("The model and its data", ("fact", "value"), rows, prose=True)
    sentence = (
        f"The model {subject.name} is {what} that {_TASKS[sealed.task]}; two models with the same digest are the same "
        "in every byte that a result depends on."
    )
    return Section("identity", "What it is", sentence, [table, *parts])


def again(sealed: Sealed, *, beside: bool = False) -> str:
    """The commands that train the same model; a run with a budget followed the clock, and is replayed.

    The settings are named by their path, or, `beside` the command, by their file's name. '' where there are none.
    """
    files = [sealed.path / name for name in (REPLAY, SETTINGS) if (sealed.path / name).exists()]
    if not files:
        return ""
    config = f"--config {shlex.quote(files[0].name if beside else str(files[0]))}"
    if sealed.text is None:
        return f"rnnlm window TABLE {config} --out again\nrnnlm train again {config}"
    return f"rnnlm {'ngram' if 'ngram' in sealed.config else 'train'} CORPUS {config} --out again"


def _network(sealed: Sealed, a: Architecture) -> list[tuple[str, str]]:
    layers = "1 layer" if a.layers == 1 else f"{a.layers} layers"
    rows = [("network", f"{layers} of {a.hidden:,} units")]
    if a.vocabulary:
        tied = ", its rows also those of the output layer" if a.tied else ""
        rows.append(("embedding layer", f"{a.vocabulary:,} tokens × {a.embedding:,} numbers{tied}"))
    rows.append(("parameters", f"{sealed.report.get('parameters', 0):,}"))
    return [*rows, ("weights", f"{sealed.weights}")]


def _data(subject: Subject) -> list[tuple[str, str]]:
    sealed, workspace = subject.found.model, subject.found.workspace
    rows = []
    if sealed.text is not None:
        rows.append(("tokens", f"{sealed.text.kind}; case {sealed.text.rule.case}, punctuation "
                               f"{sealed.text.rule.punctuation}"))  # fmt: skip
        if sealed.task == "language":
            rows.append(("context", sealed.context))
    raw = None if workspace is None else workspace.manifest("raw")
    if workspace is not None and raw is not None:
        lines = {split: each.get("lines") for split, each in raw.report.get("splits", {}).items()}
        rows.append(("workspace", f"{workspace.path}: " + ", ".join(f"{n:,} lines in {s}" for s, n in lines.items())))
        rows.append(("digest of the corpus", str(raw.settings.get("corpus_sha256"))))
    return [*rows, ("digest of the model", sealed.model_sha256)]
