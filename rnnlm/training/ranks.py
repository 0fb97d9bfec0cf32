"""The processes of one run: torchrun starts them, and torch's collectives (gloo) connect them.

The first, rank 0, leads: it alone has the workspace's locks, the journal, logs, screen and clock, and tells the others
each step. Every process reads the batches, computes the gradients of its columns, and takes the same step with the
sum. Nothing is pickled: tensors and JSON travel as bytes.
"""

import contextlib
import datetime
import enum
import json
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np
import safetensors.numpy
import torch
import torch.distributed as collectives
from torch import Tensor, nn

from rnnlm.arrays import Tensors
from rnnlm.errors import SIGNALS, RnnlmError
from rnnlm.launched import Launch
from rnnlm.model.network import States
from rnnlm.training.data_parallel import evenly, tree_sum

_DIGITS, _BASE = 4, 2**16  # of counts: sums over fewer than 256 processes are exact in float32
_PATIENCE = datetime.timedelta(days=30)  # a process that dies closes its connections; reading a corpus takes long
_FAREWELL = datetime.timedelta(seconds=20)
_SIGN_OF_LIFE = 3.0  # seconds in which those that are left answer, once one is lost


class Kind(enum.IntEnum):
    """What rank 0 tells the others to do."""

    MEASURE = 0  # the speed of the machine
    BEGIN = 1  # build the network and read the data
    STEP = 2
    AVERAGE = 3  # the weights from now on
    GO_BACK = 4  # to other weights
    GATHER = 5  # the carried states
    RESTORE = 6  # a checkpoint
    END = 7


@dataclass(frozen=True)
class Order:
    """What to do; `first` and `second` are its numbers, as the rate and the fraction of a step."""

    kind: Kind
    first: float
    second: float


@dataclass(frozen=True)
class Addend:
    """The cost of some columns of a batch, their size, and the gradient of each parameter; None if it was not read."""

    loss: Tensor
    tokens: int
    operations: int
    gradients: Sequence[Tensor | None]


class LostError(RnnlmError):
    """Another process of the run has ended, so that the run cannot go on. Rank 0 says so, if it is left."""

    exit_code = 5


class EndedError(RnnlmError):
    """Rank 0 has ended with an error, which it shows."""

    def __init__(self, code: int) -> None:
        super().__init__("")
        self.exit_code = code


class Ranks:
    """This process, number `rank` of `size`, and its connections to the others.

    Every method that communicates raises LostError if another process has ended.
    """

    def __init__(self, launch: Launch) -> None:
        """Wait until all processes have come."""
        from torch.distributed.rendezvous import rendezvous  # noqa: PLC0415 — not every build of torch has it

        self.rank, self.size, self.local = launch.rank, launch.size, launch.local
        self.signal: int | None = None  # that asked one of the processes to stop
        self.between = True  # steps: the others wait for an order
        self._own_signal: int | None = None
        self._store, _, _ = next(rendezvous("env://"))
        collectives.init_process_group(
            "gloo", store=self._store, rank=self.rank, world_size=self.size, timeout=_PATIENCE
        )

    def columns(self, width: int) -> slice:
        """The columns of a batch of `width` that this process computes."""
        return evenly(width, self.size)[self.rank]

    def tell(self, kind: Kind, first: float = 0.0, second: float = 0.0) -> None:
        """Tell the others what to do; for rank 0."""
        self.between = False
        with self._connected():
            collectives.broadcast(torch.tensor([kind, first, second], dtype=torch.float64), 0)

    def heard(self) -> Order:
        """What rank 0 tells."""
        told = torch.zeros(3, dtype=torch.float64)
        with self._connected():
            collectives.broadcast(told, 0)
        return Order(Kind(int(told[0])), float(told[1]), float(told[2]))

    def share(self, content: bytes = b"") -> bytes:
        """The `content` of rank 0, on every process."""
        size = torch.tensor([len(content)])
        with self._connected():
            collectives.broadcast(size, 0)
            told = torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0)
            if self.rank:
                told = torch.empty(int(size), dtype=torch.uint8)
            if int(size):
                collectives.broadcast(told, 0)
        return told.numpy().tobytes() if int(size) else b""

    def share_tensors(self, tensors: Tensors | None = None) -> Tensors:
        """The arrays of rank 0 by name, on every process."""
        arrays = {name: np.asarray(each, order="C") for name, each in (tensors or {}).items()}
        return safetensors.numpy.load(self.share(safetensors.numpy.save(arrays) if self.rank == 0 else b""))

    def share_json(self, value: Any = None) -> Any:
        """A value of rank 0, on every process."""
        return json.loads(self.share(json.dumps(value).encode() if self.rank == 0 else b""))

    def total(self, value: float) -> float:
        """The sum of a number over all processes."""
        told = torch.tensor([value], dtype=torch.float64)
        with self._connected():
            collectives.all_reduce(told)
        return float(told)

    def added(self, own: Addend | None, parameters: Sequence[nn.Parameter], *, fixed: bool) -> Addend:
        """The sum over all processes, on each of them; None adds nothing.

        With `fixed` it is added in the order of `tree_sum`, whatever the number of processes. Sets `signal`.
        """
        gradients = [None] * len(parameters) if own is None else own.gradients
        loss, tokens, operations = (0.0, 0, 0) if own is None else (own.loss, own.tokens, own.operations)
        numbers = [
            float(loss), *_digits(tokens), *_digits(operations),
            *(float(self._own_signal == each) for each in SIGNALS),
            *(float(gradient is not None) for gradient in gradients),
        ]  # fmt: skip
        pieces = [
            torch.zeros(parameter.numel()) if gradient is None else gradient.reshape(-1)
            for parameter, gradient in zip(parameters, gradients, strict=True)
        ]
        flat = torch.cat([torch.tensor(numbers), *pieces])
        with self._connected():
            if fixed:
                every = [torch.empty_like(flat) for _ in range(self.size)]
                collectives.all_gather(every, flat)
                summed = tree_sum(every, torch.add)
                assert summed is not None
                flat = summed
            else:
                collectives.all_reduce(flat)
        self.between = True
        told, rest = flat[: len(numbers)].tolist(), flat[len(numbers) :]
        asked = told[1 + 2 * _DIGITS :]
        self.signal = next((each for each, count in zip(SIGNALS, asked, strict=False) if count), None)
        here = [count > 0 for count in asked[len(SIGNALS) :]]
        views = torch.split(rest, [parameter.numel() for parameter in parameters])
        return Addend(
            flat[0], _count(told[1 : 1 + _DIGITS]), _count(told[1 + _DIGITS : 1 + 2 * _DIGITS]),
            [
                view.view_as(parameter) if read else None
                for view, parameter, read in zip(views, parameters, here, strict=True)
            ],
        )  # fmt: skip

    def gathered(self, states: States, width: int) -> States:
        """The states of all sequences of a batch of `width`, on rank 0; each process has those of its columns."""
        return tuple(tuple(self._gathered(part, width) for part in state) for state in states)

    def _gathered(self, own: Tensor, width: int) -> Tensor:
        with self._connected():
            if self.rank:
                mine = self.columns(width)
                if mine.stop > mine.start:
                    collectives.send(own.contiguous(), 0)
                return own
            whole = own.new_empty((width, *own.shape[1:]))
            whole[: len(own)] = own
            for rank, columns in enumerate(evenly(width, self.size)):
                if rank and columns.stop > columns.start:
                    theirs = own.new_empty((columns.stop - columns.start, *own.shape[1:]))
                    collectives.recv(theirs, rank)
                    whole[columns] = theirs
            return whole

    @contextlib.contextmanager
    def heeding_signals(self) -> Iterator[None]:
        """Signals to this process ask the whole run to stop after the step; ignored ones, as under nohup, stay so."""
        heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._stop) for number in heeded}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._own_signal = number

    def end(self, code: int, model: str) -> None:
        """Tell the others that the run has ended, and wait until they know; for rank 0, which leaves last."""
        with contextlib.suppress(LostError, RuntimeError):
            self.tell(Kind.END, code)
            self.share(model.encode())
            self._store.wait([f"rnnlm/told/{rank}" for rank in range(1, self.size)], _FAREWELL)

    def ended(self) -> str:
        """The model of a run that has ended, as rank 0 tells it."""
        model = self.share().decode()
        self._store.set(f"rnnlm/told/{self.rank}", "")
        return model

    def failed(self, code: int) -> None:
        """Let the others know that this process ends with an error of its own, which it shows."""
        with contextlib.suppress(RuntimeError):
            self._store.set(f"rnnlm/failed/{self.rank}", str(code))

    def leave(self) -> None:
        """Close the connections."""
        with contextlib.suppress(RuntimeError):
            collectives.destroy_process_group()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        """LostError, which names those that are lost, for an error of a connection."""
        try:
            yield
        except RuntimeError as error:
            if self.size == 1 or "out of memory" in str(error):
                raise
            lost, words = self._whom()
            raise LostError(words if min({*range(self.size)} - lost) == self.rank else "") from None

    def _whom(self) -> tuple[set[int], str]:
        """Which processes have ended, also in words; those that are left answer within seconds.

        No words if rank 0 has ended with an error of its own, which it shows.
        """
        try:
            self._store.set(f"rnnlm/left/{self.rank}", "")
            until, missing = time.monotonic() + _SIGN_OF_LIFE, set(range(self.size))
            while missing and time.monotonic() < until:
                missing = {rank for rank in missing if not self._known(rank)}
                time.sleep(0.1)
        except RuntimeError:
            return set(), "the connection to the other processes is lost"
        failed = [rank for rank in range(self.size) if self._store.check([f"rnnlm/failed/{rank}"])]
        if 0 in failed:
            return {*failed, *missing}, ""
        if failed and not missing:
            codes = (f"rank {rank} with exit code {int(self._store.get(f'rnnlm/failed/{rank}'))}" for rank in failed)
            return set(failed), f"the run ended, {', '.join(codes)}"
        names = " and ".join(f"rank {rank}" for rank in sorted(missing)) or "a connection"
        return missing, f"{names} is lost, as after kill -9"

    def _known(self, rank: int) -> bool:
        return any(self._store.check([f"rnnlm/{what}/{rank}"]) for what in ("left", "failed"))


def size_of(ranks: Ranks | None) -> int:
    """How many processes train together; one without `ranks`."""
    return 1 if ranks is None else ranks.size


def _digits(number: int) -> list[float]:
    return [float(number // _BASE**place % _BASE) for place in range(_DIGITS)]


def _count(digits: Sequence[float]) -> int:
    return sum(int(digit) * _BASE**place for place, digit in enumerate(digits))
