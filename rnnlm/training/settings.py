"""The settings of training; imports nothing heavy, so that `--help` stays quick. None follows from the corpus."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from rnnlm.config import above, at_least, between, check_directory_name, duration, seconds, setting
from rnnlm.errors import UsageError

CellName = Literal["elman", "elman-relu", "output-recurrent", "lstm", "gru"]
SHORTEST_BUDGET = 10
FEEDS_BACK: tuple[CellName, ...] = ("output-recurrent",)  # cells whose memory is the network's output
# Settings that are forms of some cells alone, and those in which a cell that feeds back has no choice.
_FORMS = {"peepholes": ("lstm",), "activation": ("lstm",), "feedback": FEEDS_BACK, "forcing": FEEDS_BACK,
          "own_outputs": FEEDS_BACK}  # fmt: skip
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


@dataclass(frozen=True)
class NetworkSettings:
    """The network: its cell, its size and its forms."""

    panel: ClassVar[str] = "Network"
    cell: CellName = setting("lstm", "the recurrent cell", basic=True)
    hidden: int | None = setting(
        None, "units in a layer (H)", between(1, 16384), auto="follows from the corpus", basic=True
    )
    layers: int = setting(1, "recurrent layers", between(1, 16), basic=True)
    tied: bool | None = setting(
        None, "input and output embedding are one matrix", auto="tied, but for characters, bytes and labels"
    )
    read_out: ReadOut | None = setting(
        None,
        "what a tied output reads where its rows are not as long as h(t): a projection of h(t), or the tanh of that, "
        "which memorizes less",
        auto="linear; tanh with a budget of 4 epochs or more",
    )  # fmt: skip
    pooling: Pooling | None = setting(
        None, "an output at every step, or one after the whole sequence, from the last state or over time",
        auto="steps; last for texts with a label",
    )  # fmt: skip
    skip_connection: bool | None = setting(
        None, "a forecast also reads x(t) itself, starting as persistence", auto="on, but for output-recurrent"
    )
    output_layer: OutputLayerName | None = setting(
        None,
        "one softmax over all outputs; exact clusters by frequency; or clusters whose rare words have shorter rows",
        auto="full; follows from the vocabulary with --budget",
    )
    cuts: str | None = setting(
        None, "outputs at which later clusters begin, as 500,2500", _cuts, auto="where a step costs least",
    )  # fmt: skip
    activation: Literal["tanh", "none"] = setting("tanh", "what the LSTM's candidate goes through")
    peepholes: bool = setting(False, "the LSTM's gates see its cell")
    feedback: Literal["probabilities", "logits"] = setting(
        "probabilities", "what an output-recurrent network feeds back",
    )  # fmt: skip
    engine: Literal["fused", "readable"] = setting(
        "fused", "the fastest form of a cell, or one time step after the other"
    )


@dataclass(frozen=True)
class InitSettings:
    """How weights start."""

    panel: ClassVar[str] = "Initialization"
    recurrent_init: Literal["uniform", "orthogonal"] = setting(
        "uniform", "recurrent weights start small and uniform, or as rotations"
    )
    forget_bias: float = setting(1.0, "first bias of the gate that keeps the state")
    unigram_bias: bool = setting(True, "the output bias starts at the log frequency of each output", rare=True)
    from_: str | None = setting(
        None, "start from the weights and tokenizer of a sealed model", auto="none", record=False, file="read"
    )


@dataclass(frozen=True)
class DropoutSettings:
    """What keeps the network from memorizing its text."""

    panel: ClassVar[str] = "Regularization"
    dropout: float | None = setting(
        None, "fraction of layer outputs dropped in training; 0.4 of it on the embeddings", between(0, 1, below=True),
        auto="follows from the corpus", basic=True
    )  # fmt: skip
    dropout_words: float | None = setting(
        None, "fraction of the vocabulary dropped in a batch", between(0, 1, below=True), auto="0"
    )
    dropout_inputs: float | None = setting(
        None, "dropout of embeddings", between(0, 1, below=True), auto="0.4 of --dropout"
    )
    dropout_between: float | None = setting(
        None, "dropout between layers", between(0, 1, below=True), auto="that of --dropout",
        rare=True,
    )  # fmt: skip
    dropout_outputs: float | None = setting(
        None, "dropout before the output layer", between(0, 1, below=True), auto="that of --dropout",
        rare=True,
    )  # fmt: skip
    dropout_recurrent: float | None = setting(
        None,
        "fraction of recurrent weights dropped in a batch",
        between(0, 1, below=True),
        auto="0; more in long budgets",
    )
    locked: bool | None = setting(None, "one dropout mask for all steps of a segment", auto="off")
    activation_penalty: float | None = setting(
        None, "cost of the mean square of h(t)", at_least(0), auto="0; more in long budgets"
    )
    temporal_penalty: float | None = setting(
        None, "cost of the mean square of h(t) − h(t−1)", at_least(0), auto="0; more in long budgets"
    )
    weight_decay: float = setting(0.1, "decoupled decay of matrices, times the rate", at_least(0))


@dataclass(frozen=True)
class LengthSettings:
    """How long training takes; one bound of it."""

    panel: ClassVar[str] = "Length"
    epochs: float | None = setting(
        None,
        "times that the training split is read",
        above(0),
        auto="follows from the corpus",
        group="length",
        basic=True,
    )
    tokens: int | None = setting(
        None, "train for this many tokens instead of --epochs", at_least(1), auto="none", group="length"
    )
    steps: int | None = setting(
        None, "train for this many steps instead of --epochs", at_least(1), auto="none", group="length"
    )
    budget: str | None = setting(
        None, "the best model that this time can buy, from the start of the command to its end", _budget, auto="none",
        group="length", basic=True
    )  # fmt: skip
    replay: str | None = setting(
        None, "take the same steps as a run with a budget: its journal, which its replay.toml names", auto="none",
        record=False, group="length", file="read"
    )  # fmt: skip


@dataclass(frozen=True)
class BatchSettings:
    """What an update reads."""

    panel: ClassVar[str] = "Batches"
    batching: Literal["stream", "sentences"] = setting(
        "stream", "contiguous streams with the state carried, or padded sentences"
    )
    batch_size: int | None = setting(
        None, "streams or sentences in a batch", at_least(1), auto="follows from the corpus"
    )
    bptt: str | None = setting(
        None, "steps that gradients flow back through, or full", _bptt, auto="35; 100 for characters and bytes"
    )
    forcing: Literal["teacher", "free", "scheduled"] = setting(
        "teacher",
        "what an output-recurrent network is fed in training: labels, its own outputs, or more and more of them",
    )
    own_outputs: float = setting(
        0.5, "fraction of its own outputs at the end of scheduled sampling, rising in a line from 0", between(0, 1),
        rare=True,
    )  # fmt: skip


@dataclass(frozen=True)
class OptimizerSettings:
    """How weights are updated."""

    panel: ClassVar[str] = "Optimizer"
    optimizer: Literal["adamw", "sgd", "nt-asgd"] = setting(
        "adamw", "AdamW, plain gradient descent, or that with weights averaged once validation stops improving"
    )
    learning_rate: float | None = setting(None, "peak rate", above(0), auto="follows from the size")
    embedding_rate: float | None = setting(
        None, "rate of the embedding, times that of the rest", above(0), auto="1; more with --budget",
        rare=True,
    )  # fmt: skip
    momentum: float = setting(0.9, "β₁ of AdamW", between(0, 1, below=True), rare=True)
    schedule: Literal["cosine", "linear", "constant", "epochs"] = setting(
        "cosine", "how the rate falls: to 0 by half a cosine or a line, not at all, or epoch by epoch"
    )
    warmup: float = setting(0.05, "fraction of training in which the rate rises", between(0, 1), rare=True)
    decay_after: int = setting(6, "epochs at the peak with --schedule epochs", at_least(1), rare=True)
    decay: float = setting(0.5, "factor of the rate for each later epoch", between(0, 1), rare=True)
    clip: float = setting(1.0, "largest norm of the gradient; 0 for none", at_least(0), group="clip")
    clip_value: float = setting(0.0, "largest entry of the gradient instead; 0 for none", at_least(0), group="clip")


@dataclass(frozen=True)
class SelectionSettings:
    """Which weights are kept."""

    panel: ClassVar[str] = "Selection"
    average: float = setting(
        0.0, "weights for use are an average over steps that forgets by this factor, as 0.999; 0 for none",
        between(0, 1, below=True),
    )  # fmt: skip
    average_from: float = setting(
        0.0, "fraction of training after which --average begins", between(0, 1, below=True), rare=True
    )
    patience: int = setting(5, "validations without a better one before nt-asgd averages", at_least(1), rare=True)
    keep: Literal["best", "last"] = setting(
        "best", "the weights with the best validation metric, or the last ones, whose rate has come down to 0"
    )
    temperature_scaling: bool | None = setting(
        None, "divide a language model's logits by the temperature that suits validation best",
        auto="off; on with --budget",
    )  # fmt: skip


@dataclass(frozen=True)
class OutcomeSettings:
    """Where the run is kept, and what is to be done with it."""

    panel: ClassVar[str] = "Run"
    recipe: str | None = setting(
        None, "settings under a name; rnnlm config --recipes lists them", auto="none", record=False
    )
    name: str | None = setting(None, "name of the model", auto="the cell's name", record=False, basic=True)
    plan: bool = setting(False, "show what would be trained, how fast and why, and stop", record=False, switch=True)
    resume: bool = setting(False, "continue the unfinished run of that name", record=False, basic=True, switch=True)
    checkpoint_every: str = setting("60s", "time between checkpoints", duration, record=False)
    checkpoint_steps: int | None = setting(
        None, "steps between checkpoints, beside --checkpoint-every", at_least(1), auto="by time alone", record=False,
        rare=True,
    )  # fmt: skip
    seed: int = setting(1, "seed of everything random", between(0, 2**63 - 1))


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
        """What was recorded, without the forms of cells other than the one wanted now: those were for another run."""
        cell = given["cell"] or recorded.get("cell") or TrainSettings.cell
        left_out = {name for name, cells in _FORMS.items() if cell not in cells}
        left_out |= set(_NOT_FED_BACK) if cell in FEEDS_BACK else set()
        return {name: value for name, value in recorded.items() if name not in left_out}

    def check(self) -> None:
        """One bound of the run's length, one way to clip, a name that can be a directory's."""
        if self.clip_value and self.clip not in (0.0, 1.0):
            raise UsageError("--clip with --clip-value", "give one of them")
        if self.optimizer == "nt-asgd" and self.average:
            raise UsageError("--average with --optimizer nt-asgd", "it averages by itself")
        given = [name for name in ("epochs", "tokens", "steps", "budget", "replay") if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"--{given[0]} with --{given[1]}", "give one of them")
        check_directory_name(self.name)
        if self.name == "ngram":
            raise UsageError(f"--name {self.name} is taken", "choose another name")


@dataclass(frozen=True, kw_only=True)
class SettledSettings(TrainSettings):
    """The same once the corpus and the task have decided what was left open."""

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
        """Time steps that gradients flow back through; None for all of a sequence."""
        return None if self.bptt == "full" else int(self.bptt)


_OFF: dict[str, Any] = {
    "tied": False, "pooling": "steps", "skip_connection": False, "output_layer": "full", "read_out": "linear",
    "dropout": 0.0, "dropout_words": 0.0, "dropout_recurrent": 0.0, "locked": False, "activation_penalty": 0.0,
    "temporal_penalty": 0.0, "temperature_scaling": False,
}  # fmt: skip


def settled(settings: TrainSettings, **decided: Any) -> SettledSettings:
    """The same with what was `decided`; what neither it nor the settings say is off."""
    given = {each.name: getattr(settings, each.name) for each in fields(settings)}
    off = {name: value for name, value in _OFF.items() if given[name] is None}
    return SettledSettings(**{**given, **off, **decided})


def is_forced(settings: TrainSettings) -> bool:
    """Whether the network is trained on y(t−1) in place of its own output, at every step."""
    return settings.cell in FEEDS_BACK and settings.forcing == "teacher"


def check_forms(settings: TrainSettings) -> None:
    """UsageError for a form of one cell with another cell, which would do nothing; asked once the cell is known."""
    if settings.from_ is not None:  # whose cell decides
        return
    if settings.cell != "lstm" and (settings.peepholes or settings.activation != "tanh"):
        raise UsageError(f"--peepholes or --activation with --cell {settings.cell}", "they are forms of the lstm")
    if settings.cell not in FEEDS_BACK and (settings.feedback != "probabilities" or settings.forcing != "teacher"):
        raise UsageError(
            f"--feedback or --forcing with --cell {settings.cell}", "only --cell output-recurrent feeds its output back"
        )
    if settings.cell in FEEDS_BACK and settings.layers > 1:
        raise UsageError("--layers above 1 with --cell output-recurrent", "only its output is fed back, to one layer")
    if settings.cell in FEEDS_BACK and (settings.skip_connection or settings.pooling not in (None, "steps")):
        raise UsageError(
            "--skip-connection or --pooling with --cell output-recurrent",
            "its output at every step is what it remembers",
        )
