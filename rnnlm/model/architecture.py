"""The architecture of a network; imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_origin, get_type_hints

from rnnlm.corpus.tokenizer import FIRST_OUTPUT
from rnnlm.errors import UsageError
from rnnlm.model.cells.form import Form, Layer, bare, read_form
from rnnlm.model.cells.library import shipped
from rnnlm.renamed import without_forms

_LARGEST = 16384  # size of a layer, as in the settings


@dataclass(frozen=True)
class Architecture:
    """Everything that determines the shapes of a network and the meaning of its inputs and outputs.

    `equations` is the text of the cell; for a name of the library it may be left out. It reads ids below `vocabulary`,
    or `features` real numbers per step where `vocabulary` is 0. `task` says what the
    outputs are: the next token ('language'), a label for each step ('tag') or sequence ('classify'), or real values
    ('forecast'); `labels` is their number where they are not tokens. `summary` is the pooling: 'steps' for an output at
    every step, otherwise how a sequence becomes one vector. `forced`: a cell that feeds the output back is given
    y(t−1). `direct` is the skip connection: the output layer also reads a series' x(t). `cuts` are the outputs at which
    later clusters of rare words begin (none for one softmax), `widths` the lengths of their rows. A tied output whose
    rows are not as long as h(t) reads P h(t) (`read_out` 'linear') or its 'tanh'. `quantiles` are those that a forecast
    learns, the outputs of each after those of the one before; without any it learns means.
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
    feedback: str = "probabilities"
    forced: bool = False
    direct: bool = False
    cuts: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()
    read_out: str = "linear"
    equations: str = ""
    quantiles: tuple[float, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Architecture":
        """The architecture of a configuration, also of an earlier version; TypeError for other names."""
        return cls(**without_forms(values))

    def __post_init__(self) -> None:
        """JSON has no tuples, and earlier versions no equations."""
        if not self.equations and self.cell in shipped():
            object.__setattr__(self, "equations", bare(shipped()[self.cell].text))
        object.__setattr__(self, "cuts", tuple(self.cuts))
        object.__setattr__(self, "widths", tuple(self.widths))
        object.__setattr__(self, "quantiles", tuple(self.quantiles))

    @property
    def outputs(self) -> int:
        """Number of outputs: tokens that can be predicted, labels, or real values."""
        return self.vocabulary - FIRST_OUTPUT if self.task == "language" else self.labels

    @property
    def projected(self) -> bool:
        """Whether h(t) is projected to the embedding's size before a tied output."""
        return self.tied and self.hidden != self.embedding

    @property
    def width(self) -> int:
        """Length of the vector that the output layer reads."""
        if self.tied:
            return self.embedding
        return self.hidden + (self.features if self.direct else 0)

    @property
    def form(self) -> Form:
        """The equations of its cell; CellError for a text that is none."""
        return read_form(self.equations, self.cell)

    @property
    def recurrent_layers(self) -> list[Layer]:
        """The sizes of each recurrent layer."""
        widths = [self.embedding if self.vocabulary else self.features, *[self.hidden] * (self.layers - 1)]
        return [self.form.layer(width, self.hidden, self.outputs) for width in widths]

    def fits(self) -> bool:
        """Whether a network can be built from these types, ranges and names, which may come from any file."""
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
            and (self.features == 0 if self.task == "language" else self.features > 0 or self.task != "forecast")
            and (self.labels > 0) == (self.task != "language")
            and self.summary in summaries.get(self.task, ("steps", "last", "mean", "max"))
            and self.task in ("language", "tag", "classify", "forecast")
            and self.feedback in ("probabilities", "logits")
            and not (self.tied and self.task != "language")
            and (not self.cuts or self.tied)
            and list(self.cuts) == sorted({cut for cut in self.cuts if 1 <= cut < self.outputs})
            and len(self.widths) == len(self.cuts)
            and all(1 <= width <= self.embedding for width in self.widths)
            and (self.read_out == "linear" or (self.read_out == "tanh" and self.projected))
            and self._has_a_cell()
            and (not self.quantiles or self._learns_quantiles())
        )

    def _learns_quantiles(self) -> bool:
        q = self.quantiles
        whole = self.task == "forecast" and self.labels % len(q) == 0 and not self.form.feeds_back
        return whole and all(type(each) is float and 0 < each < 1 for each in q) and list(q) == sorted({*q, 0.5})

    def _has_a_cell(self) -> bool:
        try:
            square = self.form.shapes.square
        except UsageError:
            return False
        return not square or all(layer.inputs == layer.hidden for layer in self.recurrent_layers)
