"""A whole session in a process of its own that looks at what Python reports of itself (PEP 578), and says what it did.

Run as a program: `session.py DIRECTORY CORPUS`. Networks are refused from the beginning. The session is gone through
twice, for the first one imports what it needs, which executes code: that of modules, as it must. It prints the names of
events of the second one that a tool that runs nothing it is given has no use for.
"""

import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

NEVER = ("socket.", "pickle.", "marshal.", "subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "exec",
         "ctypes.dlopen", "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.", "telnetlib.")  # fmt: skip
IMPORTING = ("exec", "marshal.loads", "ctypes.dlopen", "subprocess.Popen")  # what importing torch does
seen: dict[str, int] = {}
importing = True


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Count what must not be; a network is refused at once."""
    if event.startswith(NEVER) and not (importing and event.startswith(IMPORTING)):
        seen[event] = seen.get(event, 0) + 1
        if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
            raise PermissionError(f"{event} is refused")


def session(run: Any, corpus: Path, work: Path) -> None:
    """Every stage from raw text to scores, and the uses."""
    size = ("--hidden", "8", "--steps", "4", "--batch-size", "2", "--bptt", "8")
    for command in (
        ("clean", corpus, "--out", work), ("tokenize", work), ("vocab", work), ("pad", work), ("embed", work),
        ("train", work, *size), ("ngram", work, "--order", "2"), ("evaluate", work), ("next", work, "--prompt", "the"),
        ("generate", work, "-n", "2"), ("score", work, corpus), ("inspect", work, "--lags", "3"),
        ("train", corpus, "--out", f"{work}-bpe", "--kind", "bpe", "--vocab-size", "270", *size), ("status", work),
    ):  # fmt: skip
        code = run([str(each) for each in (*command, "--quiet")])
        assert code == 0, command


def main() -> None:
    """Both goes, and what was seen."""
    global importing
    sys.addaudithook(hook)
    from rnnlm.cli.run import run

    directory, corpus = Path(sys.argv[1]), Path(sys.argv[2])
    with redirect_stdout(io.StringIO()):
        session(run, corpus, directory / "first")
        importing = False
        session(run, corpus, directory / "second")
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
