"""`rnnlm train --replay`: a run with a budget repeated step by step from its settings and journal.

`replay.toml` has all its settings and names the journal beside it, so `--config replay.toml` is the whole command.
"""

from pathlib import Path

from rnnlm.app.pipeline import Pipeline
from rnnlm.config import FILE
from rnnlm.errors import ArtifactError
from rnnlm.training.journal import Record, read_journal
from rnnlm.training.settings import TrainSettings

REPLAY = "replay.toml"


def record_of(pipeline: Pipeline, inputs: dict[str, str]) -> Record | None:
    """The journal that the settings name, if any; a relative path in a settings file is relative to that file.

    Raises ArtifactError for a journal that is damaged, or of a run on data other than `inputs`.
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
            f"{path} is the journal of a run on other data ({', '.join(changed)})",
            "replay it on the same corpus, with the settings in its replay.toml",
        )
    return record
