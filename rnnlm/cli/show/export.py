"""`rnnlm export`: a model in the format of another program or for a smaller machine."""

from pathlib import Path
from typing import Any

from rnnlm.app.models import find_model, language_model_of
from rnnlm.app.request import Request
from rnnlm.app.targets import check_file, inputs_beside
from rnnlm.artifacts import refuse_read
from rnnlm.cli.terminal import terminal
from rnnlm.directories import check_space
from rnnlm.errors import UsageError
from rnnlm.model.device import choose_device, set_threads
from rnnlm.report.export import check_free, export_html
from rnnlm.report.hub import export_transformers
from rnnlm.screen import Grid, View, count
from rnnlm.use.export.arpa import CONTEXT, export_arpa
from rnnlm.use.export.int8 import write_int8
from rnnlm.use.export.onnx_export import export_onnx
from rnnlm.use.export.settings import ExportSettings
from rnnlm.use.export.word2vec import export_word2vec

_DIRECTORIES = ("int8", "onnx", "html", "transformers")  # the others are one file


def export(request: Request) -> None:
    """Write the model that the arguments name in the given format."""
    given, screen = request.settings(ExportSettings).settings, terminal(request)
    out: Path | None = request.arguments["out"]
    if out is None:
        raise UsageError("--out is missing", "name the file or directory to write")
    if str(out) == "-":
        raise UsageError("--out is -", "name a file or directory; nothing is written to standard output")
    found = find_model(request)
    check_free(out, found.model.path, directory=given.to in _DIRECTORIES, force=request.run.force)
    refuse_read(out, inputs_beside(request, out))
    if given.to not in _DIRECTORIES:
        check_file(request, out)
    if out.is_file():
        check_space(out, out.stat().st_size, f"another {out}")
    set_threads(request.run.threads)
    if given.to == "int8":
        report = write_int8(found, given, out, choose_device(request.run.device), screen)
    elif given.to == "onnx":
        report = export_onnx(found.model, out)
    elif given.to == "html":
        report = export_html(found, given, out, screen)
    elif given.to == "transformers":
        report = export_transformers(found, given, out, screen)
    elif given.to == "arpa":
        report = export_arpa(found, language_model_of(request, found), given, out, screen)
    else:
        report = export_word2vec(found.model, out)
    screen.result(report, *_VIEWS[str(given.to)](report, found.model.context))


def _int8(report: dict[str, Any], context: str) -> list[View]:
    view = Grid("weights", "bytes", "perplexity", named=0)
    for name, when in (("float32", "before"), (f"{report['out']}, int8", "after")):
        perplexity = report[f"perplexity_{when}"]
        view.add_row(name, count(report[f"bytes_{when}"]), "-" if perplexity is None else f"{perplexity:.2f}")
    return [view, *_measured(report, f", context {context}, {report.get('tokens', 0):,} predictions")]


def _files(report: dict[str, Any]) -> Grid:
    view = Grid("written", "bytes", named=0)
    for name, size in report["bytes"].items():
        view.add_row(str(Path(report["out"]) / name), count(size))
    return view


def _html(report: dict[str, Any], context: str) -> list[View]:
    loss = report["loss_of_8_bits"]
    told = "" if loss is None else f"; 8 bits change the perplexity on the {report['measured_on']} by {loss:+.2%}"
    return [_files(report), f"matrices in {report['bits']} bits{told}"]


def _onnx(report: dict[str, Any], context: str) -> list[View]:
    difference = report["largest_difference_nats"]
    words = f"run in ONNX Runtime: log probabilities differ by at most {difference:.1e} nats from the model's"
    return [_files(report), words]


def _arpa(report: dict[str, Any], context: str) -> list[View]:
    if "tokens_drawn" not in report:
        return [f"{report['out']}: {report['ngrams']:,} n-grams of orders up to {report['order']}"]
    view = Grid("model", "context", "n-grams", "perplexity", named=0)
    rows = ((report["model"], context, "-", "network_perplexity"),
            (report["out"], CONTEXT, count(report["ngrams"]), "perplexity"))  # fmt: skip
    for name, read_in, ngrams, key in rows:
        view.add_row(name, read_in, ngrams, "-" if report[key] is None else f"{report[key]:.2f}")
    return [view, f"estimated on {report['tokens_drawn']:,} tokens sampled from the network", *_measured(report)]


def _word2vec(report: dict[str, Any], context: str) -> list[View]:
    view = Grid("written", "vectors", "numbers", named=0)
    view.add_row(report["out"], count(report["vectors"]), count(report["dimensions"]))
    return [view]


def _transformers(report: dict[str, Any], context: str) -> list[View]:
    metric = report["metric"]
    told = "" if metric is None else f"; the card has perplexity {metric['perplexity']:.2f} on the {metric['text']}"
    return [_files(report), f"opens with trust_remote_code=True: modeling_rnnlm.py runs it{told}"]


_VIEWS = {
    "int8": _int8,
    "onnx": _onnx,
    "html": _html,
    "transformers": _transformers,
    "arpa": _arpa,
    "word2vec": _word2vec,
}


def _measured(report: dict[str, Any], more: str = "") -> list[View]:
    return [f"measured on the {report['measured_on']}{more}"] if "measured_on" in report else []
