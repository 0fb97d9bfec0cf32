"""The settings of training; imports nothing heavy, so that `--help` stays quick. None follows from the corpus."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from rnnlm.config import above, at_least, between, check_directory_name, duration, picture, seconds, setting
from rnnlm.errors import RnnlmError, UsageError
from rnnlm.model.cells.library import find_cell

SHORTEST_BUDGET = 10
# Settings that only cells have that feed the network's output back, and those that are fixed for them.
_FED_BACK = ("feedback", "forcing", "own_outputs")
_NOT_FED_BACK = ("layers", "skip_connection", "pooling", "temperature_scaling")
Pooling = Literal["steps", "last", "mean", "max"]
OutputLayerName = Literal["full", "clusters", "adaptive"]
ReadOut = Literal["linear", "tanh"]


def _bptt(value: str) -> str | None:
    return None if value == "full" or (value.isdigit() and int(value) > 0) else "write a number of steps, or full"


def _cuts(value: str) -> str | None:
    numbers = [int(part) for part in value.split(",") if part.isdigit()]
    good = len(numbers) == value.count(",") + 1 and numbers == sorted(set(numbers)) and numbers[0] > 0
    return None if good else "write rising numbers of outputs, as 500,2500"


def _budget(value: str) -> str | None:
    return duration(value) or (None if seconds(value) >= SHORTEST_BUDGET else f"must be {SHORTEST_BUDGET} s or more")


def _parts(value: int) -> str | None:
    return None if value > 0 and value & (value - 1) == 0 else "must be 1, 2, 4, 8 …"


def quantiles_of(value: str | None) -> tuple[float, ...]:
    """The quantiles of --quantiles; ValueError for what is none."""
    return () if value is None else tuple(float(part) for part in value.split(","))


def _quantiles(value: str) -> str | None:
    try:
        found = quantiles_of(value)
    except ValueError:
        found = ()
    good = list(found) == sorted({*found, 0.5}) and len(found) > 1 and found[0] > 0 and found[-1] < 1
    return None if good else "write rising numbers between 0 and 1 with 0.5 among them, as 0.1,0.5,0.9"


@dataclass(frozen=True)
class NetworkSettings:
    """The network: its cell, its size and its forms."""

    panel: ClassVar[str] = "Network"
    cell: str = setting(
        "lstm", "the recurrent cell: a name that `rnnlm cells` lists, or a file of equations", basic=True
    )
    equation: str | None = setting(
        None, 'equations in place of the cell\'s own, as "f(t) = 1"; several have ; between', auto="none"
    )
    hidden: int | None = setting(
        None, "hidden units of a layer (H)", between(1, 16384), auto="follows from the corpus", basic=True
    )
    layers: int = setting(1, "recurrent layers", between(1, 16), basic=True)
    tied: bool | None = setting(
        None, "share one matrix between input embedding and output layer",
        auto="on, except for characters, bytes and labels"
    )  # fmt: skip
    read_out: ReadOut | None = setting(
        None,
        "projection of h(t) before a tied output of another width: linear, or followed by tanh, which memorizes less",
        auto="linear; tanh with a budget of 4 epochs or more",
    )  # fmt: skip
    pooling: Pooling | None = setting(
        None, "output at every step, or once per sequence: from the last state, or the mean or maximum over time",
        auto="steps; last for texts with a label",
    )  # fmt: skip
    skip_connection: bool | None = setting(
        None, "add x(t) to the input of a forecast; training starts from persistence",
        auto="on, except for output-recurrent"
    )  # fmt: skip
    output_layer: OutputLayerName | None = setting(
        None,
        "one softmax; frequency clusters; or frequency clusters with narrower rows for rare words (adaptive softmax)",
        auto="full; follows from the vocabulary with --budget",
    )
    cuts: str | None = setting(
        None, "first output of each later cluster, as 500,2500", _cuts, auto="chosen for speed", rare=True
    )
    feedback: Literal["probabilities", "logits"] = setting(
        "probabilities", "what an output-recurrent network feeds back to its input", rare=True
    )  # fmt: skip
    quantiles: str | None = setting(
        None, "quantiles that a forecast learns, as 0.1,0.5,0.9: its interval, and the forecast at 0.5", _quantiles,
        auto="none; it learns the mean",
    )  # fmt: skip
    engine: Literal["fused", "readable"] = setting(
        "fused", "implementation of the cell: optimized, or one time step at a time"
    )


@dataclass(frozen=True)
class InitSettings:
    """How weights are initialized."""

    panel: ClassVar[str] = "Initialization"
    recurrent_init: Literal["uniform", "orthogonal"] = setting(
        "uniform", "initialization of recurrent weights: small uniform values, or orthogonal matrices"
    )
    forget_bias: float = setting(1.0, "initial bias of the gate that keeps the state")
    unigram_bias: bool = setting(True, "initialize the output bias with the log frequency of each output", rare=True)
    from_: str | None = setting(
        None, "initialize from the weights and tokenizer of a sealed model", auto="none", record=False, file="read"
    )


@dataclass(frozen=True)
class DropoutSettings:
    """Regularization: dropout, penalties and weight decay."""

    panel: ClassVar[str] = "Regularization"
    dropout: float | None = setting(
        None, "dropout rate of layer outputs; embeddings use 0.4 of it", between(0, 1, below=True),
        auto="follows from the corpus", basic=True
    )  # fmt: skip
    dropout_words: float | None = setting(
        None, "fraction of the vocabulary dropped in each batch", between(0, 1, below=True), auto="0", rare=True
    )
    dropout_inputs: float | None = setting(
        None, "dropout rate of embeddings", between(0, 1, below=True), auto="0.4 of --dropout"
    )
    dropout_between: float | None = setting(
        None, "dropout rate between layers", between(0, 1, below=True), auto="same as --dropout", rare=True
    )
    dropout_outputs: float | None = setting(
        None, "dropout rate before the output layer", between(0, 1, below=True), auto="same as --dropout", rare=True
    )
    dropout_recurrent: float | None = setting(
        None, "fraction of recurrent weights dropped in each batch", between(0, 1, below=True),
        auto="0; more for long budgets"
    )  # fmt: skip
    locked: bool | None = setting(None, "use one dropout mask for all steps of a segment", auto="off")
    activation_penalty: float | None = setting(
        None, "penalty on the mean square of h(t)", at_least(0), auto="0; more for long budgets"
    )
    temporal_penalty: float | None = setting(
        None, "penalty on the mean square of h(t) − h(t−1)", at_least(0), auto="0; more for long budgets"
    )
    weight_decay: float = setting(
        0.1, "decoupled weight decay of matrices, multiplied by the learning rate", at_least(0)
    )


@dataclass(frozen=True)
class LengthSettings:
    """How long training takes; at most one of these is given."""

    panel: ClassVar[str] = "Length"
    epochs: float | None = setting(
        None, "epochs over the training split", above(0), auto="follows from the corpus", group="length", basic=True
    )
    tokens: int | None = setting(
        None, "train for this many tokens instead of --epochs", at_least(1), auto="none", group="length"
    )
    steps: int | None = setting(
        None, "train for this many steps instead of --epochs", at_least(1), auto="none", group="length"
    )
    budget: str | None = setting(
        None, "train the best model within this time, measured from start to end of the command", _budget, auto="none",
        group="length", basic=True
    )  # fmt: skip
    replay: str | None = setting(
        None, "repeat the steps of a run with --budget from its journal, which its replay.toml names", auto="none",
        record=False, group="length", file="read"
    )  # fmt: skip


@dataclass(frozen=True)
class BatchSettings:
    """What each update reads."""

    panel: ClassVar[str] = "Batches"
    batching: Literal["stream", "sentences"] = setting(
        "stream", "contiguous streams with carried state, or padded sentences"
    )
    batch_size: int | None = setting(
        None, "streams or sentences in a batch", at_least(1), auto="follows from the corpus"
    )
    matmul: Literal["float32", "tf32", "bf16"] = setting(
        "float32", "factors of matrix products on a GPU: unchanged, or rounded to TF32 or bfloat16", rare=True
    )
    parts: int | None = setting(
        None, "parts of a batch, added in a fixed order, so that 1, 2, 4 … processes give the same bytes", _parts,
        auto="one for each core"
    )  # fmt: skip
    bptt: str | None = setting(
        None, "time steps that gradients are propagated through, or full", _bptt,
        auto="35; 100 for characters and bytes"
    )  # fmt: skip
    forcing: Literal["teacher", "free", "scheduled"] = setting(
        "teacher",
        "input of an output-recurrent network in training: labels, its own outputs, or a growing fraction of them",
    )
    own_outputs: float = setting(
        0.5, "final fraction of own outputs in scheduled sampling, rising linearly from 0", between(0, 1), rare=True
    )


@dataclass(frozen=True)
class OptimizerSettings:
    """How weights are updated."""

    panel: ClassVar[str] = "Optimizer"
    optimizer: Literal["adamw", "sgd", "nt-asgd"] = setting(
        "adamw", "AdamW, SGD, or SGD with weights averaged once validation stops improving"
    )
    learning_rate: float | None = setting(None, "peak learning rate", above(0), auto="follows from the size")
    embedding_rate: float | None = setting(
        None, "learning rate of the embedding, relative to the other weights", above(0), auto="1; 2 for many words",
        rare=True,
    )  # fmt: skip
    momentum: float = setting(0.9, "β₁ of AdamW", between(0, 1, below=True), rare=True)
    schedule: Literal["cosine", "linear", "constant", "epochs"] = setting(
        "cosine", "learning rate schedule: half a cosine to 0, linear to 0, constant, or a factor per epoch"
    )
    warmup: float = setting(0.05, "fraction of training with a rising learning rate", between(0, 1), rare=True)
    decay_after: int = setting(6, "epochs at the peak rate with --schedule epochs", at_least(1), rare=True)
    decay: float = setting(0.5, "factor on the learning rate for each later epoch", between(0, 1), rare=True)
    clip: float = setting(1.0, "maximum gradient norm; 0 for none", at_least(0), group="clip")
    clip_value: float = setting(0.0, "maximum absolute gradient entry instead; 0 for none", at_least(0), group="clip")


@dataclass(frozen=True)
class SelectionSettings:
    """Which weights are kept."""

    panel: ClassVar[str] = "Selection"
    average: float = setting(
        0.0, "decay of an exponential moving average of the weights, as 0.999; 0 for none", between(0, 1, below=True)
    )
    average_from: float = setting(
        0.0, "fraction of training after which --average starts", between(0, 1, below=True), rare=True
    )
    patience: int = setting(5, "validations without improvement before nt-asgd averages", at_least(1), rare=True)
    keep: Literal["best", "last"] = setting(
        "best", "keep the weights with the best validation metric, or the last weights"
    )
    temperature_scaling: bool | None = setting(
        None, "divide a language model's logits by the temperature that minimizes validation loss",
        auto="off; on with --budget",
    )  # fmt: skip


@dataclass(frozen=True)
class OutcomeSettings:
    """Name, resumption and checkpoints of the run."""

    panel: ClassVar[str] = "Run"
    recipe: str | None = setting(None, "named settings; rnnlm status --recipes lists them", auto="none", record=False)
    check_: bool = setting(
        False, "say whether the run reaches what the recipe did here with three seeds", record=False, switch=True
    )
    name: str | None = setting(None, "name of the model", auto="the cell's name", record=False, basic=True)
    plan: bool = setting(
        False, "show the planned network, its speed and the reasons, and stop", record=False, switch=True
    )
    resume: bool = setting(False, "continue the unfinished run of that name", record=False, basic=True, switch=True)
    checkpoint_every: str = setting("60s", "time between checkpoints", duration, record=False)
    checkpoint_steps: int | None = setting(
        None, "steps between checkpoints, besides --checkpoint-every", at_least(1), auto="by time alone", record=False,
        rare=True,
    )  # fmt: skip
    plot: str | None = setting(
        None, "plot of loss, validation, learning rate and gradients (PNG or SVG)", picture, auto="none", record=False,
        file="written",
    )  # fmt: skip
    log_to: Literal["tensorboard"] | None = setting(
        None, "write the metrics for TensorBoard too, into WORK/tensorboard", auto="none", record=False
    )
    seed: int = setting(1, "seed of all random numbers", between(0, 2**63 - 1))


@dataclass(frozen=True)
class TrainSettings(
    OutcomeSettings,
    SelectionSettings,
    OptimizerSettings,
    BatchSettings,
    LengthSettings,
    DropoutSettings,
    InitSettings,
    NetworkSettings,
):
    """The network, and how it is trained. Fields are in the order of the classes from the last to the first."""

    @staticmethod
    def fitting(recorded: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """The recorded settings without those of cells other than the current one."""
        cell = given["cell"] or recorded.get("cell") or TrainSettings.cell
        other = given["cell"] not in (None, recorded.get("cell", TrainSettings.cell))
        try:
            found = find_cell(cell, given["equation"] or (None if other else recorded.get("equation")))
        except RnnlmError:  # a file that has gone; whoever needs the cell will say so
            return dict(recorded)
        dropped = {*(_NOT_FED_BACK if found.feeds_back else _FED_BACK), *(["equation"] if other else [])}
        if "forget_bias" in recorded and found.form.keeping_bias is None:
            dropped.add("forget_bias")
        return {name: value for name, value in recorded.items() if name not in dropped}

    def check(self) -> None:
        """One bound of the run's length, one way to clip, a name that can be a directory's."""
        if self.clip_value and self.clip not in (0.0, 1.0):
            raise UsageError("--clip with --clip-value", "give one of them")
        if self.optimizer == "nt-asgd" and self.average:
            raise UsageError("--average with --optimizer nt-asgd", "it averages already; omit --average")
        given = [name for name in ("epochs", "tokens", "steps", "budget", "replay") if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"--{given[0]} with --{given[1]}", "give one of them")
        check_directory_name(self.name)
        if self.name == "ngram":
            raise UsageError(f"--name {self.name} is taken", "choose another name")


@dataclass(frozen=True, kw_only=True)
class SettledSettings(TrainSettings):
    """The settings after corpus and task have decided every open one."""

    hidden: int
    tied: bool
    pooling: Pooling
    skip_connection: bool
    output_layer: OutputLayerName
    read_out: ReadOut
    dropout: float
    dropout_words: float
    dropout_recurrent: float
    locked: bool
    activation_penalty: float
    temporal_penalty: float
    batch_size: int
    bptt: str
    learning_rate: float
    temperature_scaling: bool

    @property
    def steps_back(self) -> int | None:
        """Time steps that gradients are propagated through; None for the whole sequence."""
        return None if self.bptt == "full" else int(self.bptt)


_OFF: dict[str, Any] = {
    "tied": False, "pooling": "steps", "skip_connection": False, "output_layer": "full", "read_out": "linear",
    "dropout": 0.0, "dropout_words": 0.0, "dropout_recurrent": 0.0, "locked": False, "activation_penalty": 0.0,
    "temporal_penalty": 0.0, "temperature_scaling": False,
}  # fmt: skip


def settled(settings: TrainSettings, **decided: Any) -> SettledSettings:
    """The settings with those `decided`; what neither gives is off."""
    given = {each.name: getattr(settings, each.name) for each in fields(settings)}
    off = {name: value for name, value in _OFF.items() if given[name] is None}
    return SettledSettings(**{**given, **off, **decided})


def is_forced(settings: TrainSettings) -> bool:
    """Whether the network is trained on y(t−1) instead of its own output, at every step."""
    return feeds_back(settings) and settings.forcing == "teacher"


def feeds_back(settings: TrainSettings) -> bool:
    """Whether the network's output is part of its state."""
    return find_cell(settings.cell, settings.equation).feeds_back


def can_scale(settings: TrainSettings) -> bool:
    """Whether the weights can be scaled such that all logits are, and nothing else."""
    found = find_cell(settings.cell, settings.equation)
    return not found.feeds_back and found.form.input_blocks is not None


def check_forms(settings: TrainSettings) -> None:
    """Raise UsageError for a setting of one cell with another cell, where it would have no effect."""
    if settings.from_ is not None:  # its cell decides
        return
    form = find_cell(settings.cell, settings.equation).form
    if form.keeping_bias is None and settings.forget_bias != TrainSettings.forget_bias:
        remedy = "none of its gates keeps a state and has a bias; omit it, or write a start line"
        raise UsageError(f"--forget-bias with --cell {settings.cell}", remedy)
    if not form.feeds_back and (settings.feedback != "probabilities" or settings.forcing != "teacher"):
        raise UsageError(
            f"--set feedback or --forcing with --cell {settings.cell}",
            "only cells with yhat(t-1), as output-recurrent, feed it back",
        )
    if form.feeds_back and settings.layers > 1:
        raise UsageError(
            f"--layers above 1 with --cell {settings.cell}", "its output is fed back to one layer; use --layers 1"
        )
    if form.feeds_back and (settings.skip_connection or settings.pooling not in (None, "steps")):
        raise UsageError(
            f"--skip-connection or --pooling with --cell {settings.cell}",
            "its state is its output at every step; omit it",
        )
