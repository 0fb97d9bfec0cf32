"""What is done about steps that are not finite: how often is too often, and how much lower the rate is afterwards.

Knows nothing of networks: the loop drops a step, asks here whether to go back to good weights, and does it.
"""

from rnnlm.errors import DivergenceError
from rnnlm.training.state import RunState

TRIES = 6  # times that a run goes back before it gives up, at 1/64 of its rate
_LOWER = 0.5  # of the rate, each time
_STRIKES = 3.0  # dropped steps that are too many
_FORGIVEN = 0.05  # of one, by each good step between them


def step_taken(state: RunState) -> None:
    """A good step."""
    state.strikes = max(0.0, state.strikes - _FORGIVEN)


def step_dropped(state: RunState) -> bool:
    """A step whose loss or gradient is not finite; whether the run has to go back."""
    state.dropped += 1
    state.strikes += 1
    return state.strikes >= _STRIKES


def lower_rate(state: RunState, tries: int) -> None:
    """The run goes back, with a lower rate; DivergenceError where it has done so `tries` times already."""
    if state.returned >= tries:
        times = f", though the rate was lowered {state.returned} times" if state.returned else ""
        raise DivergenceError(
            f"training diverged: loss or gradient are no longer finite after {state.step:,} steps{times}",
            "use a lower --learning-rate, or a smaller --clip",
        )
    state.returned += 1
    state.rate_factor *= _LOWER
    state.strikes = 0.0
