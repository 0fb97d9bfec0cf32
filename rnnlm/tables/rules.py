"""The rules that turn a table into inputs and targets: learned from training rows, written and read as JSON.

They are learned in `windows.py` and applied in `apply.py`; nothing is computed here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.errors import ArtifactError
from rnnlm.tables.settings import CALENDAR, Missing, Scaling, task_of

RowNumbers = NDArray[np.int64]


@dataclass(frozen=True)
class SeriesRules:
    """Everything that turns a table into inputs (rows, F) and targets (rows, K).

    An input is a column of `columns`, or a category of it (`categories`: 1 where the row has it, else 0), or its sine
    and cosine (`cycles`: column → period), or where `time` lies in the cycles of `calendar`. A missing one is filled
    (`missing`), the first of a sequence by `input_fill` (F,), then x → (x - input_mean) / input_scale (F,). Targets
    are never filled: (y - target_mean) / target_scale (K,). A window has `steps` rows, or is a whole sequence (None);
    its target lies `horizon` rows after its last, or there is one at each row from the `first` of them on. A network
    has K outputs for every horizon, one horizon after the other. `group` distinguishes sequences, `time` orders rows;
    no window runs over a step in it above `gap`. With `relative` the value of a target in a window's first row is
    subtracted from it throughout the window and beyond, where the target is an input.

    Instead of targets there may be a `label`: the column that names one of `labels` for each sequence, or with
    `label_each` for each row.
    """

    columns: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    cycles: Mapping[str, float]
    targets: tuple[str, ...]
    group: str | None
    time: str | None
    steps: int | None
    horizon: int
    stride: int
    missing: Missing
    scaling: Scaling
    input_fill: tuple[float, ...] = ()
    input_mean: tuple[float, ...] = ()
    input_scale: tuple[float, ...] = ()
    target_mean: tuple[float, ...] = ()
    target_scale: tuple[float, ...] = ()
    gap: float | None = None
    calendar: tuple[str, ...] = ()
    first: int | None = None
    relative: bool = False
    label: str | None = None
    labels: tuple[str, ...] = ()
    label_each: bool = False

    @property
    def task(self) -> Literal["forecast", "classify", "tag"]:
        """What a network learns from the windows."""
        return task_of(self.label, each=self.label_each)

    @property
    def horizons(self) -> tuple[int, ...]:
        """The rows between a window's last and its targets."""
        return (self.horizon,) if self.first is None else tuple(range(self.first, self.horizon + 1))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs: labels, or those of the targets, with several horizons 'y +1', 'y +2', …"""
        if self.label is not None:
            return self.labels
        if self.first is None:
            return self.targets
        return tuple(f"{target} +{horizon}" for horizon in self.horizons for target in self.targets)

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The names of the F inputs."""
        names: list[str] = []
        for column in self.columns:
            if column in self.categories:
                names += [f"{column}={label}" for label in self.categories[column]]
            elif column in self.cycles:
                names += [f"sin {column}", f"cos {column}"]
            else:
                names.append(column)
        names += [f"{wave} {part} of {self.time}" for part in self.calendar for wave in ("sin", "cos")]
        return tuple(names)

    @property
    def features(self) -> int:
        """F, the number of inputs at a step."""
        return len(self.inputs)

    @property
    def target_inputs(self) -> tuple[int | None, ...]:
        """(K,) for each target the index of its column among the inputs, or None."""
        indices: dict[str, int] = {}
        columns = set(self.columns)
        for index, name in enumerate(self.inputs):
            if name in columns and name not in self.categories and name not in self.cycles:
                indices[name] = index
        return tuple(indices.get(target) for target in self.targets)

    @property
    def output_inputs(self) -> tuple[int | None, ...]:
        """The same for each output."""
        return self.target_inputs * len(self.horizons)

    @property
    def ahead(self) -> str:
        """The horizon in words."""
        if self.first is not None:
            return f"{self.first} to {self.horizon} rows ahead"
        return f"{self.horizon} row{'' if self.horizon == 1 else 's'} ahead"

    def in_units(self, targets: NDArray[Any]) -> Floats:
        """Scaled targets (…, K), or outputs, in the data's units, float64."""
        times = targets.shape[-1] // len(self.targets)
        scale, mean = np.tile(self.target_scale, times), np.tile(self.target_mean, times)
        return np.asarray(np.asarray(targets, np.float64) * scale + mean)

    def to_json(self) -> dict[str, Any]:
        """The rules as JSON, the names of inputs and the indices of targets among them included."""
        content = asdict(self)
        content["categories"] = {name: list(labels) for name, labels in self.categories.items()}
        for name in ("relative", "label", "labels", "label_each"):  # which earlier versions do not have
            if not content[name]:
                del content[name]
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in content.items()}
        return plain | {"inputs": list(self.inputs), "target_inputs": list(self.target_inputs)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any], *, remedy: str = "copy the model again") -> "SeriesRules":
        """The rules that `to_json` gave; ArtifactError for anything else."""
        try:
            values = {"gap": None, "calendar": (), "first": None, "relative": False, "label": None, "labels": (),
                      "label_each": False, **content}  # fmt: skip
            values = {each.name: values[each.name] for each in fields(cls)}
            for name in ("columns", "targets", "calendar", "labels"):
                values[name] = tuple(map(str, values[name]))
            for name in ("input_fill", "input_mean", "input_scale", "target_mean", "target_scale"):
                values[name] = tuple(map(float, values[name]))
            values["categories"] = {str(k): tuple(map(str, labels)) for k, labels in values["categories"].items()}
            values["cycles"] = {str(name): float(period) for name, period in values["cycles"].items()}
            for name, least in (("steps", 1), ("horizon", 0), ("stride", 1)):
                value = values[name]
                if (value is not None or name != "steps") and (type(value) is not int or value < least):
                    raise ValueError(name)
            rules = cls(**values)
            good = (
                {len(rules.input_fill), len(rules.input_mean), len(rules.input_scale)} == {rules.features}
                and {len(rules.target_mean), len(rules.target_scale)} == {len(rules.targets)}
                and np.isfinite([*rules.input_fill, *rules.input_mean, *rules.target_mean]).all()
                and all(0 < scale < np.inf for scale in (*rules.input_scale, *rules.target_scale))
                and (rules.gap is None or (isinstance(rules.gap, float) and 0 < rules.gap < np.inf))
                and all(part in CALENDAR and rules.time is not None for part in rules.calendar)
                and (rules.first is None or (type(rules.first) is int and 0 < rules.first < rules.horizon))
                and type(rules.relative) is type(rules.label_each) is bool
                and (rules.label is None or isinstance(rules.label, str))
                and (rules.label is None) == (not rules.labels) == bool(rules.targets)
                and len(set(rules.labels)) == len(rules.labels)
                and rules.missing in get_args(Missing)
                and rules.scaling in get_args(Scaling)
                and all(name is None or isinstance(name, str) for name in (rules.group, rules.time))
                and list(rules.inputs) == content["inputs"]
                and list(rules.target_inputs) == content["target_inputs"]
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            good = False
        if not good:
            raise ArtifactError("the rules of a series are damaged", remedy)
        return rules
