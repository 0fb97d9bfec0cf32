"""The reference: every command, every setting once, and what Python users call, from the code itself."""

import inspect
import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import rnnlm
from rnnlm import errors
from rnnlm.app.request import SECTIONS
from rnnlm.cli.commands import COMMANDS
from rnnlm.cli.options import described, fields_of, flag_name
from rnnlm.config import optional_type, outer_name
from rnnlm.use import loaded, loaded_tasks
from rnnlm.use.generation.generate import Generated

_CODE = re.compile(r"(`[^`]*`)")
_MODULE = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Z])")  # of a type
_WIDE = 88


def commands_page() -> str:
    """A section for each command: purpose, examples, arguments, and where its settings are."""
    lines = ["# Commands", "", "`rnnlm COMMAND --help` shows the options that matter, `--help-all` every one.", "",
             "![the groups of commands](terminal-help.svg)", ""]  # fmt: skip
    for command in COMMANDS:
        lines += [f"## rnnlm {command.name}", "", escaped(command.help), "", "```sh", *command.examples, "```", ""]
        for name, (annotation, default) in command.arguments.items():
            option = annotation.__metadata__[0]
            shown = f"`{option.param_decls[0]}`" if option.param_decls else f"`{name.upper()}`"
            needed = " Required." if default is ... else ""
            lines.append(f"- {shown}: {escaped(option.help)}.{needed}")
        sections = ", ".join(f"[{name}](reference-settings.md#{name})" for name in (*command.sections, "run"))
        lines += ["", f"Settings: {sections}.", ""]
    return "\n".join(lines)


def settings_page() -> str:
    """Every setting of every section, once: a name in two sections of a command belongs to the first."""
    lines = [
        "# Settings", "",
        "A setting comes from a flag, an environment variable `RNNLM_NAME`, a file for `--config` (a table for each "
        "section below), a recipe, or what the workspace recorded, in this order, or is the default. Those without a "
        "flag are set with `--set name=value`.", "", "![rnnlm train --help](terminal-train-help.svg)", "",
    ]  # fmt: skip
    for section in SECTIONS:
        used = [command.name for command in COMMANDS if section in (*command.sections, "run")]
        where = "every command" if len(used) == len(COMMANDS) else ", ".join(f"`{name}`" for name in used)
        summary = (inspect.getdoc(SECTIONS[section]) or "").splitlines()[0]
        lines += [f"## {section}", "", f"{escaped(summary)} Of {where}.", "", "| setting | type | meaning |",
                  "|---|---|---|"]  # fmt: skip
        for _, field, annotation in fields_of((section,)):
            flag = f"`{outer_name(field.name)}`, no flag" if field.metadata["rare"] else f"`{flag_name(field.name)}`"
            lines.append(
                f"| {flag} | {kind_of(annotation)} | {escaped(described(field, annotation)).replace('|', '&#124;')} |"
            )
        lines.append("")
    return "\n".join(lines)


def kind_of(annotation: Any) -> str:
    """A setting's type in a word."""
    kind, _ = optional_type(annotation)
    return "choice" if get_origin(kind) is Literal and get_args(kind) else str(getattr(kind, "__name__", kind))


def python_page() -> str:
    """What Python users call, with its docstrings."""
    lines = ["# Python", "", "`import rnnlm`; [](python.md) shows it in use.", ""]
    lines += [*function("rnnlm.train", rnnlm.train), *function("rnnlm.load", rnnlm.load)]
    kinds = (loaded.LoadedModel, loaded_tasks.LoadedLabeller, loaded_tasks.LoadedForecaster, loaded.Score, Generated)
    for kind in kinds:
        lines += [f"## {kind.__name__}", "", documented(kind), ""]
        for name, member in members(kind):
            lines += function(name, member, level=3)
    lines += ["## Errors", "", "All are `RnnlmError`; `str(error)` is the line that the command line shows.", ""]
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, errors.RnnlmError):
            lines.append(f"- `{name}`: {documented(kind).splitlines()[0]}")
    return "\n".join([*lines, ""])


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class, in the order of its text."""
    for each in kind.__mro__:
        for name, member in vars(each).items():
            if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                yield name, member


def function(name: str, made: Any, level: int = 2) -> list[str]:
    """A function's heading, signature and docstring; a property has no signature."""
    heading = "#" * level + f" {name}"
    if isinstance(made, property):
        return [heading, "", documented(made.fget), ""]
    return [heading, "", "```python", signature_of(name.rpartition(".")[2], made), "```", "", documented(made), ""]


def signature_of(name: str, made: Any) -> str:
    """A call in one line, or with a line for each argument where that is long."""
    signature = inspect.signature(made)
    given = [each for each in signature.parameters.values() if each.name != "self"]
    whole = _MODULE.sub("", str(signature.replace(parameters=given))).replace("'", "")
    if len(name) + len(whole) <= _WIDE:
        return name + whole
    parts, starred = [], False
    for each in given:
        if each.kind is each.KEYWORD_ONLY and not starred:
            parts.append("*")
        starred = starred or each.kind in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        parts.append(_MODULE.sub("", str(each)))
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){whole.rpartition(')')[2]}"])


def documented(made: Any) -> str:
    """A docstring as Markdown."""
    return escaped(inspect.getdoc(made) or "")


def escaped(text: str) -> str:
    """Text in which nothing is markup but what stands in backticks."""
    parts = _CODE.split(text)
    return "".join(
        part if part.startswith("`") else part.replace("<", "&lt;").replace("*", r"\*").replace("_", r"\_")
        for part in parts
    )
