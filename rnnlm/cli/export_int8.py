"""`rnnlm export --to int8`: a sealed model in a quarter of the bytes, and what that costs it."""

from pathlib import Path
from typing import Any

from rnnlm.app.export_text import measuring_text
from rnnlm.app.models import FoundModel, network_of
from rnnlm.app.request import Request
from rnnlm.cli.terminal import count, table, terminal
from rnnlm.directories import replacement
from rnnlm.model.device import choose_device
from rnnlm.model.loading import load_network
from rnnlm.model.parameters import parameter_count
from rnnlm.model.quantized import check_quantizable, seal_quantized
from rnnlm.model.sealed import WEIGHTS

_BYTES = 1.1  # a number of the network: one byte, and the scales of the rows


def export_int8(request: Request, found: FoundModel, out: Path) -> None:
    """A sealed model with every matrix in 8 bits, and its perplexity beside that of the model it is made from."""
    original = found.model
    check_quantizable(original)
    figures: dict[str, Any] = {"perplexity_before": None, "perplexity_after": None}
    with measuring_text(request, found, terminal(request)) as measure:
        if measure is not None:
            before, context = network_of(request, found), original.context
            after = load_network(original, choose_device(request.run.device), int8=True)
            figures = {
                "perplexity_before": measure.perplexity(before, context),
                "perplexity_after": measure.perplexity(after, context),
                "context": context,
                **measure.described(),
            }
    kept = dict(figures)
    if figures.get("split") == "valid":
        kept["valid_perplexity"] = figures["perplexity_after"]
    wanted = round(_BYTES * parameter_count(original.architecture))
    with replacement(out.resolve(), wanted, f"another rnnlm writes {out}") as fresh:
        made = seal_quantized(original, fresh, kept)
    sizes = [(path / WEIGHTS).stat().st_size for path in (original.path, out)]
    report = {
        "to": "int8", "out": str(out), **figures, "bytes_before": sizes[0], "bytes_after": sizes[1],
        "model_sha256": made.model_sha256, "made_from_sha256": original.model_sha256,
    }  # fmt: skip
    view = table("weights", "bytes", "perplexity")
    for name, size, when in ((f"{original.name}, float32", sizes[0], "before"), (f"{out}, int8", sizes[1], "after")):
        perplexity = figures[f"perplexity_{when}"]
        view.add_row(name, count(size), "-" if perplexity is None else f"{perplexity:.2f}")
    words = []
    if measure is not None:
        words = [f"on the {measure.name}, context {figures['context']}, {measure.described()['tokens']:,} predictions"]
    terminal(request).result(report, view, *words)
