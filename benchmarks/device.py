"""A GPU against the CPU: gradients, waits, and the speed of two networks: `device.py [--device cuda] [--seconds 20]`.

For each network one line of JSON: the largest difference between a gradient of the device and of the CPU, relative to
the largest number of the latter; how often the host waits for the device in one step, by torch's own report; tokens per
second with products in float32 and in TF32. `--device cpu --tiny` shows that it runs.
"""

import argparse
import json
import time
import warnings
from typing import Any

import numpy as np
import torch

from rnnlm.corpus.ids import Ids
from rnnlm.model.architecture import Architecture
from rnnlm.model.network import Network
from rnnlm.training.gradients import Gradients
from rnnlm.training.language import LanguageObjective
from rnnlm.training.learner import Learner
from rnnlm.training.settings import SettledSettings, TrainSettings, settled

# hidden units, layers, embedding, words, streams, time steps: Merity et al. 2017 on words, and characters
NETWORKS = {"awd-lstm": (1_150, 3, 400, 10_000, 80, 70), "characters": (1_024, 1, 64, 100, 64, 100)}
TINY = {"awd-lstm": (24, 3, 12, 200, 4, 9), "characters": (16, 1, 8, 40, 4, 9)}


def made(sizes: tuple[int, ...], device: str) -> tuple[Network, LanguageObjective, SettledSettings]:
    """A network and a random text."""
    hidden, layers, width, words, streams, steps = sizes
    ids = np.random.default_rng(1).zipf(1.3, 400_000).clip(max=words - 3).astype(np.uint16) + np.uint16(2)
    ids[::20] = 2
    text = Ids(ids, np.concatenate([[0], np.flatnonzero(ids == 2) + 1]), np.zeros(1, np.uint32))
    given = TrainSettings(hidden=hidden, layers=layers, batch_size=streams, bptt=str(steps), learning_rate=0.002)
    settings = settled(given, dropout=0.4, dropout_recurrent=0.5, activation_penalty=2.0, temporal_penalty=1.0)
    network = Network(Architecture("lstm", words, width, hidden, layers, True), torch.Generator().manual_seed(1))
    return network.to(device).train(), LanguageObjective(text, text, settings), settings


def gradients(sizes: tuple[int, ...], device: str) -> list[torch.Tensor]:
    """Those of the first batch without dropout, whose masks differ between devices."""
    network, objective, settings = made(sizes, device)
    plain = settled(settings, dropout=0.0, dropout_recurrent=0.0)
    Gradients(network, plain).compute(objective, next(iter(objective.batches)), 0.0)
    return [each.grad.cpu() for each in network.parameters() if each.grad is not None]


def steps(learner: Learner, objective: LanguageObjective, batches: Any) -> int:
    """One update; its tokens."""
    found = learner.update(objective, next(batches), 0.002, 0.5).computed
    objective.states = found.states
    return found.tokens


def waits(sizes: tuple[int, ...], device: str) -> int | None:
    """Times that the host waits in the third step, None on the CPU."""
    if device == "cpu":
        return None
    network, objective, settings = made(sizes, device)
    learner, batches = Learner(network, settings), iter(objective.batches)
    for _ in range(2):
        steps(learner, objective, batches)
    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        steps(learner, objective, batches)
    torch.cuda.set_sync_debug_mode("default")
    return len(told)


def speed(sizes: tuple[int, ...], device: str, mode: str, seconds: float) -> float:
    """Tokens per second in training."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = mode == "tf32"
    network, objective, settings = made(sizes, device)
    learner, batches = Learner(network, settings), iter(objective.batches)
    for _ in range(3):
        steps(learner, objective, batches)
    tokens, started_at = 0, time.perf_counter()
    while time.perf_counter() - started_at < seconds:
        tokens += steps(learner, objective, batches)  # which reads the loss, and so waits for the device
    return tokens / (time.perf_counter() - started_at)


def main() -> None:
    """Every network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    name = "cpu" if given.device == "cpu" else torch.cuda.get_device_name()
    for network, sizes in (TINY if given.tiny else NETWORKS).items():
        theirs, ours = gradients(sizes, given.device), gradients(sizes, "cpu")
        difference = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(theirs, ours, strict=True))
        row: dict[str, Any] = {"device": name, "network": network, "gradient_difference": difference}
        row["waits"] = waits(sizes, given.device)
        for mode in ("float32", "tf32"):
            row[f"tokens_per_second_{mode}"] = round(speed(sizes, given.device, mode, given.seconds))
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
