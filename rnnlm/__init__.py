"""rnnlm: from raw text to a recurrent language model that you can train, measure, question and use."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rnnlm.use.loaded import LoadedModel

__version__ = "0.1.0"


def load(path: "str | Path", *, model: str | None = None, device: str = "cpu") -> "LoadedModel":
    """A trained language model: one of a workspace (`model` its name, or the last one sealed), or a sealed directory.

    `device` is 'cpu', 'cuda', 'mps' or 'auto'. Raises RnnlmErrors: InputError where there is no model, ArtifactError
    where it is damaged, UsageError for a model of another task.
    """
    from rnnlm.use.loaded import open_loaded

    return open_loaded(path, model=model, device=device)
