"""What a network is built of; knows no tensor."""

from dataclasses import dataclass, fields
from typing import get_origin, get_type_hints

from rnnlm.corpus.tokenizer import FIRST_OUTPUT

_LARGEST = 16384  # of any size of a layer, as the settings have it


@dataclass(frozen=True)
class Architecture:
    """Everything that decides the shapes of a network and what its numbers mean.

    It reads ids below `vocabulary`, or `features` real numbers a step where `vocabulary` is 0. `task` is what its
    outputs are: the next token ('language'), a label for each step ('tag') or sequence ('classify'), or real values
    ('forecast'); `labels` counts them where they are not tokens. `summary` is 'steps' for an output at every step, or
    how a sequence becomes one vector. `forced` is for cells that feed the output back: y(t−1) is given. With `direct`
    the output layer also sees a series' x(t). `cuts` are the outputs at which later bands of rare words begin, none for
    one softmax over all, and `widths` the lengths of their rows. A tied output whose rows are not as long as h(t) reads
    P h(t), `read_out` 'linear', or the 'tanh' of it.
    """

    cell: str
    vocabulary: int
    embedding: int
    hidden: int
    layers: int
    tied: bool
    task: str = "language"
    features: int = 0
    labels: int = 0
    summary: str = "steps"
    activation: str = "tanh"
    peepholes: bool = False
    feedback: str = "probabilities"
    forced: bool = False
    direct: bool = False
    cuts: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()
    read_out: str = "linear"

    def __post_init__(self) -> None:
        """JSON knows no tuples."""
        object.__setattr__(self, "cuts", tuple(self.cuts))
        object.__setattr__(self, "widths", tuple(self.widths))

    @property
    def outputs(self) -> int:
        """Number of outputs: of tokens that can be predicted, of labels, or of real values."""
        return self.vocabulary - FIRST_OUTPUT if self.task == "language" else self.labels

    @property
    def projected(self) -> bool:
        """Whether h(t) is projected to the embedding's size before a tied output."""
        return self.tied and self.hidden != self.embedding

    @property
    def width(self) -> int:
        """Number of numbers that the output layer reads."""
        if self.tied:
            return self.embedding
        return self.hidden + (self.features if self.direct else 0)

    def fits(self) -> bool:
        """Whether types, ranges and names are such that a network can be built; it may come from any file."""
        hints = get_type_hints(type(self))
        kinds = {name: get_origin(hint) or hint for name, hint in hints.items()}
        if any(type(getattr(self, each.name)) is not kinds[each.name] for each in fields(self)):
            return False
        if any(type(number) is not int for number in (*self.cuts, *self.widths)):
            return False
        sizes = (self.hidden, self.layers, self.vocabulary + self.features)
        summaries = {"language": ("steps",), "tag": ("steps",), "classify": ("last", "mean", "max")}
        return (
            all(size >= 1 for size in sizes)
            and min(self.vocabulary, self.features, self.embedding, self.labels) >= 0
            and max(self.hidden, self.embedding, self.layers * 1024) <= _LARGEST
            and (self.vocabulary > FIRST_OUTPUT) == (self.embedding > 0) == (self.features == 0)
            and (self.features > 0) == (self.task == "forecast")
            and (self.labels > 0) == (self.task != "language")
            and self.summary in summaries.get(self.task, ("steps", "last", "mean", "max"))
            and self.task in ("language", "tag", "classify", "forecast")
            and self.activation in ("tanh", "none")
            and self.feedback in ("probabilities", "logits")
            and not (self.tied and self.task != "language")
            and (not self.cuts or self.tied)
            and list(self.cuts) == sorted(set(self.cuts) & set(range(1, self.outputs)))
            and len(self.widths) == len(self.cuts)
            and all(1 <= width <= self.embedding for width in self.widths)
            and (self.read_out == "linear" or (self.read_out == "tanh" and self.projected))
        )
