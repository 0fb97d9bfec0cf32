"""The settings of the built-in corpora and tasks; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass

from rnnlm.config import at_least, between, setting


@dataclass(frozen=True)
class CorpusSettings:
    """Number and length of the draws of tasks with long dependencies, and the number of pairs."""

    lag: int = setting(
        100, "steps from what must be remembered to where it is asked for; of adding, steps in a sequence", at_least(1),
        record=False,
    )  # fmt: skip
    count: int = setting(10000, "sequences or pairs", at_least(1), record=False)
    seed: int = setting(1, "seed of the draws", between(0, 2**63 - 1), record=False)
