"""The settings of training; imports nothing heavy, so that `--help` stays quick. None follows from the corpus."""

from dataclasses import dataclass
from typing import Literal

from rnnlm.config import above, at_least, between, duration, setting
from rnnlm.errors import UsageError

Cell = Literal["lstm"]


def _bptt(value: str) -> str | None:
    return None if value == "full" or (value.isdigit() and int(value) > 0) else "write a number of steps, or full"


@dataclass(frozen=True)
class TrainSettings:
    """The network, and how it is trained."""

    cell: Cell = setting("lstm", "the recurrent cell")
    hidden: int | None = setting(None, "units in a layer (H)", between(1, 16384), auto="follows from the corpus")
    layers: int = setting(1, "recurrent layers", between(1, 16))
    tied: bool | None = setting(
        None, "input and output embedding are one matrix", auto="tied, but for characters and bytes"
    )
    dropout: float | None = setting(
        None, "share of layer outputs set to zero in training; 0.4 of it on the embeddings", between(0, 1, below=True),
        auto="follows from the corpus",
    )  # fmt: skip
    epochs: float | None = setting(
        None, "passes over the training split", above(0), auto="follows from the corpus", group="length"
    )
    tokens: int | None = setting(
        None, "train for this many tokens instead of --epochs", at_least(1), auto="none", group="length"
    )
    steps: int | None = setting(
        None, "train for this many steps instead of --epochs", at_least(1), auto="none", group="length"
    )
    batching: Literal["stream", "sentences"] = setting(
        "stream", "contiguous streams with the state carried, or padded sentences"
    )
    batch_size: int | None = setting(
        None, "streams or sentences in a batch", at_least(1), auto="follows from the corpus"
    )
    bptt: str | None = setting(
        None, "steps that gradients flow back through, or full", _bptt, auto="35; 100 for characters and bytes"
    )
    learning_rate: float | None = setting(None, "peak rate of AdamW", above(0), auto="follows from the size")
    warmup: float = setting(0.05, "share of training in which the rate rises", between(0, 1))
    weight_decay: float = setting(0.1, "decoupled decay of matrices, times the rate", at_least(0))
    clip: float = setting(1.0, "largest norm of the gradient; 0 for none", at_least(0))
    seed: int = setting(1, "seed of everything random", between(0, 2**63 - 1))
    from_: str | None = setting(None, "go on from a sealed model, with its tokenizer", auto="none", record=False)
    name: str | None = setting(None, "name of the model", auto="the cell's name", record=False)
    resume: bool = setting(False, "go on with the unfinished model of that name", record=False)
    checkpoint_every: str = setting("60s", "time between checkpoints", duration, record=False)

    def check(self) -> None:
        """One bound of the run's length; full back-propagation needs sequences that end."""
        given = [name for name in ("epochs", "tokens", "steps") if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"--{given[0]} with --{given[1]}", "give one of them")
        if self.batching == "stream" and self.bptt == "full":
            raise UsageError("--bptt full with --batching stream", "a stream has no end; use --batching sentences")
        if self.name is not None and (not self.name or self.name.startswith(".") or "/" in self.name):
            raise UsageError(f"--name {self.name!r} is no name for a directory", "use letters, digits and -")
        if self.name in ("LATEST", "ngram"):
            raise UsageError(f"--name {self.name} is taken", "choose another name")
