"""A sealed model in a quarter of the bytes, and its loss in perplexity."""

from pathlib import Path
from typing import Any

from rnnlm.directories import replacement
from rnnlm.model.finding import FoundModel
from rnnlm.model.loading import load_network
from rnnlm.model.parameters import parameter_count
from rnnlm.model.quantized import check_quantizable, seal_quantized
from rnnlm.model.sealed import WEIGHTS
from rnnlm.screen import Screen
from rnnlm.use.export.measuring import measuring_text
from rnnlm.use.export.settings import ExportSettings

_BYTES = 1.1  # a number of the network: one byte, and the scales of the rows


def write_int8(found: FoundModel, given: ExportSettings, out: Path, device: str, screen: Screen) -> dict[str, Any]:
    """A sealed model in `out` with every matrix in 8 bits; its perplexity and that of the original."""
    original = found.model
    check_quantizable(original)
    metrics: dict[str, Any] = {"perplexity_before": None, "perplexity_after": None}
    with measuring_text(found, given, screen) as measure:
        if measure is not None:
            before, after = load_network(original, device), load_network(original, device, int8=True)
            metrics = {
                "perplexity_before": measure.perplexity(before, original.context),
                "perplexity_after": measure.perplexity(after, original.context),
                "context": original.context, "measured_on": measure.name, **measure.described(),
            }  # fmt: skip
    kept = {name: value for name, value in metrics.items() if name != "measured_on"}
    if metrics.get("split") == "valid":
        kept["valid_perplexity"] = metrics["perplexity_after"]
    wanted = round(_BYTES * parameter_count(original.architecture))
    with replacement(out.resolve(), wanted, f"another rnnlm writes {out}") as fresh:
        made = seal_quantized(original, fresh, kept)
    sizes = [(path / WEIGHTS).stat().st_size for path in (original.path, out)]
    return {
        "to": "int8", "out": str(out), **metrics, "bytes_before": sizes[0], "bytes_after": sizes[1],
        "model_sha256": made.model_sha256, "made_from_sha256": original.model_sha256,
    }  # fmt: skip
