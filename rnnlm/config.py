"""Settings: each stated once, with its type, default, help and check, and the origin of its value.

A stage's settings are a frozen dataclass whose fields are made by `setting`. The command line reads flags, help
and defaults from there; `resolve` merges the sources by precedence. This file knows no particular setting.
"""

import difflib
import json
import math
import os
import re
import tomllib
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from rnnlm.errors import InputError, UsageError
from rnnlm.files import read_input
from rnnlm.renamed import renamed

S = TypeVar("S")
Check = Callable[[Any], str | None]

FLAG, ENVIRONMENT, FILE, RECIPE, WORKSPACE, DEFAULT = "flag", "environment", "file", "recipe", "workspace", "default"


def outer_name(name: str) -> str:
    """A setting's name in files, variables and flags: `from_` is `from`, a keyword of Python."""
    return name.rstrip("_")


def setting(
    default: Any,
    help: str,
    check: Check | None = None,
    *,
    auto: str = "",
    record: bool = True,
    group: str = "",
    file: Literal["", "read", "read, several", "written"] = "",
    basic: bool = False,
    switch: bool = False,
    rare: bool = False,
) -> Any:
    """A dataclass field with its help, its check and what None (`auto`) stands for.

    `check` returns what is wrong with a value, or None. `record=False` keeps it out of digests and workspaces. Of
    settings in one `group`, a new one replaces those that a recipe has or a workspace recorded. `file` says what
    happens to a file that the value may name; several have commas between, and names if need be, as in `lm=FILE`.
    `basic` ones are in a command's `--help`, the others in `--help-all`; a `rare` one is typed as `--set name=value`. A
    `switch` is turned on by its flag and has no `--no-` form.
    """
    metadata = {
        "help": help, "check": check, "auto": auto, "record": record, "group": group, "file": file, "basic": basic,
        "switch": switch, "rare": rare,
    }  # fmt: skip
    return field(default=default, metadata=metadata)


def at_least(low: float) -> Check:
    """A check that a number is `low` or more."""
    return lambda value: None if value >= low else f"must be {low:g} or more"


def above(low: float) -> Check:
    """A check that a number is more than `low`."""
    return lambda value: None if value > low else f"must be more than {low:g}"


def between(low: float, high: float, *, below: bool = False) -> Check:
    """A check that a number lies in [low, high], or in [low, high) with `below`."""

    def check(value: float) -> str | None:
        inside = low <= value < high if below else low <= value <= high
        return None if inside else f"must be from {low:g} to {'below ' if below else ''}{high:g}"

    return check


def picture(name: str) -> str | None:
    """A check of a setting: the name of a picture."""
    return None if name.lower().endswith((".png", ".svg", ".pdf")) else "must end in .png, .svg or .pdf"


def check_directory_name(name: str | None) -> None:
    """UsageError for a --name that cannot be that of a directory beside `LATEST`."""
    if name is not None and (not name or name.startswith(".") or "/" in name):
        raise UsageError(f"--name {name!r} is not the name of a directory", "use letters, digits and -")
    if name == "LATEST":
        raise UsageError(f"--name {name} is taken", "choose another name")


_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)?")
_BYTES = re.compile(r"(\d{1,6}(?:\.\d+)?)([MG])B")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_LONGEST = 100 * 365.25 * 86_400.0


def seconds(text: str) -> float:
    """'90', '60s', '10m' or '1.5h' as seconds; UsageError for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a duration", "write it as 60s, 10m or 1.5h")
    found = float(match[1]) * _SECONDS[match[2]]
    if found > _LONGEST:
        raise UsageError(f"{text[:40]!r} is more than a hundred years", "write it as 60s, 10m or 1.5h")
    return found


def duration(value: str) -> str | None:
    """A check that a string is a duration."""
    try:
        seconds(value)
    except UsageError as error:
        return str(error)
    return None


def bytes_of(text: str) -> int:
    """'512MB' or '2GB' as bytes; UsageError for anything else."""
    match = _BYTES.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text[:40]!r} is not a size of memory", "write it as 512MB or 2GB")
    return int(float(match[1]) * {"M": 10**6, "G": 10**9}[match[2]])


@dataclass(frozen=True)
class Resolved(Generic[S]):
    """Settings and, for each of them, where its value came from."""

    settings: S
    origins: Mapping[str, str]

    def given(self) -> dict[str, Any]:
        """The values that did not come from the defaults, to be recorded in the workspace."""
        return {name: value for name, value in as_dict(self.settings).items() if self.origins[name] != DEFAULT}


def files_of(settings: Any, *, written: bool) -> dict[str, list[str]]:
    """The files that settings name, to be written or to be read, by the setting's name; `-` and unset ones omitted."""
    found: dict[str, list[str]] = {}
    for each in fields(settings):
        use, value = each.metadata["file"], getattr(settings, each.name)
        if use and (use == "written") == written and value not in (None, "", "-"):
            parts = str(value).split(",") if "several" in use else [str(value)]
            paths = [part.rpartition("=")[2].strip() if "several" in use else part for part in parts]
            found[each.name] = [path for path in paths if path]
    return found


def as_dict(settings: Any) -> dict[str, Any]:
    """A settings object as a dictionary of its recorded fields."""
    return {each.name: getattr(settings, each.name) for each in fields(settings) if each.metadata.get("record", True)}


def changed(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The recorded settings, under their present names, whose value is not the default of class `kind`.

    So a new setting at its default changes nothing that was recorded before.
    """
    return without_defaults(kind, renamed(values))


def without_defaults(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a dataclass, by name, whose value is not the default; tuples and lists compare equal."""
    defaults = {each.name: canonical(each.default) for each in fields(kind) if each.default is not MISSING}
    return {name: value for name, value in values.items() if canonical(value) != defaults.get(name)}


def canonical(value: Any) -> bytes:
    """A JSON value as the one byte string that represents it in digests."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def optional_type(annotation: Any) -> tuple[Any, bool]:
    """The type without None, and whether None is allowed."""
    if get_origin(annotation) in (types.UnionType, Union):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0], True
    return annotation, False


def typed_name(name: str, *, rare: bool = False) -> str:
    """A setting as a person types it: `--batch-size`, or `--set momentum` for one without a flag."""
    return f"--set {outer_name(name)}" if rare else f"--{outer_name(name).replace('_', '-')}"


def coerce(name: str, annotation: Any, value: Any, origin: str, *, rare: bool = False) -> Any:
    """`value` as the setting's type; UsageError naming the setting, its origin and what it may be."""
    kind, _ = optional_type(annotation)
    where = {FLAG: typed_name(name, rare=rare), ENVIRONMENT: f"RNNLM_{outer_name(name).upper()}"}.get(
        origin, f"{name} ({origin})"
    )

    def wrong(rule: str) -> UsageError:
        return UsageError(f"{where} is {value!r}", rule)

    if get_origin(kind) is Literal:
        choices = get_args(kind)
        if value not in choices:
            close = difflib.get_close_matches(str(value), [str(choice) for choice in choices], 1)
            now = renamed({name: value})[name] if isinstance(value, str) else value
            if now in choices:
                raise wrong(f"it is {now} now")
            rule = f"must be one of {', '.join(str(choice) for choice in choices)}"
            raise wrong(f"{rule}; did you mean {close[0]}?" if close else rule)
        return value
    if kind is bool:
        if isinstance(value, str) and value.lower() in ("1", "true", "yes", "on", "0", "false", "no", "off"):
            return value.lower() in ("1", "true", "yes", "on")
        if not isinstance(value, bool):
            raise wrong("must be true or false")
        return value
    if kind in (int, float):
        if isinstance(value, bool) or (kind is int and isinstance(value, float) and not value.is_integer()):
            raise wrong(f"must be {'a whole number' if kind is int else 'a number'}")
        try:
            number = kind(value)
        except (TypeError, ValueError, OverflowError):
            raise wrong(f"must be {'a whole number' if kind is int else 'a number'}") from None
        if kind is int and abs(number) >= 2**63:
            raise wrong("is too large")
        if not math.isfinite(number):
            raise wrong("must be a finite number")
        return number
    if not isinstance(value, str):
        if isinstance(value, bool | list | dict):
            raise wrong("must be text")
        return str(value)
    return value


def resolve(
    kind: type[S],
    *,
    flags: Mapping[str, Any] | None = None,
    file: Mapping[str, Any] | None = None,
    recipe: Mapping[str, Any] | None = None,
    recorded: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Resolved[S]:
    """Settings of class `kind`, taken from flag > environment > file > recipe > workspace > default.

    A flag that was not given is None. If the class has `fitting(recorded, given)`, only the recorded values that it
    returns are used; `given` holds those of stronger sources. UsageError for a wrong type, a failed check or a clash.
    """
    environment = os.environ if environment is None else environment
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    sources_of = {
        each.name: [
            (FLAG, (flags or {}).get(each.name)),
            (ENVIRONMENT, environment.get(f"RNNLM_{outer_name(each.name).upper()}")),
            (FILE, (file or {}).get(each.name)),
        ]
        for each in fields(kind)  # type: ignore[arg-type]
    }
    fitting = getattr(kind, "fitting", None)
    for origin, weaker in ((RECIPE, recipe or {}), (WORKSPACE, recorded or {})):
        if origin == WORKSPACE and fitting is not None:
            weaker = fitting(weaker, {name: _first(sources) for name, sources in sources_of.items()})
        renewed = {
            each.metadata.get("group")
            for each in fields(kind)  # type: ignore[arg-type]
            if any(value is not None for _, value in sources_of[each.name])
        } - {""}
        for each in fields(kind):  # type: ignore[arg-type]
            if each.metadata.get("group") not in renewed:
                sources_of[each.name].append((origin, weaker.get(each.name)))
    for each in fields(kind):  # type: ignore[arg-type]
        sources = sources_of[each.name]
        origin, value = next(((o, v) for o, v in sources if v is not None), (DEFAULT, each.default))
        if origin != DEFAULT:
            value = coerce(each.name, hints[each.name], value, origin, rare=each.metadata.get("rare", False))
        check = each.metadata.get("check")
        if value is not None and check is not None and (problem := check(value)):
            raise UsageError(
                f"{typed_name(each.name, rare=each.metadata.get('rare', False))} is {value!r} (from {origin})", problem
            )
        values[each.name] = value
        origins[each.name] = origin
    settings = kind(**values)
    clash = getattr(settings, "check", None)
    if clash is not None:
        clash()
    return Resolved(settings, origins)


def _first(sources: Iterable[tuple[str, Any]]) -> Any:
    return next((value for _, value in sources if value is not None), None)


def read_settings_file(path: Path, sections: Mapping[str, type[Any]]) -> dict[str, dict[str, Any]]:
    """A TOML file of settings as {section: {name: value}}.

    A name above the first table goes to every section that has it. Raises InputError for a file that is missing or
    not TOML, UsageError for a section or name that does not exist.
    """
    try:
        content = tomllib.loads(read_input(path).decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot read the settings file {path}", error.strerror or str(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not a TOML file", str(error)) from None
    names = {section: {outer_name(each.name): each.name for each in fields(kind)} for section, kind in sections.items()}
    result: dict[str, dict[str, Any]] = {section: {} for section in sections}
    for key, value in renamed(content).items():
        if isinstance(value, dict):
            if key not in sections:
                raise _unknown(path, f"[{key}]", key, list(sections))
            for name, inner in renamed(value).items():
                if name not in names[key]:
                    raise _unknown(path, f"{name} in [{key}]", name, sorted(names[key]))
                result[key][names[key][name]] = inner
        else:
            owners = [section for section in sections if key in names[section]]
            if not owners:
                raise _unknown(path, key, key, sorted(set().union(*names.values())))
            for section in owners:
                result[section].setdefault(names[section][key], value)
    return result


def _unknown(path: Path, what: str, name: str, known: list[str]) -> UsageError:
    close = difflib.get_close_matches(name, known, 1)
    return UsageError(
        f"{path} has an unknown setting {what}",
        f"did you mean {close[0]}?" if close else "rnnlm status --settings lists all settings",
    )


def to_toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Sections of settings as TOML; None is omitted, since TOML has no such value."""
    lines: list[str] = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        for name, value in values.items():
            if value is not None:
                # JSON strings, numbers and booleans are valid TOML, except for DEL, which TOML requires escaped.
                lines.append(f"{outer_name(name)} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f"))
        lines.append("")
    return "\n".join(lines)
