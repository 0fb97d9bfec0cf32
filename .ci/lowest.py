"""Prints a line `name==version` for each direct dependency: the lowest allowed version with a wheel for this Python.

The bounds are those of pyproject.toml, which states them once. The arguments are extras, whose requirements are listed
too; an extra that names the project with other extras stands for theirs. The pip of this Python says which versions
have a wheel. Exit code 1: an extra is unknown, or a requirement has no wheel that satisfies it.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

SETTINGS = Path(__file__).resolve().parents[1] / "pyproject.toml"


def requirements(project: dict[str, Any], lines: Iterable[str]) -> Iterator[Requirement]:
    """The requirements in `lines`, with an extra of the project replaced by what it requires."""
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        if requirement.name != project["name"]:
            yield requirement
            continue
        for extra in sorted(requirement.extras):
            if extra not in project["optional-dependencies"]:
                sys.exit(f"{SETTINGS.name} has no extra {extra!r}")
            yield from requirements(project, project["optional-dependencies"][extra])


def versions(name: str) -> list[Version]:
    """The versions of a package that have a wheel for this Python."""
    command = [sys.executable, "-m", "pip", "index", "versions", name, "--only-binary", ":all:"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        label, _, listed = line.partition(":")
        if label == "Available versions":
            return [Version(each) for each in listed.split(",")]
    answer = done.stderr.strip().splitlines() or ["no answer"]
    sys.exit(f"{name}: pip lists no version that has a wheel for this Python ({answer[-1]})")


def lowest(name: str, allowed: SpecifierSet) -> Version:
    """The lowest version of a package that is allowed and has a wheel for this Python."""
    found = list(allowed.filter(versions(name)))
    if not found:
        sys.exit(f"{name}{allowed}: no allowed version has a wheel for this Python")
    return min(found)


def main(extras: list[str]) -> None:
    """Print the lines, sorted by name."""
    with SETTINGS.open("rb") as file:
        project = tomllib.load(file)["project"]
    bounds: dict[str, SpecifierSet] = {}
    extras_line = [f"{project['name']}[{','.join(extras)}]"]
    for requirement in requirements(project, [*project["dependencies"], *extras_line]):
        bounds[requirement.name] = bounds.get(requirement.name, SpecifierSet()) & requirement.specifier
    for name in sorted(bounds):
        # `2.6.0+cpu` is a build of 2.6.0, and any build of it will do.
        print(f"{name}=={lowest(name, bounds[name]).public}")


if __name__ == "__main__":
    main(sys.argv[1:])
