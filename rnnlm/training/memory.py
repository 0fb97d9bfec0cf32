"""How much memory a training run takes at its peak: an estimate by its parts, and what this process has taken."""

import sys

from rnnlm.model.architecture import Architecture
from rnnlm.model.network import Network
from rnnlm.training.settings import TrainSettings

_PROGRAM = 350 * 2**20  # Python, torch and its kernels
_LOGITS = 64 * 2**20  # blocks of logits and their gradients
_FLOAT = 4


def process_peak() -> int:
    """Bytes that this process has had in memory at most; 0 where the system does not tell."""
    try:
        import resource  # noqa: PLC0415 — Unix alone has it
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def peak_bytes(network: Network, settings: TrainSettings, steps: int) -> int:
    """Bytes at the peak of training with segments of `steps` steps, at the least.

    Weights, gradients, the optimizer's two moments, averaged and best weights; of each step and layer the gates and
    states that the backward pass needs, and what is read and dropped between layers.
    """
    copies = 2 + 2 * (settings.optimizer == "adamw") + 2 + bool(settings.average)
    rows = steps * (settings.batch_size or 1)
    a: Architecture = network.architecture
    gates = sum(len(cell.BLOCKS) * cell.hidden + 6 * cell.hidden for cell in network.cells)
    per_row = gates + 4 * (a.embedding or a.features) + 4 * a.width
    outputs = 0 if a.task == "language" else 3 * rows * a.outputs
    return _PROGRAM + _LOGITS + _FLOAT * (copies * network.parameter_count + 2 * rows * per_row + outputs)
