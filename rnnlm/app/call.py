"""`rnnlm.train`: a training run from Python, which leaves the process as it was.

Nothing is printed: notices go to the logger 'rnnlm', progress to a callback. Variables `RNNLM_…` are not read.
"""

import contextlib
import difflib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from rnnlm.app.opening import open_pipeline, open_windows
from rnnlm.app.request import SECTIONS, Request
from rnnlm.app.train.run import described, train_or_find
from rnnlm.app.train.together import together
from rnnlm.errors import UsageError
from rnnlm.files import Advance
from rnnlm.launched import follows
from rnnlm.renamed import RENAMED
from rnnlm.training.progress import Progress

Report = Callable[[Progress], None]

_TRAIN = ("train", "raw", "clean", "tokenize", "vocab", "pad", "embed", "reading", "run")
_WINDOW = ("window", "run")
_OF_THE_SHELL = ("plan", "check_", "json", "quiet", "debug")
_LOG = logging.getLogger("rnnlm")


def train(
    corpus: str | Path | Sequence[str | Path],
    *,
    out: str | Path | None,
    window: Mapping[str, Any] | None,
    progress: Report | None,
    settings: Mapping[str, Any],
) -> Path:
    """The directory of the model that `rnnlm.train` describes; trains it unless it exists."""
    started_at, threads = time.monotonic(), torch.get_num_threads()
    listed = [corpus] if isinstance(corpus, str | Path) else list(corpus)
    paths, root = [os.fspath(each) for each in listed], None if out is None else Path(out)
    watcher = _Watcher(progress)
    try:
        if window is not None:
            table = Request("window", {"paths": paths, "out": root}, _flags(window, _WINDOW), _WINDOW, environment={})
            table.check_all()
            if not follows():
                paths, root = [str(open_windows(table, watcher)[0].workspace.path)], None
        flags = _flags(settings, _TRAIN)
        request = Request("train", {"paths": paths, "out": root}, flags, _TRAIN, environment={}, started_at=started_at)
        request.check_all()

        def trained() -> Path:
            pipeline = open_pipeline(request, watcher)
            with described(pipeline) as (run, device):
                return train_or_find(pipeline, run, device, watcher.watching).target

        return together(request, watcher, trained)
    finally:
        torch.set_num_threads(threads)


def _flags(settings: Mapping[str, Any], sections: Sequence[str]) -> dict[str, Any]:
    """Settings as flags of a command; UsageError for an unknown setting."""
    known = [each.name for section in sections for each in fields(SECTIONS[section])]
    known = [name for name in known if name not in _OF_THE_SHELL]
    for name in settings:
        if name not in known:
            new = RENAMED.get(name)
            close = difflib.get_close_matches(name, known, 1)
            hint = "rnnlm train --help-all lists them" if not close else f"did you mean {close[0]}?"
            raise UsageError(f"there is no setting {name!r}", hint if new is None else f"it is {new} now")
    return dict(settings)


class _Watcher:
    """Forwards progress, logs notices, and records the interrupt that stops a run."""

    def __init__(self, report: Report | None) -> None:
        self._report = report
        self._signal: int | None = None

    @contextlib.contextmanager
    def watching(self) -> Iterator["_Watcher"]:
        """Handle Ctrl-C in the main thread; a second one stops at once."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = signal.signal(signal.SIGINT, self._stop)
        try:
            yield self
        finally:
            signal.signal(signal.SIGINT, before)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._signal is not None:
            raise KeyboardInterrupt
        self._signal = number

    def stop_signal(self) -> int | None:
        """The signal received, if any."""
        return self._signal

    def progress(self, progress: Progress) -> None:
        """Report progress after every step."""
        if self._report is not None:
            self._report(progress)

    def notice(self, text: str) -> None:
        """Log a notice."""
        _LOG.info(text)

    @contextlib.contextmanager
    def bytes_progress(self, label: str, total: int | None) -> Iterator[Advance]:
        """Progress of reading is not shown."""
        yield lambda count: None

    @contextlib.contextmanager
    def rate_progress(self, label: str, unit: str, *, rows: bool = True) -> Iterator[Advance]:
        """Progress of counting is not shown."""
        yield lambda count: None
