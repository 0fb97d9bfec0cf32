"""The body of `rnnlm export`: where a model is written, and in which form."""

from pathlib import Path

from rnnlm.app.models import FoundModel, find_model
from rnnlm.app.request import Request
from rnnlm.app.targets import check_file, inputs_beside
from rnnlm.artifacts import MANIFEST, read_json, refuse_read
from rnnlm.cli.export_arpa import export_arpa
from rnnlm.cli.export_int8 import export_int8
from rnnlm.cli.export_onnx import ONNX_FORMAT, export_onnx
from rnnlm.cli.terminal import count, table, terminal
from rnnlm.corpus.tokenizer import tokens_by_id
from rnnlm.directories import check_space
from rnnlm.errors import InputError, UsageError
from rnnlm.model.embedding import whole_layer
from rnnlm.model.ngram.arpa import arpa_token
from rnnlm.model.quantized import sealed_weights
from rnnlm.model.sealed import FORMAT as MODEL_FORMAT
from rnnlm.use.export.settings import ExportSettings
from rnnlm.use.export.word2vec import write_word2vec

_DIRECTORIES = ("int8", "onnx")  # the others are one file


def export_model(request: Request) -> None:
    """Write the model that the arguments name in the form asked for."""
    given: ExportSettings = request.settings(ExportSettings).settings
    out: Path | None = request.arguments["out"]
    if out is None:
        raise UsageError("--out is missing", "name the file or directory to write")
    if str(out) == "-":
        raise UsageError("--out is -", "name a file or directory; nothing is written to standard output")
    found = find_model(request)
    _check_free(out, found, directory=given.to in _DIRECTORIES, force=request.run.force)
    refuse_read(out, inputs_beside(request, out))
    if given.to not in _DIRECTORIES:
        check_file(request, out)
    if out.is_file():
        check_space(out, out.stat().st_size, f"another {out}")
    if given.to == "int8":
        export_int8(request, found, out)
    elif given.to == "onnx":
        export_onnx(request, found, out)
    elif given.to == "arpa":
        export_arpa(request, found, out)
    else:
        export_word2vec(request, found, out)


def _check_free(out: Path, found: FoundModel, *, directory: bool, force: bool) -> None:
    """Raise UsageError where something stands that must not be replaced, InputError where there is no directory."""
    if not out.resolve().parent.is_dir():
        raise InputError(f"--out {out}: there is no directory {out.parent}", "make it first")
    if not out.exists():
        return
    model = found.model.path.resolve()
    if out.resolve() in (model, *model.parents):
        raise UsageError(f"--out {out} is the model itself, or holds it", "name another")
    if not force:
        raise UsageError(f"--out {out} exists", "name another, or replace it with --force")
    if out.is_dir() != directory or (directory and not _exported(out)):
        raise UsageError(f"--out {out} is not of this command's making", "name another")


def _exported(directory: Path) -> bool:
    """Whether a directory is one that this command writes, by its manifest."""
    if not (directory / MANIFEST).is_file():
        return False
    content = read_json(directory / MANIFEST, remedy="remove it")
    rounded = content.get("format") == MODEL_FORMAT and content.get("settings") == {"weights": "int8"}
    return rounded or content.get("format") == ONNX_FORMAT


def export_word2vec(request: Request, found: FoundModel, out: Path) -> None:
    """The embedding of every token but `<pad>`."""
    sealed = found.model
    rules = sealed.rules
    layer = whole_layer(sealed_weights(sealed)[0])
    names = [arpa_token(token, rules.kind) for token in tokens_by_id(rules.tokenizer)]
    vectors = write_word2vec(out, names, layer)
    report = {
        "to": "word2vec", "out": str(out), "vectors": vectors, "dimensions": layer.shape[1], "model": sealed.name,
        "model_sha256": sealed.model_sha256,
    }  # fmt: skip
    view = table("written", "vectors", "numbers")
    view.add_row(str(out), count(vectors), count(layer.shape[1]))
    terminal(request).result(report, view)
