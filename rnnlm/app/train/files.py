"""The settings files that a run keeps beside its weights: its own, and those of its replay."""

from rnnlm.app.pipeline import Pipeline, section_order
from rnnlm.app.request import SECTIONS
from rnnlm.app.train.describe import Run
from rnnlm.config import as_dict, to_toml
from rnnlm.training.journal import JOURNAL

SETTINGS, REPLAY = "settings.toml", "replay.toml"


def first_files(pipeline: Pipeline, run: Run) -> dict[str, bytes]:
    """The files of a run directory before the first step, by name. A replay keeps its journal, to be replayable."""
    if run.record is None:
        return {SETTINGS: _settings(pipeline, run, replay=False)}
    settings = _settings(pipeline, run, replay=True)
    return {SETTINGS: settings, REPLAY: settings, JOURNAL: run.record.content}


def replay_file(pipeline: Pipeline, run: Run) -> bytes:
    """`replay.toml` of a finished run with a budget: with `--config` it repeats the same steps."""
    return _settings(pipeline, run, replay=True)


def _settings(pipeline: Pipeline, run: Run, *, replay: bool) -> bytes:
    """All settings as TOML; with `replay` the journal replaces the budget, and every choice is fixed."""
    sections = {name: as_dict(pipeline.settings(SECTIONS[name]).settings) for name in section_order(pipeline.workspace)}
    train = as_dict(run.settings)
    if run.choice is not None:
        sections["embed"]["embedding"] = run.architecture.embedding
    if replay:
        train |= {"budget": None, "replay": JOURNAL, "from_": run.settings.from_}
        if run.layer is None:
            init = "cooccurrence" if run.from_cooccurrence else "random"
            sections["embed"] |= {"embedding_std": run.embedding_std, "embedding_init": init}
    return to_toml({**sections, "train": train}).encode()
