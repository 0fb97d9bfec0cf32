"""The one function that turns an error into a line and an exit code."""

import contextlib
import os
import sys
import traceback
from typing import Any

from rnnlm.cli.signals import Leave, raise_for_signals
from rnnlm.cli.streams import prepare, visible
from rnnlm.errors import RnnlmError, is_out_of_memory
from rnnlm.launched import follows, launched, left_to_rank_0
from rnnlm.renamed import MOVED_COMMANDS, instead_of


def run(arguments: list[str], leave: Leave | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 a bug, 2 to 7 as in `errors`, 128 + n for signal n.

    `leave` ends the process if a signal must not become an exception.
    """
    prepare()
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        # Typer's help would keep its colors in a pipe when a CI variable is set.
        os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"
    # Threads that wait for one another spin briefly, then sleep. With torch's long default, another busy process on
    # two cores made training steps ten times slower; with none (OMP_WAIT_POLICY=PASSIVE) a quiet machine lost 6 to 40 %
    # of its speed. Generating a token takes many short products with pauses between: 2.9 ms with the long default
    # instead of 3.8. Read by the OpenMP library when torch is imported.
    if arguments[:1] == ["help"]:  # rnnlm help train
        arguments = [*arguments[1:], "--help"]
    if arguments[:1] not in (["generate"], ["chat"], ["next"]):
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    debug = "--debug" in arguments or os.environ.get("RNNLM_DEBUG", "") not in ("", "0")
    raise_for_signals(leave)
    from rnnlm.cli.app import command_line

    try:
        code = command_line(arguments, prog_name="rnnlm", standalone_mode=False)
        sys.stdout.flush()
        if code == 130:
            return _report("stopped by SIGINT", 130)
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as leaving:
        # Typer and rich turn a closed pipe into SystemExit.
        if isinstance(leaving.__context__, BrokenPipeError):
            return _reader_gone()
        raise
    except KeyboardInterrupt:  # not handled by Typer
        return _report("stopped by SIGINT", 130)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _explain(error)
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        # A library in Rust panicked, which is not an Exception; the cause is a crafted tokenizer.json.
        return _report(f"a tokenizer.json is damaged ({error}): copy or rebuild its model or stage", 4)


def _reader_gone() -> int:
    """Prevent further writes to the closed pipe when the interpreter closes its files."""
    if sys.__stdout__ is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
    return 141


def _explain(error: Exception) -> int:
    if isinstance(error, RnnlmError):
        return _report(str(error), error.exit_code)
    if hasattr(error, "format_message"):  # an error of Typer's about the command line
        message = str(error.format_message()).rstrip(".")
        context = getattr(error, "ctx", None)
        old = _instead(str(getattr(error, "option_name", "")), message, context and context.command.callback)
        if old is not None:
            return _report(old, 2)
        if not message:  # no command given: show the help
            sys.stdout.write(error.ctx.get_help())  # type: ignore[attr-defined]
            return 2
        where = context.command_path if context else "rnnlm"
        page = "--help-all" if " " in where else "--help"
        return _report(f"{message}; {where} {page} shows the available options", 2)
    if is_out_of_memory(error):
        return _report("out of memory: use a smaller --batch-size, --hidden or --bptt", 7)
    if isinstance(error, OSError):
        return _report(f"{error.filename or 'input or output'}: {error.strerror or error}", 5)
    return _report(f"this is a bug: {type(error).__name__}: {error}; --debug shows where", 1)


def _instead(flag: str, message: str, callback: Any) -> str | None:
    """The message for a flag or command that was replaced, or for a setting without a flag; otherwise None."""
    command = message.removeprefix("No such command '").removesuffix("'")
    if command in MOVED_COMMANDS:
        return f"rnnlm {command} is no longer a command: use {MOVED_COMMANDS[command]}"
    negated = flag.startswith("--no-")
    name = flag.removeprefix("--no-" if negated else "--").replace("-", "_")
    new = instead_of(name, negated=negated)
    if not flag.startswith("--"):
        return None
    if new is None:
        rare = name in getattr(callback, "rare", ())
        return f"{flag} is not a flag: use --set {name}={'false' if negated else 'VALUE'}" if rare else None
    return f"{flag} {new}"


def _report(text: str, code: int) -> int:
    """Write the line, for one of several processes with its number; all of them find what is wrong with a command."""
    launch, text = launched(), " ".join(text.split())
    if not text or (code == 2 and left_to_rank_0()) or (code > 128 and follows()):
        return code
    if launch is not None and launch.size > 1:
        text = f"rank {launch.rank} ends with exit code {code}: {text}"
    with contextlib.suppress(OSError):  # the exit code says it too
        sys.stderr.write(f"rnnlm: {visible(text) if sys.stderr.isatty() else text}\n")
    return code
