"""The one place where an error becomes a line and an exit code."""

import os
import sys
import traceback

from rnnlm.cli.signals import Leave, raise_for_signals
from rnnlm.errors import RnnlmError, is_out_of_memory
from rnnlm.renamed import RENAMED


def run(arguments: list[str], leave: Leave | None = None) -> int:
    """Run the command line; the exit code. 0 done, 1 a bug, 2 to 7 as in `errors`, 128 + n stopped by signal n.

    `leave` ends the process where a signal must not become an exception.
    """
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        # Typer's help would keep its colours in a pipe when a CI variable is set.
        os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"
    # Threads that wait for one another spin briefly, then sleep. With torch's long default, another busy process on
    # two cores made training steps ten times slower; with none (OMP_WAIT_POLICY=PASSIVE) a quiet machine lost 6 to 40 %
    # of its speed. A token drawn alone is many short products with pauses between them: 2.9 ms with the long default in
    # place of 3.8. Read by the OpenMP library when torch is imported.
    if arguments[:1] not in (["generate"], ["next"]):
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
        # Typer and rich turn a closed pipe into an exit of their own.
        if isinstance(leaving.__context__, BrokenPipeError):
            return _reader_gone()
        raise
    except KeyboardInterrupt:  # which Typer has not seen
        return _report("stopped by SIGINT", 130)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _explain(error)
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        # A library in Rust panicked, which is no Exception; what is crafted so is a tokenizer.json.
        return _report(f"a tokenizer.json is damaged ({error}): copy or rebuild what it belongs to", 4)


def _reader_gone() -> int:
    """Nothing must be written to the reader again when the interpreter closes its files."""
    if sys.__stdout__ is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
    return 141


def _explain(error: Exception) -> int:
    if isinstance(error, RnnlmError):
        return _report(str(error), error.exit_code)
    if hasattr(error, "format_message"):  # what Typer says of a command line
        message = str(error.format_message()).rstrip(".")
        new = _new_flag(str(getattr(error, "option_name", "")))
        if new is not None:
            return _report(new, 2)
        if not message:  # no command given, which is answered by the help
            sys.stdout.write(error.ctx.get_help())  # type: ignore[attr-defined]
            return 2
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "rnnlm"
        page = "--help-all" if " " in where else "--help"
        return _report(f"{message}; {where} {page} shows the available options", 2)
    if is_out_of_memory(error):
        return _report("out of memory: use a smaller --batch-size, --hidden or --bptt", 7)
    if isinstance(error, OSError):
        return _report(f"{error.filename or 'input or output'}: {error.strerror or error}", 5)
    return _report(f"this is a bug: {type(error).__name__}: {error}; --debug shows where", 1)


def _new_flag(flag: str) -> str | None:
    """What to say of a flag that was renamed; None for any other."""
    negated = flag.startswith("--no-")
    old = flag.removeprefix("--no-" if negated else "--").replace("-", "_")
    if not flag.startswith("--") or old not in RENAMED:
        return None
    return f"{flag} has another name now: use --{'no-' * negated}{RENAMED[old].replace('_', '-')}"


def _report(text: str, code: int) -> int:
    if sys.stderr is not None:
        sys.stderr.write("rnnlm: " + " ".join(text.split()) + "\n")
    return code
