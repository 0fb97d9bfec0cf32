"""rnnlm: from raw text to a recurrent language model that you can train, measure, question and use."""

from typing import TYPE_CHECKING, Any

from rnnlm.version import __version__ as __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rnnlm.training.progress import Progress
    from rnnlm.use.loaded import Loaded


def load(path: "str | Path", *, model: str | None = None, device: str = "cpu") -> "Loaded":
    """A trained model: one of a workspace (`model` its name, or the last one sealed), or a sealed directory.

    The result depends on its task: a `LoadedModel` for language, a `LoadedLabeller`, or a `LoadedForecaster`.
    `device` is 'cpu', 'cuda', 'mps' or 'auto'. Raises RnnlmErrors: InputError if there is no model, ArtifactError
    if it is damaged.
    """
    from rnnlm.use.loaded import open_loaded

    return open_loaded(path, model=model, device=device)


def train(
    corpus: "str | Path | Sequence[str | Path]",
    *,
    out: "str | Path | None" = None,
    window: "Mapping[str, Any] | None" = None,
    progress: "Callable[[Progress], None] | None" = None,
    **settings: Any,
) -> "Loaded":
    """Train a model as `rnnlm train` does, unless it is trained already, and load it.

    `out` is the workspace to create or continue, 'work' by default. `corpus` is a workspace, text files, a directory
    or 'builtin:stories', as for the command. With `window`, the settings of `rnnlm window` by name, it is a
    table. `settings` are the flags of `rnnlm train` with `_` for `-` (`hidden=64, budget="2m", task="tag"`). `progress`
    is called after every step. A budget counts from this call.

    Nothing is printed: notices go to the logger 'rnnlm'. Ctrl-C saves a checkpoint and raises StoppedError; calling it
    again with `resume=True` continues. Threads and signal handlers are restored afterwards; any thread may call it.
    Raises RnnlmErrors: UsageError for an unknown or invalid setting, InputError for a corpus that is missing or
    too small.
    """
    from rnnlm.app.call import train as train_there
    from rnnlm.use.loaded import open_loaded

    device = settings.get("device") or "auto"
    return open_loaded(train_there(corpus, out=out, window=window, progress=progress, settings=settings), device=device)
