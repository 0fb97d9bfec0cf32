"""`python -m rnnlm` and the `rnnlm` entry point; only a program imports this file.

Its first lines handle signals: one that arrives while everything else is imported ends the process with one line and
its exit code, since nothing needs to be cleaned up yet.
"""

import _signal  # type: ignore[import-not-found]  # built in; `signal` is a file that has to be found
import os
import sys
from types import FrameType

_STOPPING = {getattr(_signal, name): name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(_signal, name)}


def leave(number: int, frame: FrameType | None = None) -> None:
    """A signal handler: end the process at once, with a line but where rank 0 speaks for it under torchrun."""
    try:
        if "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK") == "0":
            os.write(2, f"rnnlm: stopped by {_STOPPING[number]}\n".encode())
    finally:
        os._exit(128 + number)


def leave_for_signals() -> None:
    """Let every signal that asks a program to stop, and is not ignored, end the process at once."""
    for number in _STOPPING:
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, leave)


leave_for_signals()


def main() -> None:
    """Run the command line and leave with its exit code."""
    if sys.platform == "win32":
        os.write(2, b"rnnlm: Windows is not supported: use Linux, macOS, or the Windows Subsystem for Linux\n")
        sys.exit(2)
    from rnnlm.cli.run import run
    from rnnlm.cli.signals import stop_in_one_line
    from rnnlm.launched import launched

    stop_in_one_line(leave)
    code = run(sys.argv[1:], leave)
    leave_for_signals()  # everything is saved
    if launched() is not None:  # the threads of torch's collectives may abort a process that has done its work
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
