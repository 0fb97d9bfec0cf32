"""The settings that a run keeps beside its weights: what it was asked for, and what replays it."""

from rnnlm.app.pipeline import Pipeline, section_order
from rnnlm.app.request import SECTIONS
from rnnlm.app.train.describe import Run
from rnnlm.app.train.replay import REPLAY
from rnnlm.config import as_dict, to_toml
from rnnlm.training.journal import JOURNAL

SETTINGS = "settings.toml"


def first_files(pipeline: Pipeline, run: Run) -> dict[str, bytes]:
    """What a run directory holds before the first step, by name. A replay keeps its journal, so as to be replayable."""
    if run.record is None:
        return {SETTINGS: _settings(pipeline, run, replay=False)}
    settings = _settings(pipeline, run, replay=True)
    return {SETTINGS: settings, REPLAY: settings, JOURNAL: run.record.content}


def replay_file(pipeline: Pipeline, run: Run) -> bytes:
    """`replay.toml` of a finished run with a budget: `--config` on it takes the same steps again."""
    return _settings(pipeline, run, replay=True)


def _settings(pipeline: Pipeline, run: Run, *, replay: bool) -> bytes:
    """All settings as TOML; with `replay` the journal stands for the budget, and no choice is left open."""
    sections = {name: as_dict(pipeline.settings(SECTIONS[name]).settings) for name in section_order(pipeline.workspace)}
    train = as_dict(run.settings)
    if run.choice is not None:
        sections["embed"]["embedding"] = run.architecture.embedding
    if replay:
        train |= {"budget": None, "replay": JOURNAL, "from_": run.settings.from_}
        if run.layer is None:
            start = "cooccurrence" if run.from_cooccurrence else "random"
            sections["embed"] |= {"embedding_std": run.spread, "embedding_init": start}
    return to_toml({**sections, "train": train}).encode()
