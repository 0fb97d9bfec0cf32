"""A language model as two ONNX graphs, which are run and compared with it before they are kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlm.artifacts import seal, write_bytes
from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT, START_ID
from rnnlm.directories import replacement
from rnnlm.errors import ArtifactError, InputError
from rnnlm.model.finding import check_language
from rnnlm.model.likelihood import log_probabilities
from rnnlm.model.loading import load_network
from rnnlm.model.network import Network
from rnnlm.model.parameters import parameter_count
from rnnlm.model.sealed import TOKENIZER, Sealed

_BATCHES, _STEPS = (1, 3), 24
_QUIET = 3  # log severity: errors only
Numbers = NDArray[np.float32]
StateArrays = dict[str, Numbers]


class Graph:
    """A graph in ONNX Runtime on the CPU; `states` are its state inputs with their sizes."""

    def __init__(self, content: bytes, states: Mapping[str, int]) -> None:
        import onnxruntime  # noqa: PLC0415 - an extra

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


ONNX_FORMAT, ONNX_VERSION = "rnnlm onnx", 1
STEP, SEQUENCE = "step.onnx", "sequence.onnx"
MOST = 1e-4  # nats that a log probability may differ by
_BYTES = 8.0  # a number of the network: four bytes in each graph


def export_onnx(sealed: Sealed, out: Path) -> dict[str, Any]:
    """The graphs of a step and of a sequence with the tokenizer, in a directory; docs/model-format.md describes them.

    Raises UsageError for a model of another kind, InputError if the extra is not installed, ArtifactError if a
    graph predicts differently from the model.
    """
    check_language(sealed)
    network = load_network(sealed)
    try:
        import onnxruntime  # noqa: F401, PLC0415 - an extra, as what follows

        from rnnlm.use.export.onnx_graph import OnnxModel  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InputError(f"--to onnx needs the {error.name} package", "pip install 'rnnlm[onnx]'") from None
    made = OnnxModel(network.architecture, network.tensors())
    properties = {
        "model_sha256": sealed.model_sha256, "first_output": str(FIRST_OUTPUT), "start_id": str(START_ID),
        "end_id": str(END_ID), "state": " ".join(made.states),
    }  # fmt: skip
    wanted = round(_BYTES * parameter_count(network.architecture))
    with replacement(out.resolve(), wanted, f"another rnnlm writes {out}") as fresh:
        graphs, sizes = {}, {}
        for name, build in ((STEP, made.step), (SEQUENCE, made.sequence)):
            content = build(properties).SerializeToString(deterministic=True)
            graphs[name] = Graph(content, made.states)
            write_bytes(fresh / name, content)
            sizes[name] = len(content)
        difference = largest_difference(network, graphs[STEP], graphs[SEQUENCE])
        if not difference <= MOST:
            raise ArtifactError(
                f"ONNX Runtime's log probabilities differ from those of {sealed.path} by up to {difference:.3g} nats",
                f"nothing was kept: the limit is {MOST:g}; float32 is not precise enough for this model",
            )
        with sealed.opening():
            tokenizer = (sealed.path / TOKENIZER).read_bytes()
        write_bytes(fresh / TOKENIZER, tokenizer)
        measured = {"largest_difference_nats": difference, "states": made.states, "outputs": made.outputs}
        seal(
            fresh, ONNX_FORMAT, ONNX_VERSION, settings=properties, inputs={"model": sealed.model_sha256},
            report=measured, names=[STEP, SEQUENCE, TOKENIZER],
        )  # fmt: skip
    return {
        "to": "onnx", "out": str(out), **measured, "bytes": sizes, "model": sealed.name,
        "model_sha256": sealed.model_sha256,
    }  # fmt: skip
