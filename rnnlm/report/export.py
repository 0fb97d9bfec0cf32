"""A model as a page that runs it, and as a script that other pages can use; where an export may be written."""

import json
from pathlib import Path
from typing import Any

from rnnlm.artifacts import MANIFEST, read_json, seal, sha256_file, write_bytes
from rnnlm.directories import replacement
from rnnlm.errors import InputError, UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.model.parameters import parameter_count
from rnnlm.model.sealed import FORMAT as MODEL_FORMAT
from rnnlm.report.hub import HUB_FORMAT
from rnnlm.report.live import bits_for, check_live, live_part, live_section, loss_of_8_bits
from rnnlm.report.page import render, source
from rnnlm.report.parts import Live
from rnnlm.screen import Screen
from rnnlm.use.export.measuring import measuring_text
from rnnlm.use.export.onnx_export import ONNX_FORMAT
from rnnlm.use.export.settings import ExportSettings

HTML_FORMAT, HTML_VERSION = "rnnlm html", 1
PAGE, SCRIPT = "index.html", "model.js"
_BYTES = 6.0  # a number of the network: two bytes in each file, in 85 digits


def script_of(part: Live) -> str:
    """A script that defines `rnnlm.model` and nothing else, for `<script src>`, `import` and Node."""
    engine = source("numbers", "text", "model", step=part.step)
    data = json.dumps(part.model, ensure_ascii=False)
    return f'"use strict";\n(() => {{\n{engine}\nglobalThis.rnnlm = {{model: new Model({data}), random}};\n}})();\n'


def export_html(found: FoundModel, given: ExportSettings, out: Path, screen: Screen) -> dict[str, Any]:
    """A directory with `index.html`, in which the model runs, and `model.js`, the same model as `rnnlm.model`.

    Raises UsageError for a model that no page can run, or a name that looks like a file's.
    """
    sealed = found.model
    check_live(sealed)
    if out.suffix in (".html", ".js"):
        raise UsageError(
            f"--out {out} is to be a directory, of {PAGE} and {SCRIPT}",
            "name it without an ending; one page alone is written by: rnnlm report --live",
        )
    with measuring_text(found, given, screen) as measure:
        loss = None if measure is None else loss_of_8_bits(sealed, measure.text.ids, sealed.context)
    name = "" if measure is None else measure.name
    part = live_part(sealed, bits_for(loss))
    page = render(f"The model {sealed.name}", sealed.model_sha256[:12], [live_section(part, loss, name)])
    wanted = round(_BYTES * parameter_count(sealed.architecture))
    report = {"bits": part.model["bits"], "loss_of_8_bits": loss, "measured_on": name or None}
    with replacement(out.resolve(), wanted, f"another rnnlm writes {out}") as fresh:
        write_bytes(fresh / PAGE, page)
        write_bytes(fresh / SCRIPT, script_of(part).encode("utf-8", "replace"))
        seal(
            fresh, HTML_FORMAT, HTML_VERSION, settings={}, inputs={"model": sealed.model_sha256}, report=report,
            names=[PAGE, SCRIPT],
        )  # fmt: skip
    sizes = {each: (out / each).stat().st_size for each in (PAGE, SCRIPT)}
    return {
        "to": "html", "out": str(out), **report, "bytes": sizes, "model": sealed.name,
        "model_sha256": sealed.model_sha256,
    }  # fmt: skip


def check_free(out: Path, model: Path, *, directory: bool, force: bool) -> None:
    """Raise UsageError if a file exists that must not be replaced, InputError without a parent directory."""
    if not out.resolve().parent.is_dir():
        raise InputError(f"--out {out}: there is no directory {out.parent}", "create it first")
    if not out.exists():
        return
    if out.resolve() in (model.resolve(), *model.resolve().parents):
        raise UsageError(f"--out {out} is the model itself, or contains it", "name another")
    if not force:
        raise UsageError(f"--out {out} exists", "name another, or replace it with --force")
    if out.is_dir() != directory or (directory and not _was_exported(out)):
        raise UsageError(f"--out {out} was not written by this command", "name another")
    if directory and (own := _not_ours(out)):
        raise UsageError(f"--out {out} holds {own}, which this command did not write", "move it, or name another")


def _not_ours(directory: Path) -> str:
    """The name of a file in an export's directory that was added or changed since; '' where there is none."""
    written: dict[str, str] = read_json(directory / MANIFEST, remedy="remove it")["outputs"]
    for path in sorted(directory.iterdir()):
        if path.name != MANIFEST and (not path.is_file() or written.get(path.name) != sha256_file(path)):
            return path.name
    return ""


def _was_exported(directory: Path) -> bool:
    """Whether an export wrote a directory, by its manifest."""
    if not (directory / MANIFEST).is_file():
        return False
    content = read_json(directory / MANIFEST, remedy="remove it")
    rounded = content.get("format") == MODEL_FORMAT and content.get("settings") == {"weights": "int8"}
    return rounded or content.get("format") in (ONNX_FORMAT, HTML_FORMAT, HUB_FORMAT)
