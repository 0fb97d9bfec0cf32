"""The lines of `metrics.jsonl` as events that TensorBoard shows, written while a run goes on."""

import contextlib
import json
import time
from pathlib import Path
from types import TracebackType

from rnnlm.artifacts import storage_error
from rnnlm.errors import InputError, StorageError
from rnnlm.training.metrics import METRICS
from rnnlm.training.progress import Observer, Progress

_BETWEEN = 2.0  # seconds between looks at the log
_NAME = "events.out.tfevents."


def check_event_log() -> None:
    """InputError where the extra `tensorboard` is not installed."""
    try:
        import tensorboardX  # noqa: F401, PLC0415
    except ImportError:
        raise InputError("--log-to tensorboard needs tensorboardX", "pip install 'rnnlm[tensorboard]'") from None


class EventLog:
    """An observer that passes everything on, and writes the log of the run in `directory` into `target` as events.

    Every line that the log has is written once: the events of an earlier part of the run are written anew, since
    a run that continues from a checkpoint drops the lines after it. StorageError where they cannot be written.
    """

    def __init__(self, observer: Observer, directory: Path, target: Path) -> None:
        # Not SummaryWriter, whose thread ends without a word on a full disk, after which its queue waits forever.
        from tensorboardX.event_file_writer import EventsWriter  # noqa: PLC0415

        self._observer, self._log, self._target = observer, directory / METRICS, target
        self._read, self._looked_at = 0, 0.0
        try:
            target.mkdir(parents=True, exist_ok=True)
            for path in target.glob(f"{_NAME}*"):
                path.unlink()
            self._writer = EventsWriter(str(target / "events"))
        except OSError as error:
            raise storage_error(error, target) from error

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
        from tensorboardX.proto.event_pb2 import Event  # noqa: PLC0415
        from tensorboardX.proto.summary_pb2 import Summary  # noqa: PLC0415

        self._looked_at = time.monotonic()
        if not self._log.exists():
            return
        with self._log.open("rb") as file:
            file.seek(self._read)
            lines = file.readlines()
        try:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                row = json.loads(line)
                values = [Summary.Value(tag=name, simple_value=row[name]) for name in row.keys() - {"step"}]
                self._writer.write_event(Event(wall_time=time.time(), step=row["step"], summary=Summary(value=values)))
            self._writer.flush()
        except OSError as error:
            raise storage_error(error, self._target) from error

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What ended the run is told, and not what failed after it.
        with contextlib.suppress(StorageError, OSError) if error is not None else contextlib.nullcontext():
            try:
                self._update()
            finally:
                self._writer.close()
