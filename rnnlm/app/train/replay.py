"""`rnnlm train --replay`: a run with a budget taken again, step by step, from the settings and journal that it left.

`replay.toml` holds all its settings and names the journal beside it, so `--config` on it is the whole command.
"""

from pathlib import Path

from rnnlm.app.pipeline import Pipeline
from rnnlm.config import FILE
from rnnlm.errors import ArtifactError
from rnnlm.training.journal import Record, read_journal
from rnnlm.training.settings import TrainSettings

REPLAY = "replay.toml"


def record_of(pipeline: Pipeline, inputs: dict[str, str]) -> Record | None:
    """The journal that the settings name, if any; a relative path in a settings file is taken from that file.

    Raises ArtifactError for a journal that is damaged, or of a run on other data than `inputs`.
    """
    given = pipeline.settings(TrainSettings)
    if given.settings.replay is None:
        return None
    path, config = Path(given.settings.replay), pipeline.request.config
    if given.origins["replay"] == FILE and config is not None:
        path = config.parent / path
    record = read_journal(path)
    theirs = record.header.inputs
    changed = [name for name in sorted({*inputs, *theirs}) if inputs.get(name) != theirs.get(name)]
    if changed:
        raise ArtifactError(
            f"{path} is the journal of a run that read something else ({', '.join(changed)})",
            "replay it on the same corpus, with the settings in its replay.toml",
        )
    return record
