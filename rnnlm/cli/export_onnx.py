"""`rnnlm export --to onnx`: a language model as two ONNX graphs, which are run beside it before they are kept."""

from pathlib import Path

from rnnlm.app.models import FoundModel
from rnnlm.app.request import Request
from rnnlm.artifacts import seal, write_bytes
from rnnlm.cli.terminal import count, table, terminal
from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT, START_ID
from rnnlm.directories import replacement
from rnnlm.errors import ArtifactError, InputError
from rnnlm.model.device import set_threads
from rnnlm.model.finding import check_language
from rnnlm.model.loading import load_network
from rnnlm.model.parameters import parameter_count
from rnnlm.model.sealed import TOKENIZER

ONNX_FORMAT, ONNX_VERSION = "rnnlm onnx", 1
STEP, SEQUENCE = "step.onnx", "sequence.onnx"
_BYTES = 8.0  # a number of the network: four bytes in each graph
MOST = 1e-4  # nats that a log probability may differ by


def export_onnx(request: Request, found: FoundModel, out: Path) -> None:
    """The graphs of a step and of a sequence with the tokenizer, in a directory; docs/model-format.md tells of them.

    Raises UsageError for a model of another kind, InputError where the extra is not installed, ArtifactError where a
    graph says something else than the model.
    """
    sealed = found.model
    check_language(sealed)
    set_threads(request.run.threads)
    network = load_network(sealed)
    try:
        from rnnlm.use.export.onnx_check import Graph, largest_difference
        from rnnlm.use.export.onnx_graph import OnnxModel
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
                f"nothing was kept, for more than {MOST:g} is too much; float32 does not carry this model",
            )
        with sealed.opening():
            tokenizer = (sealed.path / TOKENIZER).read_bytes()
        write_bytes(fresh / TOKENIZER, tokenizer)
        figures = {"largest_difference_nats": difference, "states": made.states, "outputs": made.outputs}
        seal(
            fresh, ONNX_FORMAT, ONNX_VERSION, settings=properties, inputs={"model": sealed.model_sha256},
            report=figures, names=[STEP, SEQUENCE, TOKENIZER],
        )  # fmt: skip
    report = {
        "to": "onnx", "out": str(out), **figures, "bytes": sizes, "model": sealed.name,
        "model_sha256": sealed.model_sha256,
    }  # fmt: skip
    view = table("written", "bytes")
    for name, size in sizes.items():
        view.add_row(str(out / name), count(size))
    words = f"run in ONNX Runtime: log probabilities differ by at most {difference:.1e} nats from the model's"
    terminal(request).result(report, view, words)
