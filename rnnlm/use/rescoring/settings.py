"""The settings of `rnnlm rescore`; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass
from typing import Literal

from rnnlm.config import at_least, between, setting
from rnnlm.errors import UsageError


@dataclass(frozen=True)
class RescoreSettings:
    """The format of n-best lists, the weights of scores, and the output."""

    format: Literal["kaldi", "mikolov", "srilm", "jsonl"] = setting(
        "jsonl", "format: lines of utterance-n and words; id and words; scores and words; JSON objects", record=False,
        basic=True
    )  # fmt: skip
    costs: str | None = setting(
        None, "with kaldi: files of costs (utterance-n, number), with commas; lm=FILE names one", auto="none",
        record=False, file="read, several", basic=True,
    )  # fmt: skip
    write: Literal["lists", "best", "scores"] = setting(
        "lists", "output: lists with the best hypothesis first, best hypotheses only, or model scores in the old order",
        record=False
    )  # fmt: skip
    weight: float = setting(1.0, "weight of the model's log probability", record=False)
    score_weights: str | None = setting(
        None, "weights of other scores, as name=1,name=0.5", auto="1 each; 0 for SRILM's old lm", record=False
    )
    word_penalty: float = setting(0.0, "penalty subtracted for each word", record=False)
    ngram_weight: float = setting(
        0.0, "weight of the n-gram model's probability in a mixture with the network's", between(0, 1), record=False,
        basic=True,
    )  # fmt: skip
    ngram: str = setting("ngram", "name of the n-gram model in the workspace, or its directory", record=False)
    references: str | None = setting(
        None, "file of references (id and words), to show word error rates", auto="none", record=False, file="read",
        basic=True,
    )  # fmt: skip
    tune: bool = setting(
        False, "find the weights with the fewest word errors, and show them", record=False, basic=True, switch=True
    )
    context: Literal["sentence", "stream"] = setting(
        "sentence", "start of an utterance: initial state, or after the previous one's first hypothesis", record=False
    )
    unknown: Literal["score", "exclude", "error"] = setting(
        "score", "words outside the vocabulary: score as <unk>, exclude, or stop with an error", record=False
    )
    report: str | None = setting(
        None, "write weights, counts and word error rates to this file as JSON", auto="none", record=False,
        file="written",
    )  # fmt: skip
    tuned: str | None = setting(
        None, "with --tune: write the weights to this TOML file, which --config reads", auto="none", record=False,
        file="written", basic=True,
    )  # fmt: skip
    word_errors: str | None = setting(
        None, "write insertions, deletions and substitutions by utterance to this file (TSV)", auto="none",
        record=False, file="written",
    )  # fmt: skip
    batch_size: int = setting(1024, "hypotheses in a batch", at_least(1), record=False)

    def check(self) -> None:
        """Flags that require or exclude each other."""
        for name in ("tune", "word_errors"):
            if getattr(self, name) and self.references is None:
                raise UsageError(f"--{name.replace('_', '-')} without --references", "name the file of references")
        if self.tuned is not None and not self.tune:
            raise UsageError("--tuned without --tune", "add --tune and --references")
        if self.tune and self.write != "lists":
            raise UsageError(f"--tune with --write {self.write}", "it only shows weights; omit --write")
        if self.costs is not None and self.format != "kaldi":
            raise UsageError(f"--costs with --format {self.format}", "its lists contain their scores; omit --costs")
        if self.score_weights is not None:
            self.weights_of_scores()

    def weights_of_scores(self) -> dict[str, float]:
        """--score-weights by name; UsageError for anything else."""
        found = {}
        for part in (self.score_weights or "").split(","):
            name, _, value = part.rpartition("=")
            try:
                found[name.strip()] = float(value)
            except ValueError:
                found = {"": 0.0}
            if "" in found or not all(abs(each) < float("inf") for each in found.values()):
                raise UsageError(f"--score-weights {self.score_weights!r}", "write name=number, separated by commas")
        return found
