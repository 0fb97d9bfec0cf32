"""An exported model run in ONNX Runtime and compared with its network."""

from collections.abc import Mapping

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from rnnlm.corpus.tokenizer import START_ID
from rnnlm.model.likelihood import log_probabilities
from rnnlm.model.network import Network

_BATCHES, _STEPS = (1, 3), 24
_QUIET = 3  # log severity: errors only
Numbers = NDArray[np.float32]
StateArrays = dict[str, Numbers]


class Graph:
    """A graph in ONNX Runtime on the CPU; `states` are its state inputs with their sizes."""

    def __init__(self, content: bytes, states: Mapping[str, int]) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _QUIET
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._states = states

    def start(self, batch: int) -> StateArrays:
        """The state before the first token."""
        return {name: np.zeros((batch, size), np.float32) for name, size in self._states.items()}

    def run(self, ids: NDArray[np.int64], states: StateArrays) -> tuple[Numbers, StateArrays]:
        """log p, and the state after the ids."""
        names = ["log_probabilities", *(f"{name}_next" for name in self._states)]
        log_p, *after = self._session.run(names, {"ids": ids, **states})
        return log_p, dict(zip(self._states, after, strict=True))


@torch.inference_mode()
def largest_difference(network: Network, step: Graph, sequence: Graph, seed: int = 1) -> float:
    """The largest |Δ log p| in nats between a network on the CPU and its graphs, over all outputs.

    Random ids are read by one sequence and by three, token by token and in two pieces of different lengths.
    """
    largest, draws = 0.0, np.random.Generator(np.random.PCG64(seed))
    for batch in _BATCHES:
        ids = draws.integers(START_ID, network.architecture.vocabulary, (batch, _STEPS))
        ids[:, 0] = START_ID
        hidden, _ = network(torch.from_numpy(ids.T.copy()), network.initial_state(batch))
        expected = log_probabilities(network, hidden.flatten(0, 1)).view(*hidden.shape[:2], -1).transpose(0, 1).numpy()
        for graph, pieces in ((sequence, (_STEPS // 3, _STEPS)), (step, range(1, _STEPS + 1))):
            states, begin = graph.start(batch), 0
            for end in pieces:
                own = ids[:, begin:end] if graph is sequence else ids[:, begin]
                log_p, states = graph.run(own, states)
                wanted = expected[:, begin:end] if graph is sequence else expected[:, begin]
                # NaN counts as an infinite difference.
                largest = max(largest, float(np.nan_to_num(np.abs(log_p - wanted), nan=np.inf).max()))
                begin = end
    return largest
