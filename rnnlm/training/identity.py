"""The identity of a run, by which two runs are the same, and the files that record it.

Only settings that differ from their defaults count, so that a later version with more settings recognizes the runs of
an earlier one.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rnnlm.artifacts import (
    UNVERIFIED_JSON,
    is_as_written,
    read_json,
    sha256_bytes,
    with_digest,
    write_bytes,
    write_json,
)
from rnnlm.config import as_dict, canonical, changed, without_defaults
from rnnlm.corpus.settings import EmbedSettings
from rnnlm.errors import ArtifactError
from rnnlm.model.architecture import Architecture
from rnnlm.model.sealed import CONFIG, TOKENIZER
from rnnlm.training.settings import TrainSettings

RUN = "run.json"
CHECKPOINTS = "checkpoints"
SETTINGS = "settings.toml"  # all settings of a run, as a person or --config reads them
_VERSION = 2
_REMEDY = "start again with --force"
# Of a model's config.json: what does not distinguish runs, or is among the inputs too.
_BESIDE = ("format", "version", "training", "data")


@dataclass(frozen=True)
class Identity:
    """What determines a run: settings (those of the embedding under `embed`), network and text rules, and data.

    `config` is empty if the network follows from the machine, as with a budget, or is not known. `sha256` identifies
    the run in its checkpoints. The rest is not compared, but recorded with its models: their `config.json` (`model`)
    and `tokenizer`, digests of all the data that were `read`, and the `machine`, from `this_machine`.
    """

    settings: Mapping[str, Any]
    config: Mapping[str, Any]
    inputs: Mapping[str, str]
    sha256: str
    model: Mapping[str, Any] | None = field(default=None, compare=False)
    tokenizer: bytes | None = field(default=None, compare=False)
    read: Mapping[str, str] = field(default_factory=dict, compare=False)
    machine: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls, train: Mapping[str, Any], embed: Mapping[str, Any], config: Mapping[str, Any], inputs: Mapping[str, str]
    ) -> "Identity":
        """The identity of recorded settings, under current or former names, and a model's `config`."""
        settings = changed(TrainSettings, train)
        start = changed(EmbedSettings, embed)
        network = {name: value for name, value in config.items() if name not in _BESIDE}
        if "architecture" in network:
            known = Architecture.of(network["architecture"])
            network["architecture"] = without_defaults(Architecture, asdict(known))
        parts: dict[str, dict[str, Any]] = {
            "settings": {**settings, **({"embed": start} if start else {})}, "config": _as_json(network),
            "inputs": dict(inputs),
        }  # fmt: skip
        return cls(parts["settings"], parts["config"], parts["inputs"], sha256_bytes(canonical(parts)))

    def matches(self, other: "Identity") -> bool:
        """Whether both are the same run, as far as both record it."""
        alike = not (self.config and other.config) or self.config == other.config
        return alike and self.settings == other.settings and self.inputs == other.inputs

    def differences(self, now: "Identity") -> list[str]:
        """What differs in `now`, in words: 'hidden 24, now 32', 'the data of vocab'."""
        defaults = as_dict(TrainSettings())
        names = [name for name in (*self.settings, *now.settings) if name != "embed"]
        found = []
        for name in dict.fromkeys(names):
            before, after = (each.settings.get(name, defaults.get(name)) for each in (self, now))
            if before != after:
                found.append(f"{name} {before}, now {after}")
        if self.settings.get("embed") != now.settings.get("embed"):
            found.append("the settings of the embedding")
        data = dict.fromkeys((*self.inputs, *now.inputs))
        return found + [f"the data of {name}" for name in data if self.inputs.get(name) != now.inputs.get(name)]


class LaterVersionError(ArtifactError):
    """A `run.json` of a version that this program does not read."""


def write_begun(directory: Path, run: Identity) -> None:
    """Record the run of a directory."""
    content = {
        "version": _VERSION, "run_sha256": run.sha256, "settings": dict(run.settings), "config": dict(run.config),
        "inputs": dict(run.inputs),
    }  # fmt: skip
    write_json(directory / RUN, with_digest(content))


def write_rules(directory: Path, run: Identity) -> dict[str, str]:
    """Write what a model has beside its weights; returns the digests by name."""
    meant = {} if run.model is None else {CONFIG: write_json(directory / CONFIG, dict(run.model))}
    return meant if run.tokenizer is None else {**meant, TOKENIZER: write_bytes(directory / TOKENIZER, run.tokenizer)}


def read_begun(directory: Path) -> Identity:
    """The run of a directory; ArtifactError if it is not recorded, or was changed."""
    path = directory / RUN
    content = read_json(path, remedy=_REMEDY, most=UNVERIFIED_JSON)
    if not is_as_written(path, content):
        raise ArtifactError(f"{path} has changed since it was written", _REMEDY)
    if content.get("version", 1) not in (1, _VERSION):
        raise LaterVersionError(
            f"{path} has version {content['version']!r}, this program reads 1 and {_VERSION}",
            "use the program that wrote it, or choose another --name",
        )
    try:
        settings = dict(content["settings"])
        embed = dict(settings.pop("embed", {}))
        config = dict(content["config"]) if "config" in content else _old_config(directory, settings)
        run = Identity.of(settings, embed, config, dict(content["inputs"]))
        return replace(run, sha256=str(content["run_sha256"]))
    except (KeyError, TypeError, ValueError):
        raise ArtifactError(f"{path} is damaged", _REMEDY) from None


def _old_config(directory: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The network of a run of version 1: that of its model, or of its best weights so far, if any."""
    if settings.get("budget") is not None:
        return {}
    for path in (directory / CONFIG, *sorted((directory / CHECKPOINTS).glob(f"best-*/{CONFIG}"))):
        if path.exists():
            return read_json(path, remedy=_REMEDY)
    return {}


def _as_json(value: Mapping[str, Any]) -> dict[str, Any]:
    """A value as it is after writing and reading: lists for tuples."""
    found: dict[str, Any] = json.loads(canonical(dict(value)))
    return found
