"""The rule of a time budget: size, dropout, rate, batch and output layer of a language model.

The rule was fitted by experiment (`docs/budget.md` states it, `benchmarks/notebook.md` has the data); a flag overrides
each part of it. Its inputs are the time left, the speed of the machine, and the text.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.model.cells.library import find_cell
from rnnlm.model.outputs.cuts import output_operations
from rnnlm.training.defaults import cut_of, fill_in
from rnnlm.training.settings import OutputLayerName, SettledSettings, TrainSettings, can_scale, feeds_back, is_forced

INIT_STD = 0.2  # of the embedding's initial numbers
_SIZES = (128, 192, 256, 320, 384, 448, 512, 640, 768, 1024, 1280, 1536, 2048)
_SMALL_UNITS = ("char", "byte")
_ADAPTIVE = 50_000  # outputs from which on rare words have shorter rows
_TOKENS, _UNITS, _GROWTH = 1.77e6, 384, 2.5  # tokens that so many units need; they grow as that power of the units
# Epochs from which on dropout of outputs does not prevent memorizing: the output layer reads a tanh and h(t) has
# penalties, and with more epochs recurrent weights are dropped too.
_SOME, _MANY = 4, 12
_NOVEL = 2.0  # full dropout from one new trigram in so many on
_REACHED = 0.75  # of the speed of a layer alone, in a whole training step
_CLUSTERS = 3_000  # outputs from which on clusters pay
_TOO_FEW = 0.75  # of the tokens that a network needs: below it a smaller one is better, even in nine tenths of the time


@dataclass(frozen=True)
class Situation:
    """`seconds` for training, the machine's operations per second in training, training tokens and their `counts`.

    `counts` (outputs,) is how often each output occurs, `new_trigrams` the probability that the next trigram is new,
    `lines` the number of training sentences.
    """

    seconds: float
    speed: float
    tokens: int
    kind: str
    counts: NDArray[np.int64]
    new_trigrams: float
    lines: int = 1

    @property
    def held_back(self) -> float:
        """Dropout as a fraction of that of a text whose trigrams are mostly new."""
        return 1.0 if self.small_units else min(1.0, _NOVEL * self.new_trigrams)

    @property
    def small_units(self) -> bool:
        """Whether tokens are characters or bytes."""
        return self.kind in _SMALL_UNITS


@dataclass(frozen=True)
class BudgetChoice:
    """The settled settings, the size of the embedding, the expected speed, and the reasons.

    It was made of the settings `given`, the size `asked` for the embedding and, for a text, a `situation`.
    """

    settings: SettledSettings
    embedding: int
    seconds: float
    tokens_per_second: float
    epochs: float
    reasons: tuple[str, ...]
    given: TrainSettings
    asked: int | None
    situation: Situation | None = None

    @property
    def tokens(self) -> float:
        """Tokens that training is expected to read."""
        return self.seconds * self.tokens_per_second

    def review(self, tokens_per_second: float, left: float) -> None:
        """Go on with a run of that speed, of which `left` seconds are left, or raise BeginAgain."""
        found = reconsidered(self, tokens_per_second, left)
        if found is not None:
            before = {"units": self.settings.hidden, "tokens_per_second": round(tokens_per_second, 1), "left": left}
            raise BeginAgain(found, self, before)


class BeginAgain(Exception):  # noqa: N818, nothing is wrong
    """A run is slower than expected: with the `choice` it is begun again. `before` is what the journal says of it."""

    def __init__(self, choice: BudgetChoice, former: BudgetChoice, before: Mapping[str, float]) -> None:
        reached, expected = before["tokens_per_second"], former.tokens_per_second
        super().__init__(
            f"{reached:,.0f} tokens/s in the first tenth where {expected:,.0f} were expected: beginning again "
            f"with {choice.settings.hidden} units in place of {former.settings.hidden}"
        )
        self.choice, self.before = choice, before


def choose(given: TrainSettings, embedding: int | None, situation: Situation) -> BudgetChoice:
    """Decide what is None in `given` for the available time."""
    sizes = (given.hidden,) if given.hidden else _SIZES
    plans = [_plan(given, size, embedding, situation) for size in sizes]
    # The largest network that reads enough tokens; the smallest if none does.
    fitting = [plan for plan in plans if plan.tokens >= tokens_wanted(plan.settings.hidden, situation)]
    choice = fitting[-1] if fitting else plans[0]
    return replace(choice, reasons=_reasons(given, choice, situation))


def reconsidered(choice: BudgetChoice, tokens_per_second: float, left: float) -> BudgetChoice | None:
    """The choice for the seconds that are `left` of a run that turns out to be slower; None to go on with it.

    A network is begun again if in its whole time it would read too few tokens, and the rule now takes fewer units. The
    machine is as much slower as this run is.
    """
    slower = tokens_per_second / choice.tokens_per_second
    if choice.situation is None:
        return None
    if slower * choice.tokens >= _TOO_FEW * tokens_wanted(choice.settings.hidden, choice.situation):
        return None
    situation = replace(choice.situation, seconds=left, speed=slower * choice.situation.speed)
    found = choose(choice.given, choice.asked, situation)
    return found if found.settings.hidden < choice.settings.hidden else None


def tokens_wanted(hidden: int, situation: Situation) -> float:
    """Tokens, new or repeated, below which a smaller network is better in the same time.

    A character carries about a fifth of a word's information.
    """
    return _TOKENS * math.pow(hidden / _UNITS, _GROWTH) * (5 if situation.small_units else 1)


def _plan(given: TrainSettings, hidden: int, embedding: int | None, situation: Situation) -> BudgetChoice:
    """The rule for a network of that size."""
    small = situation.small_units
    tied = given.tied if given.tied is not None else not small
    # Shorter than h(t), so that a tied output reads a projection: without one it is 6 % worse after two epochs.
    dimensions = embedding or (64 if small else min((hidden + 1) // 2, 256))
    columns, steps = (32, "50") if small else (64, "35")
    if given.batching == "sentences":  # as many tokens in a batch
        mean = situation.tokens / situation.lines
        columns, steps = int(min(max(16 * round(columns * int(steps) / mean / 16), 16), 256)), "full"
    settings = replace(
        given, hidden=hidden, tied=tied, batch_size=given.batch_size or columns, bptt=given.bptt or steps,
        learning_rate=given.learning_rate or round(0.012 * math.sqrt(512 / hidden), 5),
        embedding_rate=given.embedding_rate or (1.0 if small else 2.0),
    )  # fmt: skip
    settings = replace(settings, output_layer=given.output_layer or _output_layer(settings, len(situation.counts)))
    speed = (
        _REACHED
        * situation.speed
        / operations_per_token(_settled(settings, dimensions, situation), dimensions, situation)
    )
    epochs = situation.seconds * speed / situation.tokens
    settings = _regularised(settings, hidden, epochs, situation, projected=tied and dimensions != hidden)
    settled = _settled(settings, dimensions, situation)
    return BudgetChoice(settled, dimensions, situation.seconds, speed, epochs, (), given, embedding, situation)


def _settled(settings: TrainSettings, dimensions: int, situation: Situation) -> SettledSettings:
    filled, _ = fill_in(
        settings,
        task="language",
        kind=situation.kind,
        tokens=situation.tokens,
        lines=situation.lines,
        embedding=dimensions,
    )
    return filled


def _regularised(
    given: TrainSettings, hidden: int, epochs: float, situation: Situation, *, projected: bool
) -> TrainSettings:
    """Dropout of outputs follows from the epochs; with many epochs over words, tanh bounds the projection of h(t),
    large or quickly changing h(t) cost, and recurrent weights are dropped (Merity et al. 2017, 2018). A repetitive text
    needs less dropout.
    """
    words, held_back = not situation.small_units, situation.held_back
    some, many = words and epochs >= _SOME, words and epochs >= _MANY

    def filled(value: Any, otherwise: Any) -> Any:
        return otherwise if value is None else value

    return replace(
        given,
        dropout=filled(given.dropout, round(_dropout(epochs if words else epochs / 2, hidden) * held_back, 2)),
        dropout_inputs=filled(given.dropout_inputs, round(0.3 * held_back, 2) if many else None),
        dropout_recurrent=filled(given.dropout_recurrent, round(0.4 * held_back, 2) if many else 0.0),
        read_out=given.read_out or ("tanh" if some and projected else "linear"),
        activation_penalty=filled(given.activation_penalty, 2.0 if some else 0.0),
        temporal_penalty=filled(given.temporal_penalty, 1.0 if some else 0.0),
        temperature_scaling=filled(given.temperature_scaling, can_scale(given)),
    )


def _dropout(epochs: float, hidden: int) -> float:
    """More epochs and more units need more dropout; below two epochs, four of characters, none helps."""
    return min(0.5, 0.18 * math.log2(max(epochs / 2, 1)) * math.sqrt(hidden / 384))


def _output_layer(settings: TrainSettings, outputs: int) -> OutputLayerName:
    """Clusters for many outputs, with shorter rows of rare words for very many."""
    if not settings.tied or feeds_back(settings) or outputs < _CLUSTERS:
        return "full"
    return "adaptive" if outputs >= _ADAPTIVE else "clusters"


def operations_per_token(settings: SettledSettings, dimensions: int, situation: Situation) -> float:
    """Floating-point operations of the matrix products per training token, forward and backward."""
    hidden, form, labels = settings.hidden, find_cell(settings.cell, settings.equation).form, is_forced(settings)
    widths = [dimensions, *[hidden] * (settings.layers - 1)]
    layers = (form.layer(width, hidden, len(situation.counts)) for width in widths)
    forward: float = sum(layer.operations(labels=labels) for layer in layers)
    width = dimensions if settings.tied else hidden
    if settings.tied and hidden != dimensions:
        forward += 2 * hidden * dimensions
    output = output_operations(situation.counts, cut_of(settings, situation.counts, width), width)
    return 3 * (forward + output)


def _reasons(given: TrainSettings, choice: BudgetChoice, situation: Situation) -> tuple[str, ...]:
    """The choice in words."""
    settings = choice.settings
    wanted = tokens_wanted(settings.hidden, situation)
    size = (
        f"{settings.hidden} units: as given"
        if given.hidden
        else f"{settings.hidden} units: the largest size that needs no more, {wanted / 1e6:.1f} million"
        if choice.tokens >= wanted
        else f"{settings.hidden} units: the fewest there are; the time is short"
    )
    if given.dropout is not None:
        dropout = "as given"
    elif situation.held_back == 1:
        dropout = "follows from the epochs"
    else:
        dropout = f"follows from the epochs, and from the text, of whose trigrams {situation.new_trigrams:.0%} are new"
    cut = cut_of(settings, situation.counts, choice.embedding)
    return (
        f"{situation.seconds:.0f} s of training at {situation.speed / 1e9:.0f} GFLOPS are about "
        f"{choice.tokens / 1e6:.1f} million tokens, {choice.epochs:.1f} epochs",
        size,
        f"dropout {settings.dropout:g}: {dropout}"
        + (f"; of recurrent weights {settings.dropout_recurrent:g}" if settings.dropout_recurrent else "")
        + ("; the output layer reads a tanh" if settings.read_out == "tanh" else "")
        + (f"; penalties of h(t) {settings.activation_penalty:g}" if settings.activation_penalty else "")
        + (f" and of its changes {settings.temporal_penalty:g}" if settings.temporal_penalty else ""),
        f"output layer {settings.output_layer}: {len(situation.counts):,} outputs"
        + (f" in clusters that begin at {', '.join(f'{each:,}' for each in cut.cuts)}" if cut.cuts else ""),
    )
