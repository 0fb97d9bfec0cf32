"""A training step hardly waits for its device: counted on the CPU, with what only a CPU does switched off."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from settled_settings import settled_with
from torch.utils._python_dispatch import TorchDispatchMode

import rnnlm.model.outputs.loss
import rnnlm.training.objective
from rnnlm.corpus.ids import Ids
from rnnlm.errors import UsageError
from rnnlm.model.architecture import Architecture
from rnnlm.model.device import choose_device, known_true, set_matmul
from rnnlm.model.network import Network
from rnnlm.training.language import LanguageObjective
from rnnlm.training.learner import Learner

WORDS, HIDDEN = 40, 12
TEXT = Ids(np.arange(3_000, dtype=np.uint16) % 38 + 2, np.arange(0, 3_001, 10), np.zeros(1, np.uint32))
# What returns a number or an array to the host, and what has a size that the host must know.
METHODS = ("item", "tolist", "numpy", "cpu", "__bool__", "__float__", "__int__")
SIZED = ("nonzero", "unique", "_unique2", "bincount", "masked_select")


class Sized(TorchDispatchMode):
    """Records operations whose result has a size that depends on numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.partition(".")[0]
        masks = name == "index" and any(each is not None and each.dtype == torch.bool for each in args[1])
        if name in SIZED or masks:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a device would be waited for, in order."""
    found: list[str] = []
    for name in METHODS:
        usual = getattr(torch.Tensor, name)

        def called(self: torch.Tensor, *given: Any, name: str = name, usual: Any = usual, **more: Any) -> Any:
            found.append(name)
            return usual(self, *given, **more)

        monkeypatch.setattr(torch.Tensor, name, called)
    for module in (rnnlm.model.outputs.loss, rnnlm.training.objective):
        monkeypatch.setattr(module, "known_true", lambda mask: False)
    with Sized() as sized:
        yield found
        found += sized.found


@pytest.mark.parametrize("clip", [{"clip": 0.1}, {"clip": 0.0, "clip_value": 0.01}])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_step_waits_twice(optimizer: str, clip: dict[str, float], waits: list[str]) -> None:
    settings = settled_with(
        batch_size=8, bptt="9", learning_rate=0.1, dropout=0.2, dropout_words=0.1, dropout_recurrent=0.2, average=0.9,
        activation_penalty=2.0, temporal_penalty=1.0, optimizer=optimizer, **clip,
    )  # fmt: skip
    model = Network(Architecture("lstm", WORDS, 6, HIDDEN, 2, True), torch.Generator().manual_seed(1)).train()
    learner, objective = Learner(model, settings), LanguageObjective(TEXT, TEXT, settings)
    batches = iter(objective.batches)
    for _ in range(2):
        batch = next(batches)
        waits.clear()
        objective.states = learner.update(objective, batch, 0.1, 0.5).computed.states
        assert 1 <= len(waits) <= 2, waits  # the loss, and the gradient's norm


def test_the_comparison_with_a_device_runs() -> None:
    program = Path(__file__).resolve().parents[2] / "benchmarks" / "device.py"
    command = [sys.executable, str(program), "--device", "cpu", "--tiny", "--seconds", "0.01"]
    done = subprocess.run(command, capture_output=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["network"] for row in rows] == ["awd-lstm", "characters"]
    assert all(row["gradient_difference"] == 0 and row["tokens_per_second_float32"] > 0 for row in rows)


def test_what_is_not_known_is_not_waited_for() -> None:
    assert known_true(torch.ones(3, dtype=torch.bool))
    assert not known_true(torch.tensor([True, False]))
    assert not known_true(torch.ones(3, dtype=torch.bool, device="meta"))


def test_a_device_that_was_never_tested_is_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match=r"never compared with the CPU's.*use --device cpu"):
        choose_device("mps")
    assert choose_device("auto", token_by_token=True) == "cpu"


def test_rounded_products_are_for_a_gpu() -> None:
    with pytest.raises(UsageError, match="--set matmul=tf32 with --device cpu"):
        set_matmul("tf32", "cpu")
    try:
        for form, precision in (("tf32", "high"), ("bf16", "medium"), ("float32", "highest")):
            set_matmul(form, "cuda")
            assert torch.get_float32_matmul_precision() == precision
            assert torch.backends.cudnn.allow_tf32 == (form != "float32")
    finally:
        set_matmul("float32", "cpu")
