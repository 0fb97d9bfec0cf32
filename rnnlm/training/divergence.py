"""The rules for steps that are not finite: how many are too many, and by how much the rate is lowered.

The loop drops such a step and asks here whether to go back to good weights.
"""

from rnnlm.errors import DivergenceError
from rnnlm.training.state import RunState

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
