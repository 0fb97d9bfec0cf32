"""A training run as a directory: found again if it is the same, resumed if unfinished, sealed when done.

A run that replaces a sealed model is built beside it, under a hidden name, and moved in once it is sealed; until then
the old model stays.
"""

import itertools
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.arrays import write_tensors
from rnnlm.artifacts import storage_error, write_bytes
from rnnlm.directories import move_in, place_of, rebuilt, standing
from rnnlm.errors import ArtifactError, UsageError
from rnnlm.files import own
from rnnlm.model.peak import matrix_peak
from rnnlm.model.sealed import WEIGHTS, is_sealed, seal_model
from rnnlm.training.identity import CHECKPOINTS, Identity, LaterVersionError, read_begun, write_begun, write_rules
from rnnlm.training.metrics import TIMING
from rnnlm.training.progress import Outcome

LATEST = "LATEST"
_SUCCESSOR = re.compile(r"\.(.+)\.next")


@dataclass(frozen=True)
class Place:
    """The directories of a run: `state` is 'new', 'unfinished' or 'sealed'.

    `target` is where its model belongs, `directory` where it is built: the same, or beside a sealed model that it
    replaces. `run_sha256` identifies it in its checkpoints.
    """

    target: Path
    directory: Path
    state: str
    run_sha256: str

    @property
    def settled(self) -> bool:
        """Whether a sealed run has nothing left to do."""
        return self.directory == self.target and not (self.directory / CHECKPOINTS).exists()


def successor(target: Path) -> Path:
    """Where the run that replaces a sealed model is built."""
    return target.with_name(f".{target.name}.next")


def has_successor(target: Path) -> bool:
    """Whether a sealed model has an unfinished replacement."""
    return successor(target).is_dir()


def model_directories(models: Path) -> list[Path]:
    """The directories of a workspace's models, finished or not, by name."""
    names = {place_of(path).name for path in models.glob("*") if path.is_dir()}
    names = {match[1] if (match := _SUCCESSOR.fullmatch(name)) else name for name in names}
    return [models / name for name in sorted(names) if not name.startswith(".")]


def find_place(models: Path, cell: str, name: str | None, run: Identity, *, resume: bool, force: bool) -> Place:
    """The directory for a run.

    A sealed run that is the same is found again; an unfinished one needs `resume`; otherwise an unnamed run takes the
    next free name. `force` starts again in place of the same run, or of the named one. Raises UsageError if a name is
    taken by another run, or it is unclear which run to continue.
    """
    targets = _targets(models, cell, name)
    begun = [(target, place, found) for target, place in _places(targets) if (found := _begun(place)) is not None]
    same = [
        Place(target, place, "sealed" if is_sealed(place) else "unfinished", found.sha256)
        for target, place, found in begun
        if found.matches(run)
    ]
    if resume:
        return _resumed(models / (name or cell), same, run)
    if same and force:
        return _new(same[0].target, run)
    sealed = [place for place in same if place.state == "sealed"]
    if sealed:
        return sealed[0]
    if same:
        raise UsageError(
            f"{same[0].target} has an unfinished run with these settings",
            f"continue it with: rnnlm train {models.parent} --name {same[0].target.name} --resume, or start again with "
            "--force",
        )
    if name is None:
        taken = {target.name for target in targets}
        numbered = (f"{cell}-{n}" for n in itertools.count(2))
        free = next(each for each in itertools.chain([cell], numbered) if each not in taken)
        return _new(models / free, run)
    if targets and not force:
        state = "a sealed model" if is_sealed(targets[0]) else "an unfinished run"
        raise UsageError(f"{targets[0]} is {state} with other settings", "choose another --name, or use --force")
    return _new(models / name, run)


def _targets(models: Path, cell: str, name: str | None) -> list[Path]:
    """The directories of models that a run may refer to: the one of that name, or the numbered ones."""
    wanted = re.compile(re.escape(name) if name else rf"{re.escape(cell)}(-\d+)?")
    return [path for path in model_directories(models) if wanted.fullmatch(path.name)]


def _places(targets: list[Path]) -> list[tuple[Path, Path]]:
    """Each target with its directory and, after it, that of its successor, as far as they exist."""
    pairs = [(target, place) for target in targets for place in (standing(target), successor(target))]
    return [(target, place) for target, place in pairs if place.is_dir()]


def _new(target: Path, run: Identity) -> Place:
    return Place(target, successor(target) if is_sealed(target) else target, "new", run.sha256)


def _resumed(named: Path, same: list[Place], run: Identity) -> Place:
    """What `--resume` continues: an unfinished run of these settings, or the one of that name."""
    begun_or_done = sorted(same, key=lambda place: place.state == "sealed" and place.directory == place.target)
    if begun_or_done:
        return begun_or_done[0]
    for directory in (successor(named), named):
        if directory.is_dir() and not is_sealed(directory):
            begun = read_begun(directory)
            changes = "; ".join(begun.differences(run)[:5])
            raise UsageError(
                f"{directory} was begun with other settings or data" + (f" ({changes})" if changes else ""),
                f"give the settings in {directory / 'settings.toml'} with --config, or start again with --force",
            )
    if is_sealed(named):
        sealed = _begun(standing(named))
        changes = "; ".join(sealed.differences(run)[:5]) if sealed else "it was not trained here"
        raise UsageError(
            f"{named} is sealed, and has other settings or data" + (f" ({changes})" if changes else ""),
            "omit --resume, and choose another --name or use --force",
        )
    return Place(named, named, "new", run.sha256)


def begun_run(models: Path, run: Identity) -> Path | None:
    """The directory of this run, if there is one; an unfinished one first."""
    found = [(place, _begun(place)) for _, place in _places(model_directories(models))]
    same = [place for place, begun in found if begun is not None and begun.matches(run)]
    return min(same, key=is_sealed, default=None)


def _begun(directory: Path) -> Identity | None:
    """The run of a directory; None if it has none, or is damaged. ArtifactError for a later version."""
    try:
        return read_begun(directory)
    except LaterVersionError:
        raise
    except ArtifactError:
        return None


def begin(place: Place, run: Identity, files: Mapping[str, bytes]) -> None:
    """Create a run directory with its identity and first `files`, replacing any unfinished one."""
    with rebuilt(place.directory) as fresh:
        for name, content in files.items():
            write_bytes(fresh / name, content)
        write_begun(fresh, run)


def finish(
    place: Place, outcome: Outcome, run: Identity, settings: Mapping[str, Any], report: Mapping[str, Any]
) -> None:
    """Write the model's files and seal them; only then move them into place and delete the checkpoints."""
    directory = place.directory
    write_tensors(directory / WEIGHTS, outcome.tensors)
    write_rules(directory, run)
    seal_model(directory, settings=settings, inputs=run.read, report=report)
    settle(place)


def settle(place: Place) -> None:
    """Finish a sealed run: move it in if it replaces another, let LATEST name it, delete the checkpoints.

    A run interrupted here is found sealed, and settled the next time.
    """
    if place.directory != place.target:
        try:
            move_in(place.directory, place.target)
        except OSError as error:
            raise storage_error(error, place.target) from error
    write_bytes(place.target.parent / LATEST, f"{place.target.name}\n".encode())
    shutil.rmtree(place.target / CHECKPOINTS, ignore_errors=True)


def write_timing(directory: Path, seconds: float, tokens: int, operations: int, device: str, processes: int) -> None:
    """Add the run's totals, relative to the peak of matrix products in all `processes`, measured now in this one."""
    peak = processes * matrix_peak(device)
    totals = {
        "seconds": round(seconds, 3),
        "tokens_per_second": round(tokens / seconds, 1),
        "peak_fraction": round(operations / seconds / peak, 4),
    }
    with (directory / TIMING).open("a", encoding="utf-8") as file:
        file.write(json.dumps(totals) + "\n")


def read_timing(directory: Path) -> dict[str, Any]:
    """The run's totals; None if the log is not with the model."""
    totals: dict[str, Any] = dict.fromkeys(("seconds", "tokens_per_second", "peak_fraction"))
    try:
        last = json.loads(own(directory / TIMING).read_text("utf-8").splitlines()[-1])
        known = {key: value for key, value in last.items() if key in totals and isinstance(value, int | float)}
        return totals | known
    except (OSError, ValueError, IndexError, AttributeError, RecursionError):
        return totals
