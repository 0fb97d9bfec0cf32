"""How often words occur in the training text of a model."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rnnlm.corpus.normalizer import END
from rnnlm.corpus.vocabulary import count_tokens
from rnnlm.model.finding import FoundModel


@dataclass(frozen=True)
class Frequencies:
    """The `counts` of cleaned words in training, whose sum is `total`; None where the training text is not known."""

    counts: Mapping[str, int] | None
    total: int = 0

    def log2(self, word: str) -> float | None:
        """log₂ of a word's fraction of all words, such as −4.3; None for a word that does not occur."""
        count = 0 if self.counts is None else self.counts.get(word, 0)
        return math.log2(count / self.total) if count else None

    @staticmethod
    def of(found: FoundModel, notice: Callable[[str], None]) -> "Frequencies":
        """Those of the workspace in which a model was found, if it still has the text that the model has read."""
        workspace = found.workspace
        vocab, clean = (None if workspace is None else workspace.manifest(stage) for stage in ("vocab", "clean"))
        same = vocab is not None and clean is not None and vocab.inputs.get("clean") == clean.identity
        if workspace is None or not (same and vocab and found.model.config["data"].get("vocab") == vocab.identity):
            notice(f"log_frequency is NA: the text that {found.model.name} was trained on is not beside it")
            return Frequencies(None)
        with workspace.opening("clean") as directory:
            counts = {word.decode(): count for word, count in count_tokens(directory / "train.txt")}
        counts.pop(END, None)
        return Frequencies(counts, sum(counts.values()))
