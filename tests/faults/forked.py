"""The command line as a process that is there at once: a process that has imported everything forks for each run.

What is killed is a process like any other, without the second and a half of imports. Run as a program it is that
process; `Forker` is how the tests speak to it: a line of JSON for each command, its process id and its end in return.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_PATIENCE = 120.0  # seconds in which a command that is well has long come to what is waited for


@dataclass
class Running:
    """A command that runs; `wait` gives its exit code, negative for the signal that killed it, and its error output."""

    process_id: int
    forker: "Forker"

    def until(self, condition: Callable[[], bool]) -> None:
        """Until something is so; ProcessLookupError where the command ends before that.

        A command that never comes to it is killed, so that the test ends; TimeoutError.
        """
        ends_at = time.monotonic() + _PATIENCE
        while not condition():
            os.kill(self.process_id, 0)
            if time.monotonic() > ends_at:
                os.kill(self.process_id, signal.SIGKILL)
                raise TimeoutError(self.forker.errors.read_text("utf-8"))
            time.sleep(0.01)

    def wait(self) -> tuple[int, str]:
        """Until it has ended."""
        code = self.forker.answer()["code"]
        return code, self.forker.errors.read_text("utf-8")


class Forker:
    """A process that forks for each command; one at a time."""

    def __init__(self, directory: Path) -> None:
        self.out, self.errors = directory / "out.txt", directory / "said.txt"
        # A file that an interrupt met while it was being opened is closed by nobody, and that is told as a warning.
        warnings = ("-W", "error", "-W", "ignore::ResourceWarning")
        self._process = subprocess.Popen(
            [sys.executable, *warnings, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, *arguments: object, memory: int | None = None) -> Running:
        """Start a command; with `memory` it may take that many bytes of addresses more than it has."""
        assert self._process.stdin is not None
        self.errors.write_bytes(b"")  # forget the messages of the previous command
        order = {"arguments": [str(each) for each in arguments], "out": str(self.out), "said": str(self.errors),
                 "memory": memory}  # fmt: skip
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Running(self.answer()["process_id"], self)

    def answer(self) -> dict[str, int]:
        """The next line of JSON that it says."""
        assert self._process.stdout is not None
        answer: dict[str, int] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> "Forker":
        """The process, with its imports behind it."""
        assert self.start("--version").wait()[0] == 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def _serve() -> None:
    import torch._dynamo  # which an optimizer imports, in a second

    import rnnlm.cli.app
    import rnnlm.cli.show.train
    from rnnlm.cli.run import run
    from rnnlm.model.cells.library import find_cell

    assert find_cell("lstm").form  # imports lark
    assert torch._dynamo and rnnlm.cli.app and rnnlm.cli.show.train
    # What nohup, or a shell that starts something in the background, has set to be ignored is not what is tested here.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            for name, descriptor in (("out", 1), ("said", 2)):
                file = os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(file, descriptor)
            if order["memory"] is not None:
                _limit(order["memory"])
            try:
                code = run(order["arguments"])
                sys.stdout.flush()
            except KeyboardInterrupt:  # it came when all was done
                code = 130
            os._exit(code)
        print(json.dumps({"process_id": child}), flush=True)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


def _limit(more: int) -> None:
    import resource

    size = int(Path("/proc/self/statm").read_text("utf-8").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + more, size + more))


if __name__ == "__main__":
    _serve()
