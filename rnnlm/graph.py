"""The graph of stages as data: what each reads, and which ones depend on it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A node of the graph: its name, the stages whose artifacts it reads, and the version of its artifact."""

    name: str
    inputs: tuple[str, ...]
    version: int
    shows: str


STAGES = {
    stage.name: stage
    for stage in (
        Stage("raw", (), 1, "the raw text of each split"),
        Stage("clean", ("raw",), 1, "cleaned text, a unit a line"),
        Stage("tokenize", ("clean",), 1, "tokens, separated by spaces"),
        Stage("vocab", ("clean", "tokenize"), 1, "vocabulary, tokenizer.json, ids"),
        Stage("pad", ("vocab",), 1, "rows of ids (N, T) and lengths"),
        Stage("embed", ("vocab",), 1, "embedding layer (V, D)"),
        Stage("table", (), 1, "the columns of a table, as they were read"),
        Stage("window", ("table",), 1, "windows (N, T, F) of a table"),
    )
}

# The stages that read external files, each with its command; a workspace has one of them.
SOURCES = {"raw": "clean CORPUS", "table": "window TABLE"}


def later_stages(name: str) -> list[str]:
    """The stages that read `name`'s artifact, directly or not, in pipeline order."""
    found = {name}
    for stage in STAGES.values():
        if found & set(stage.inputs):
            found.add(stage.name)
    return [each for each in STAGES if each in found and each != name]


def chain(stage: str) -> list[str]:
    """The stages up to and including `stage`, in pipeline order."""
    wanted = {stage}
    for name in reversed(STAGES):
        if name in wanted:
            wanted |= set(STAGES[name].inputs)
    return [name for name in STAGES if name in wanted]
