"""The memory of a training run beside the program itself, estimated by its parts; and its disk space.

    bytes = kernels + copies · weights + churn · table + 0.4 · layers + 1.6 · rows · Σ over layers (2 blocks + 4) H
            + the outputs of all rows, for a task with few outputs

`copies` are weights, gradients, the optimizer's two moments, the good weights, averages, and gradients of a batch's
parts. `table` is the embedding with its clusters: gradients of its parts are allocated in each step, and the C library
never returns blocks below 32 MB, so that small tables are the expensive ones. Fitted to 33 runs of all cells (64 to
1,536 units, 1 to 3 layers, 100 to 50,000 words, 8 to 128 streams) on one core, of 450 to 1,125 MB: within 7 % except
for two, of 81 and 107 %; the last factor was then raised from 1.4 for longer runs. `benchmarks/memory.py` compares.
"""

from dataclasses import dataclass, replace

import torch

from rnnlm.directories import in_units
from rnnlm.model.architecture import Architecture
from rnnlm.model.parameters import layer_parameters, parameter_count
from rnnlm.training.data import Data, LanguageData
from rnnlm.training.data_parallel import parts_of
from rnnlm.training.ranks import Ranks
from rnnlm.training.settings import SettledSettings

_KERNELS = 185 * 2**20  # loaded and kept by torch, oneDNN and the first steps
_SMALL = 32 * 2**20  # the C library's largest mmap threshold
_CHURN, _CHURN_OF_LARGE = 12.7, 1.2
_LAYERS, _ROWS = 0.4, 1.6
_FLOAT = 4


def demand_bytes(architecture: Architecture, settings: SettledSettings, steps: int, threads: int = 1) -> int:
    """Bytes at the peak of training with segments of `steps` steps, beside the program itself."""
    a = architecture
    copies = 3 + 2 * (settings.optimizer == "adamw") + bool(settings.average or settings.optimizer == "nt-asgd")
    width = settings.batch_size
    parts = settings.parts or len(parts_of(width, threads))
    copies += 0 if parts == 1 else parts
    rows, form = steps * width, a.form
    table = _FLOAT * a.vocabulary * a.embedding
    churn = (_CHURN if table < _SMALL else _CHURN_OF_LARGE) * table
    per_row = a.layers * form.kept * a.hidden  # numbers kept for the backward pass
    outputs = 0 if a.task == "language" and (a.forced or not form.feeds_back) else 3 * rows * a.outputs
    floats = copies * parameter_count(a) + _LAYERS * layer_parameters(a) + _ROWS * rows * per_row + outputs
    return int(_KERNELS + churn + _FLOAT * floats)


def disk_bytes(architecture: Architecture, settings: SettledSettings) -> int:
    """Bytes that a run has on disk at most: three checkpoints, good weights of each, and the finished weights.

    A checkpoint holds weights, the optimizer's moments and averages; carried states and the generator are small.
    """
    copies = 1 + 2 * (settings.optimizer == "adamw") + bool(settings.average or settings.optimizer == "nt-asgd")
    return _FLOAT * parameter_count(architecture) * (3 * copies + 3 + 1)


@dataclass(frozen=True)
class Demand:
    """What a run takes on this machine, beside the program itself."""

    architecture: Architecture
    settings: SettledSettings
    data: Data

    def bytes(self, ranks: Ranks | None = None) -> int:
        """The bytes of all processes on this machine."""
        settings, size = self.settings, self.data.size
        processes = 1 if ranks is None else ranks.local
        own = settings if ranks is None else replace(settings, batch_size=-(-settings.batch_size // ranks.size))
        longest = size.longest or size.tokens // own.batch_size
        # For labels and forecasts all segments are kept for the backward pass.
        back = own.steps_back if isinstance(self.data, LanguageData) else None
        steps = longest if back is None else min(back, longest)
        return processes * demand_bytes(self.architecture, own, steps, torch.get_num_threads())

    def smaller(self, left: int | None = None) -> str:
        """What to change to take less memory: the largest batch size that fits into the bytes `left`, if any."""
        batch, shorter = self.settings.batch_size, "" if self.data.size.longest else ", --bptt"
        while batch > 1:
            batch //= 2
            needed = replace(self, settings=replace(self.settings, batch_size=batch)).bytes()
            if left is None or needed <= left:
                return (
                    f"use --batch-size {batch} (about {in_units(needed)}), or a smaller --hidden{shorter} or --layers"
                )
        return f"use a smaller --hidden{shorter}, --layers or --embedding, or fewer words (--max-size)"
