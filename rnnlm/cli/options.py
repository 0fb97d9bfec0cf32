"""Settings as command-line options: a command names its sections, and gets a request with the flags given.

Every option defaults to None, which distinguishes flags that were given; help, defaults and panels come from the
settings.
"""

import dataclasses
import difflib
import inspect
import shutil
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, get_args, get_origin, get_type_hints

import typer

from rnnlm.app.request import SECTIONS, Request
from rnnlm.config import optional_type, outer_name
from rnnlm.errors import UsageError

_ON_EVERY_PAGE = ("model", "run")  # sections whose basic options are shown by every command that has them


def flag_name(name: str) -> str:
    """`batch_size` → `--batch-size`; `from_`, a Python keyword, → `--from`; `k` → `-k`."""
    return ("-" if len(name) == 1 else "--") + outer_name(name).replace("_", "-")


def described(field: dataclasses.Field[Any], annotation: Any) -> str:
    """A setting's help with its choices and its default."""
    kind, _ = optional_type(annotation)
    default = field.default
    if default is None:
        shown = field.metadata["auto"]
    elif kind is bool:
        shown = "" if field.metadata["switch"] else ("on" if default else "off")
    else:
        shown = str(default)
    choices = ", ".join(str(each) for each in get_args(kind)) if get_origin(kind) is Literal else ""
    # Choices are in the text, where lines break between them; in their own column lines would break inside one.
    text = str(field.metadata["help"])
    return text + (f": {choices}" if choices else "") + (f" (default: {shown})" if shown else "")


def _option(section: str, field: dataclasses.Field[Any], annotation: Any, *, hidden: bool) -> inspect.Parameter:
    kind, _ = optional_type(annotation)
    flag = flag_name(field.name)
    both = kind is bool and not field.metadata["switch"]
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if both else flag, help=described(field, annotation), show_default=False,
        rich_help_panel=_panel(section, field.name), hidden=hidden,
        metavar="<choice>" if get_origin(kind) is Literal else None,
    )  # fmt: skip
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[Optional[kind], option],  # noqa: UP045
    )


def _panel(section: str, name: str) -> str:
    """The box of a setting on a help page: that of the class that defines it, or its section's name."""
    owner = next(each for each in SECTIONS[section].__mro__ if name in inspect.get_annotations(each))
    return str(getattr(owner, "panel", section.capitalize()))


def fields_of(sections: tuple[str, ...]) -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    """The settings of a command's sections with their types; a name in two sections belongs to the first."""
    seen: set[str] = set()
    for section in sections:
        hints = get_type_hints(SECTIONS[section])
        for field in dataclasses.fields(SECTIONS[section]):
            if field.name not in seen:
                seen.add(field.name)
                yield section, field, hints[field.name]


def _show_all(context: typer.Context, parameter: typer.CallbackParam, wanted: bool) -> None:
    if not wanted:
        return
    options = [each for each in context.command.params if getattr(each, "hidden", False)]
    for each in options:
        each.hidden = False  # type: ignore[attr-defined]
    typer.echo(context.get_help())
    sections: tuple[str, ...] = getattr(context.command.callback, "sections", ())
    rare = [(field, kind) for _, field, kind in fields_of(sections) if field.metadata["rare"]]
    if rare:
        typer.echo("Settings without a flag, for --set and settings files:")
    width = shutil.get_terminal_size().columns
    for field, kind in rare:
        text = f"{outer_name(field.name)}: {described(field, kind)}"
        typer.echo(textwrap.fill(text, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))
    for each in options:  # a process may show several pages
        each.hidden = True  # type: ignore[attr-defined]
    raise typer.Exit


HELP_ALL = Annotated[
    bool, typer.Option("--help-all", help="Show every option.", callback=_show_all, is_eager=True, expose_value=False)
]
CONFIG = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--config", help="a TOML file of settings", show_default=False, rich_help_panel="Run"),
]
SET = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--set", help="any setting, as name=value; can be repeated", show_default=False,
        rich_help_panel="Run", hidden=True, metavar="<name=value>",
    ),
]  # fmt: skip


def typer_command(
    name: str,
    arguments: dict[str, Any],
    sections: tuple[str, ...],
    shown: tuple[str, ...],
    also: tuple[str, ...],
    run: Callable[[Request], None],
) -> Callable[..., None]:
    """A function that Typer turns into a command: `run` with a request from the command line.

    Its `arguments` are {name: (annotation, default)}. Its page has the basic options (all if none is basic) of the
    `shown` sections and of the common ones; `also` names others. `--help-all` shows every option.
    """
    sections, shown = (*sections, "run"), (*shown, *_ON_EVERY_PAGE)
    parameters: dict[str, inspect.Parameter] = {
        each: inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for each, (annotation, default) in arguments.items()
    }
    for section, field, annotation in fields_of(sections):
        if field.name not in parameters and not field.metadata["rare"]:
            whole = not any(each.metadata["basic"] for each in dataclasses.fields(SECTIONS[section]))
            visible = field.name in also or (section in shown and (whole or field.metadata["basic"]))
            parameters[field.name] = _option(section, field, annotation, hidden=not visible)
    for each, kind in (("config", CONFIG), ("set", SET), ("help_all", HELP_ALL)):
        parameters[each] = inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)

    def command(**values: Any) -> None:
        config, assigned = values.pop("config"), values.pop("set")
        typed = {each: values.pop(each) for each in arguments}
        request = Request(name, typed, values | _assigned(assigned or [], sections), sections, config)
        request.check_all()
        from rnnlm.app.targets import check_targets

        check_targets(request)
        run(request)

    command.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
    command.__annotations__ = {each: parameter.annotation for each, parameter in parameters.items()}
    command.sections = sections  # type: ignore[attr-defined]
    rare = {outer_name(field.name) for _, field, _ in fields_of(sections) if field.metadata["rare"]}
    command.rare = rare  # type: ignore[attr-defined]
    return command


def _assigned(assigned: list[str], sections: tuple[str, ...]) -> dict[str, str]:
    """--set name=value as settings; UsageError for a name that the command does not have."""
    known = {outer_name(field.name): field.name for _, field, _ in fields_of(sections)}
    found: dict[str, str] = {}
    for each in assigned:
        name, equals, value = each.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}={value}?" if close else "--help-all lists all settings"
            raise UsageError(f"--set {each}: {'no such setting' if equals else 'no value'}", hint)
        found[known[name]] = value.strip()
    return found
