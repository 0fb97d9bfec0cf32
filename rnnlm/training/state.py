"""The numbers of a run that a checkpoint keeps, beside its tensors."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

_RECORDED = {"fraction": "share"}


@dataclass
class RunState:
    """`fraction` of training is done, as read after the last step and used for the next.

    `loss_sum` to `steps_since` are since the last line of the log; `logged` and `validated` count what was due.
    `seconds` are those of training. `good_step` is the step of the last good weights, `best_cost` their mean cost on
    validation, `costs` those of all validations; `strikes` to `returned` record steps that were not finite.
    """

    step: int = 0
    fraction: float = 0.0  # recorded as share
    tokens: int = 0
    operations: int = 0
    clipped: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    clipped_since: int = 0
    steps_since: int = 0
    logged: int = 0
    validated: int = 0
    seconds: float = 0.0
    good_step: int = 0
    best_cost: float | None = None
    costs: list[float] = field(default_factory=list)
    strikes: float = 0.0
    rate_factor: float = 1.0
    dropped: int = 0
    returned: int = 0

    def to_json(self) -> dict[str, Any]:
        """As a checkpoint holds it."""
        return {_RECORDED.get(name, name): value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "RunState":
        """The inverse of `to_json`; TypeError, ValueError or KeyError for anything else."""
        values: dict[str, Any] = {}
        for each in fields(cls):
            value = content[_RECORDED.get(each.name, each.name)]
            if each.name == "costs":
                values[each.name] = [float(cost) for cost in value]
            elif each.name == "best_cost":
                values[each.name] = None if value is None else float(value)
            else:
                values[each.name] = type(getattr(cls, each.name))(value)
        return cls(**values)
