"""A plain training loop as in a tutorial, for comparison: what the same time buys without this project.

    python benchmarks/naive_loop.py --data ptb/ --seconds 120

Two LSTM layers of 200 units, tied, dropout 0.2, batches of 20 × 35, gradient descent with a learning rate of 20 that is
divided by 4 when validation does not improve: the defaults of PyTorch's word-level example. The test perplexity is that
of the best weights by validation, over one stream.
"""

import argparse
import copy
import json
import math
import time
from collections import Counter
from pathlib import Path

import torch
from torch import nn

_HIDDEN, _LAYERS, _DROPOUT, _BATCH, _STEPS, _RATE, _CLIP = 200, 2, 0.2, 20, 35, 20.0, 0.25


class Model(nn.Module):
    """Embedding, LSTM, tied output."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.drop = nn.Dropout(_DROPOUT)
        self.embedding = nn.Embedding(words, _HIDDEN)
        self.recurrent = nn.LSTM(_HIDDEN, _HIDDEN, _LAYERS, dropout=_DROPOUT)
        self.output = nn.Linear(_HIDDEN, words)
        self.output.weight = self.embedding.weight
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor] | None) -> tuple[torch.Tensor, tuple]:
        """(time, batch) of ids → (time, batch, words) and the state."""
        h, state = self.recurrent(self.drop(self.embedding(x)), state)
        return self.output(self.drop(h)), state


def read(path: Path) -> list[str]:
    """The words, `</s>` at every line end."""
    return path.read_text("utf-8").replace("\n", " </s> ").split()


@torch.no_grad()
def nats(model: Model, ids: torch.Tensor, batch: int) -> float:
    """Nats per token of a text in `batch` stripes."""
    model.eval()
    stripes = ids[: len(ids) // batch * batch].view(batch, -1).t().contiguous()
    total, state = 0.0, None
    for start in range(0, len(stripes) - 1, _STEPS):
        x, y = stripes[start : start + _STEPS], stripes[start + 1 : start + 1 + _STEPS]
        o, state = model(x[: len(y)], state)
        total += float(nn.functional.cross_entropy(o.flatten(0, 1), y.flatten(), reduction="sum"))
    return total / ((len(stripes) - 1) * batch)


def train(data: Path, seconds: float, seed: int) -> dict[str, float]:
    """Train for `seconds`; the evaluation of the test text is not counted."""
    torch.manual_seed(seed)
    started_at = time.monotonic()
    words = read(data / "train.txt")
    ids = {word: number for number, word in enumerate(Counter(words))}
    text, valid, test = (torch.tensor([ids[word] for word in each])
                         for each in (words, read(data / "valid.txt"), read(data / "test.txt")))  # fmt: skip
    model, rate, best = Model(len(ids)), _RATE, math.inf
    stripes = text[: len(text) // _BATCH * _BATCH].view(_BATCH, -1).t().contiguous()
    kept, seen = copy.deepcopy(model.state_dict()), 0
    while time.monotonic() - started_at < seconds:
        model.train()
        state = None
        for start in range(0, len(stripes) - 1, _STEPS):
            x, y = stripes[start : start + _STEPS], stripes[start + 1 : start + 1 + _STEPS]
            state = state and tuple(part.detach() for part in state)
            o, state = model(x[: len(y)], state)
            model.zero_grad()
            nn.functional.cross_entropy(o.flatten(0, 1), y.flatten()).backward()
            nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter -= rate * parameter.grad
            seen += y.numel()
            if time.monotonic() - started_at >= seconds:
                break
        cost = nats(model, valid, 10)
        if cost < best:
            best, kept = cost, copy.deepcopy(model.state_dict())
        else:
            rate /= 4
    model.load_state_dict(kept)
    return {"test": math.exp(nats(model, test, 1)), "valid": math.exp(best), "epochs": seen / len(text)}


def main() -> None:
    """Train and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(json.dumps({"seconds": given.seconds, **train(given.data, given.seconds, given.seed)}))


if __name__ == "__main__":
    main()
