"""Where a run stands, as JSON in its checkpoints, and what is done when it diverges."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from rnnlm.errors import DivergenceError

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


TRIES = 6  # returns to good weights before a run gives up, at 1/64 of its rate
_LOWER = 0.5  # of the rate, each time
_STRIKES = 3.0  # dropped steps before going back
_FORGIVEN = 0.05  # of a dropped step, by each good step


def step_taken(state: RunState) -> None:
    """Count a good step."""
    state.strikes = max(0.0, state.strikes - _FORGIVEN)


def step_dropped(state: RunState) -> bool:
    """Count a step that is not finite; returns whether the run has to go back."""
    state.dropped += 1
    state.strikes += 1
    return state.strikes >= _STRIKES


def lower_rate(state: RunState, tries: int) -> None:
    """Lower the rate as the run goes back; DivergenceError if it has done so `tries` times already."""
    if state.returned >= tries:
        times = f", though the rate was lowered {state.returned} times" if state.returned else ""
        raise DivergenceError(
            f"training diverged: loss or gradient are no longer finite after {state.step:,} steps{times}",
            "use a lower --learning-rate, or a smaller --clip",
        )
    state.returned += 1
    state.rate_factor *= _LOWER
    state.strikes = 0.0
