"""The lines of `metrics.jsonl` as events that TensorBoard shows, written while a run goes on."""

import json
import time
from pathlib import Path
from types import TracebackType

from rnnlm.errors import InputError
from rnnlm.training.metrics import METRICS
from rnnlm.training.progress import Observer, Progress

_BETWEEN = 2.0  # seconds between looks at the log
_NAMES = "events.out.tfevents.*"


def check_event_log() -> None:
    """InputError where the extra `tensorboard` is not installed."""
    try:
        import tensorboardX  # noqa: F401, PLC0415
    except ImportError:
        raise InputError("--log-to tensorboard needs tensorboardX", "pip install 'rnnlm[tensorboard]'") from None


class EventLog:
    """An observer that passes everything on, and writes the log of the run in `directory` into `target` as events.

    Every line that the log has is written once: the events of an earlier part of the run are written anew, since
    a run that continues from a checkpoint drops the lines after it.
    """

    def __init__(self, observer: Observer, directory: Path, target: Path) -> None:
        from tensorboardX import SummaryWriter  # noqa: PLC0415

        self._observer, self._log = observer, directory / METRICS
        for path in target.glob(_NAMES):
            path.unlink()
        self._writer, self._read, self._looked_at = SummaryWriter(str(target)), 0, 0.0

    def progress(self, progress: Progress) -> None:
        """Passed on; new lines of the log become events."""
        self._observer.progress(progress)
        if time.monotonic() - self._looked_at >= _BETWEEN:
            self._update()

    def notice(self, text: str) -> None:
        """Passed on."""
        self._observer.notice(text)

    def stop_signal(self) -> int | None:
        """That of the other observer."""
        return self._observer.stop_signal()

    def _update(self) -> None:
        self._looked_at = time.monotonic()
        if not self._log.exists():
            return
        with self._log.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                row = json.loads(line)
                for name in row.keys() - {"step"}:
                    self._writer.add_scalar(name, row[name], row["step"])
        self._writer.flush()

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._update()
        self._writer.close()
