"""A language model as two ONNX graphs, which are run and compared with it before they are kept."""

from pathlib import Path
from typing import Any

from rnnlm.artifacts import seal, write_bytes
from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT, START_ID
from rnnlm.directories import replacement
from rnnlm.errors import ArtifactError, InputError
from rnnlm.model.finding import check_language
from rnnlm.model.loading import load_network
from rnnlm.model.parameters import parameter_count
from rnnlm.model.sealed import TOKENIZER, Sealed

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
        from rnnlm.use.export.onnx_check import Graph, largest_difference  # noqa: PLC0415 - an extra
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
