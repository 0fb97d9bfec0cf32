"""What a budget keeps back from training: time for quick validations, for evaluating the model and for sealing it."""

import math
from dataclasses import dataclass

from rnnlm.training.budget import BudgetChoice

_EVALUATION = 0.02  # of the budget for the temperature and the validation metric, at most a minute
_EXIT = 0.7  # seconds for the machine's peak, and for Python to leave
_BYTES_PER_SECOND = 60e6  # of weights that are written, read back for digests and sealed


@dataclass(frozen=True)
class Reserved:
    """Seconds reserved after training: for the `evaluation`, and for `sealing` the model."""

    evaluation: float
    sealing: float

    @classmethod
    def of(cls, budget: float, parameters: int, evaluation: float = math.inf) -> "Reserved":
        """For a model with this many parameters; `evaluation` is its expected time, if known."""
        evaluation = min(60.0, _EVALUATION * budget, evaluation)
        return cls(evaluation, _EXIT + 4 * parameters / _BYTES_PER_SECOND)

    @property
    def seconds(self) -> float:
        """The sum of both."""
        return self.evaluation + self.sealing


def validated_tokens(choice: BudgetChoice) -> int:
    """Tokens for each of four quick validations: 1 % of the time, if they read three times as fast as training."""
    return round(min(max(0.0075 * choice.seconds * choice.tokens_per_second, 2_000), 50_000))
