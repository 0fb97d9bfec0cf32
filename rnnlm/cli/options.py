"""Settings as command-line options: a command names the sections it takes, and gets a request of what was typed.

Every option's default is None, so that a flag that was typed can be told from one that was not; help and defaults
are read from the settings themselves.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, get_args, get_origin, get_type_hints

import typer

from rnnlm.app.request import READERS, SECTIONS, Request
from rnnlm.config import optional_type, outer_name

PANELS = {"run": "Common", "raw": "Reading", "look": "Looking"}
_ON_EVERY_PAGE = ("model", "run")  # of commands that have them
POSITIVE_ONLY = {("run", "json"), ("run", "quiet"), ("run", "debug"), ("run", "force"), ("train", "resume"),
                 ("train", "plan"), ("window", "write"), ("generate", "unknown"), ("generate", "novelty"),
                 ("generate", "interactive"),
                 ("evaluate", "baseline"), ("evaluate", "ladder"), ("evaluate", "slices"),
                 ("predict", "all"), ("look", "summary"), ("score", "ids"),
                 ("rescore", "tune")}  # fmt: skip


def flag_name(name: str) -> str:
    """`batch_size` → `--batch-size`; `from_`, a Python keyword, → `--from`; `k` → `-k`."""
    return ("-" if len(name) == 1 else "--") + outer_name(name).replace("_", "-")


def _option(section: str, field: dataclasses.Field[Any], annotation: Any, *, hidden: bool) -> inspect.Parameter:
    kind, _ = optional_type(annotation)
    default = field.default
    if default is None:
        shown = field.metadata["auto"]
    elif kind is bool:
        shown = "" if (section, field.name) in POSITIVE_ONLY else ("on" if default else "off")
    else:
        shown = str(default)
    choices = [str(each) for each in get_args(kind)] if get_origin(kind) is Literal else []
    # Choices stand in the text, where a line is broken between them; in their own column it would be broken inside one.
    listed = f": {', '.join(choices)}" if choices else ""
    text = field.metadata["help"] + listed + (f" (default: {shown})" if shown else "")
    flag = flag_name(field.name)
    names = [flag]
    if kind is bool and (section, field.name) not in POSITIVE_ONLY:
        names = [f"{flag}/--no-{flag[2:]}"]
    panel = PANELS.get(section, section.capitalize())
    metavar = "<choice>" if choices else None
    option = typer.Option(
        *names, help=text, show_default=False, rich_help_panel=panel, hidden=hidden, metavar=metavar
    )  # fmt: skip
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[Optional[kind], option],  # noqa: UP045
    )


def _show_all(context: typer.Context, parameter: typer.CallbackParam, wanted: bool) -> None:
    if not wanted:
        return
    options = [each for each in context.command.params if getattr(each, "hidden", False)]
    for each in options:
        each.hidden = False  # type: ignore[attr-defined]
    typer.echo(context.get_help())
    for each in options:  # a process may show several pages
        each.hidden = True  # type: ignore[attr-defined]
    raise typer.Exit


HELP_ALL = Annotated[
    bool,
    typer.Option("--help-all", help="Show every option.", callback=_show_all, is_eager=True, expose_value=False),
]
OUT = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--out", help="the workspace directory (default: work)", show_default=False),
]
CONFIG = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--config", help="a TOML file of settings", show_default=False, rich_help_panel="Common"),
]
PATHS = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Argument(help="a workspace, or a corpus: text files, a directory, builtin:stories, -", show_default=False),
]
MODEL = Annotated[str, typer.Argument(help="a workspace, or a sealed model's directory", show_default=False)]
DRY_RUN = Annotated[bool, typer.Option("--dry-run", help="say what would run, and stop")]


def command(
    *sections: str,
    arguments: dict[str, Any],
    examples: tuple[str, ...],
    own: tuple[str, ...] | None = None,
    also: tuple[str, ...] = (),
) -> Callable[[Callable[[Request], None]], Callable[..., None]]:
    """Make a Typer command of a function that takes a `Request`.

    `sections` are the settings it takes as flags, `arguments` its own parameters as {name: (annotation, default)}. Its
    page has the `examples` and, of its `own` sections (by default the first) and of those that many commands have, the
    basic options, or all where none is marked so; `also` names others. `--help-all` shows every option.
    """
    own = (*(sections[:1] if own is None else own), *_ON_EVERY_PAGE)
    sections = (*sections, *(["reading"] if READERS & set(sections) else []), "run")

    def decorate(body: Callable[[Request], None]) -> Callable[..., None]:
        parameters: dict[str, inspect.Parameter] = {
            name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (annotation, default) in arguments.items()
        }
        for section in sections:
            hints, kinds = get_type_hints(SECTIONS[section]), dataclasses.fields(SECTIONS[section])
            whole = section in own and not any(field.metadata["basic"] for field in kinds)
            for field in kinds:
                if field.name not in parameters:
                    shown = whole or (section in own and field.metadata["basic"]) or field.name in also
                    parameters[field.name] = _option(section, field, hints[field.name], hidden=not shown)
        parameters["config"] = inspect.Parameter(
            "config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=CONFIG
        )

        parameters["help_all"] = inspect.Parameter(
            "help_all", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=HELP_ALL
        )

        @functools.wraps(body)
        def run(**values: Any) -> None:
            config = values.pop("config")
            typed = {name: values.pop(name) for name in arguments}
            request = Request(body.__name__.rstrip("_"), typed, values, sections, config)
            request.check_all()
            from rnnlm.app.targets import check_targets

            check_targets(request)
            body(request)

        run.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
        run.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
        run.examples = examples  # type: ignore[attr-defined]
        return run

    return decorate
