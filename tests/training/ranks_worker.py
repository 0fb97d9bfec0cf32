"""What two processes do that torchrun starts for `test_ranks.py`; rank 0 prints what it found as JSON.

Each case is trained alone on rank 0, by both processes, and by both, one and both in turn with stops between.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from test_sequences import SETTINGS as OF_SEQUENCES
from test_sequences import made
from test_sequences import network as network_of_sequences
from test_training import ARCHITECTURE, TRAIN, VALID, Watcher
from test_training import STREAM as OF_STREAMS

from rnnlm.arrays import Tensors
from rnnlm.launched import launched
from rnnlm.model.network import Network
from rnnlm.training.following import Followed, Leader, follow
from rnnlm.training.gradients import Gradients
from rnnlm.training.language import LanguageObjective
from rnnlm.training.loop import Trainer
from rnnlm.training.progress import Stopped
from rnnlm.training.ranks import Ranks
from rnnlm.training.sequences import SequenceObjective

STEPS = 32
STREAM = replace(OF_STREAMS, steps=STEPS, checkpoint_every="1h")
LANGUAGE = {
    "stream": STREAM,
    "odd width": replace(STREAM, batch_size=5, dropout_recurrent=0.3, locked=True),
    "sentences": replace(STREAM, batching="sentences", bptt="3", batch_size=7),
    "averaged": replace(STREAM, average=0.9, dropout_words=0.1),
    "nt-asgd": replace(STREAM, optimizer="nt-asgd", learning_rate=1.0, patience=1),
    "in parts": replace(STREAM, parts=4),
    "diverging": replace(STREAM, parts=4, optimizer="sgd", clip=0.0, learning_rate=100.0, warmup=0.0),
    "sentences in parts": replace(STREAM, batching="sentences", bptt="full", parts=4),
}
TASKS = ("tag", "classify", "forecast")


def case(name: str) -> Followed:
    """The network before its first step, and what it learns."""
    if name in LANGUAGE:
        settings = LANGUAGE[name]
        model = Network(ARCHITECTURE, torch.Generator().manual_seed(1))
        return Followed(model, LanguageObjective(TRAIN, VALID, settings), settings)
    settings = replace(OF_SEQUENCES, steps=STEPS, batch_size=9, dropout=0.2)
    return Followed(
        network_of_sequences(name), SequenceObjective(made(name), made(name, 60, seed=2), settings, name), settings
    )


def gradients(run: Followed, ranks: Ranks | None) -> list[torch.Tensor]:
    """Those of the first batch."""
    Gradients(run.model.train(), run.settings, ranks).compute(run.objective, next(iter(run.objective.batches)), 0.0)
    return [parameter.grad for parameter in run.model.parameters() if parameter.grad is not None]


def trained(name: str, directory: Path, ranks: Ranks | None, *, stop_at: int | None = None) -> Tensors:
    """A run from the newest checkpoint in a directory, or from the beginning; the weights, none if it is stopped."""
    directory.mkdir(parents=True, exist_ok=True)
    run = case(name)
    learner = None if ranks is None else Leader(run.model, run.settings, ranks, {})
    trainer = Trainer(run.model, run.objective, run.settings, directory, Watcher(stop_at), learner=learner)
    try:
        return trainer.run(resume=True).tensors
    except Stopped:
        return {}


def furthest(one: Tensors, other: Tensors) -> float:
    """The greatest difference, relative to the largest weight of each tensor."""
    assert one.keys() == other.keys()
    return max(float(np.abs(one[name] - other[name]).max() / max(1e-9, np.abs(one[name]).max())) for name in one)


def same(one: Tensors, other: Tensors) -> bool:
    """Whether the bytes are the same."""
    return all(one[name].tobytes() == other[name].tobytes() for name in {*one, *other})


def led(name: str, directory: Path, ranks: Ranks, end: Callable[[], None]) -> dict[str, Any]:
    """What rank 0 finds of a case."""
    alone, together = gradients(case(name), None), gradients(case(name), ranks)
    first = max(float((a - b).abs().max() / a.abs().max()) for a, b in zip(alone, together, strict=True))
    whole = trained(name, directory / "alone", None)
    both = trained(name, directory / "both", ranks)
    end()
    trained(name, directory / "turns", ranks, stop_at=11)
    end()
    trained(name, directory / "turns", None, stop_at=19)
    turns = trained(name, directory / "turns", ranks)
    end()
    logs = [(directory / each / "metrics.jsonl").read_text("utf-8") for each in ("alone", "both", "turns")]
    return {
        "gradient": first, "both": furthest(whole, both), "turns": furthest(whole, turns), "same": same(whole, both),
        "same in turns": same(whole, turns), "same log": logs[0] == logs[1] == logs[2],
    }  # fmt: skip


def main() -> None:
    """Every case."""
    torch.set_num_threads(1)
    launch = launched()
    assert launch is not None
    ranks, found = Ranks(launch), {}

    def end() -> None:
        ranks.end(0, "model")
        ranks.between = True

    for name in (*LANGUAGE, *TASKS):
        if ranks.rank == 0:
            found[name] = led(name, Path(sys.argv[1]) / name, ranks, end)
        else:
            gradients(case(name), ranks)
            for _ in range(3):
                assert follow(ranks, lambda described, name=name: case(name)) == (0, "model")
    if ranks.rank == 0:
        print(json.dumps(found))
    ranks.leave()
    sys.stdout.flush()
    os._exit(0)  # as the command does


if __name__ == "__main__":
    main()
