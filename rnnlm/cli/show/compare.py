"""`rnnlm compare`: models on one text, and each pair's difference."""

from rnnlm.app.models import load_language_model
from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.cli.terminal import terminal
from rnnlm.screen import Grid, count
from rnnlm.use.comparison.report import compare_models
from rnnlm.use.comparison.settings import CompareSettings


def compare(request: Request) -> None:
    """The metric of each model, and each pair's difference with its interval and p value."""
    screen, given = terminal(request), request.settings(CompareSettings).settings
    paths, reading = request.arguments["paths"], decoding(request, screen)
    report = compare_models(paths, given, load_language_model(request), reading)
    by_token = report["measure"] == "nats_per_token"
    unit = "nats/token" if by_token else "bits/byte"
    models = Grid("model", *(["perplexity"] if by_token else []), unit, "predictions", "unknown", named=0)
    for row in report["models"]:
        cells = [f"{row['perplexity']:.2f}"] if by_token else []
        metric = f"{row[report['measure']]:.4f}"
        models.add_row(row["name"], *cells, metric, count(row["tokens"]), count(row["unknown_tokens"]))
    pairs = Grid("pair", "difference", "95 %", "p", "better", named=0)
    for row in report["pairs"]:
        low, high = row["difference_95_percent"]
        better = row["first"] if high < 0 else row["second"] if low > 0 else "-"
        pairs.add_row(
            f"{row['first']} - {row['second']}", f"{row['difference']:+.4f}", f"{low:+.4f} to {high:+.4f}",
            f"{row['p_value']:.4f}", better,
        )  # fmt: skip
    words = [
        f"differences in {unit}, context {report['context']}; "
        f"paired bootstrap over {report['units_drawn']:,} {report['units']}"
    ]
    if not by_token:
        words.append("the models have different tokens: compared in bits per byte of the same cleaned text")
    if report["unknown_spelled"]:
        words.append("each unknown word costs p(<unk>) and its spelling under a character unigram of the training text")
    screen.result(report, models, "", pairs, *words)
