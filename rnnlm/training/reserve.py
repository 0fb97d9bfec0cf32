"""What a budget keeps back from training: time for quick validations, for evaluating the model and for sealing it."""

import math
from dataclasses import dataclass, replace

from rnnlm.training.budget import BudgetChoice
from rnnlm.training.data import Data, LanguageData
from rnnlm.training.temperature import CALIBRATION_TOKENS

_EVALUATION = 0.02  # of the budget for the temperature and the validation metric, at most a minute
_OF_SEQUENCES = 0.2  # at most, of sequences, all of which are evaluated
_AS_TRAINING = 1.5  # times the seconds of a trained token for one that is only read: the weights are read each time
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

    @classmethod
    def of_run(cls, budget: float, parameters: int, choice: BudgetChoice, data: Data) -> "Reserved":
        """For a run on `data`."""
        language = isinstance(data, LanguageData)
        read = data.valid_steps + (min(data.valid_steps, CALIBRATION_TOKENS) if language else 0)
        evaluation = _AS_TRAINING * read / choice.tokens_per_second
        found = cls.of(budget, parameters, evaluation)
        return found if language else replace(found, evaluation=min(evaluation, _OF_SEQUENCES * budget))

    @property
    def seconds(self) -> float:
        """The sum of both."""
        return self.evaluation + self.sealing


def validated_tokens(choice: BudgetChoice) -> int | None:
    """Tokens for each of four quick validations: 1 % of the time, if they read three times as fast as training.

    None for sequences that are read whole.
    """
    if choice.situation is None:
        return None
    return round(min(max(0.0075 * choice.seconds * choice.tokens_per_second, 2_000), 50_000))
