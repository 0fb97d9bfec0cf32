"""`rnnlm evaluate` for a model that forecasts: which table it reads, and how its figures look beside the baselines."""

from pathlib import Path
from typing import Any

from rnnlm.app.models import FoundModel
from rnnlm.app.request import Request
from rnnlm.cli.terminal import Terminal, count, table, terminal
from rnnlm.errors import InputError, UsageError
from rnnlm.model.network import Network
from rnnlm.tables.apply import apply_rules
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.series import Series, open_series
from rnnlm.tables.source import read_table, table_digest
from rnnlm.use.forecasts.baselines import Baseline, baselines
from rnnlm.use.forecasts.evaluate import Errors, errors, forecasts
from rnnlm.use.settings import EvaluateSettings
from rnnlm.views.forecast_plot import draw_forecast

_PLOTTED = 500  # rows of a picture


def evaluate_forecast(request: Request, found: FoundModel, network: Network) -> None:
    """Show a model's errors on a split or a table, beside those of methods that need no network."""
    given = request.settings(EvaluateSettings).settings
    given.refuse_tables("forecasts")
    if given.context is not None or given.baseline:
        raise UsageError("--context or --baseline with a forecast", "its baselines are always shown")
    series, train, split, name, digest = _data(request, found)
    truth = series.truth()
    forecast = forecasts(network, series, given.batch_size)
    figures = {"model": errors(forecast, truth)}
    names = {"model": found.model.name}
    if network.feeds_back:
        figures["forced"] = errors(forecasts(network, series, given.batch_size, forced=True), truth)
        ahead = series.rules.horizon - 1
        future = f", known up to {ahead} rows after the window" if ahead > 0 else ""
        names["forced"] = f"{found.model.name} fed true values{future}"
    others = baselines(train, series, given.season)
    figures |= {each.key: errors(each.forecast, truth) for each in others if each.forecast is not None}
    names |= {each.key: each.name for each in others}
    report = {
        "task": "forecast",
        "targets": list(series.rules.targets),
        "horizon": series.rules.horizon,
        "windows": len(series),
        "errors": {method: _figures(each) for method, each in figures.items()},
        "left_out": {each.key: each.reason for each in others if each.forecast is None},
        "split": split,
        "table_sha256": digest,
        "model_sha256": found.model.model_sha256,
    }
    screen = terminal(request)
    if given.plot is not None:
        _draw(Path(given.plot), series, truth, forecast, others, name)
        screen.notice(f"{given.plot}: the last {min(_PLOTTED, len(series)):,} windows of {name}")
    _show(screen, report, figures, names, series, name)


def _data(request: Request, found: FoundModel) -> tuple[Series, Series | None, str | None, str, str]:
    """The windows that the flags name, those of train where there are any, the split, its name and the table's digest.

    Raises UsageError for a model without a workspace, or a workspace whose windows are made by other rules.
    """
    given, model = request.settings(EvaluateSettings).settings, found.model
    rules = SeriesRules.from_json(model.config["series"])
    train = None
    if found.workspace is not None and found.workspace.manifest("window") is not None:
        with found.workspace.opening("window") as directory:
            train = open_series(directory, "train")
        train = train if train.rules == rules else None
    if given.text is not None:
        path = Path(given.text)
        return apply_rules(read_table(path), rules), train, None, given.text, table_digest(path)
    if found.workspace is None or train is None:
        other = "is a model without a workspace" if found.workspace is None else "was trained on other windows"
        raise UsageError(f"{model.path} {other}", "name a table with --text TABLE")
    with found.workspace.opening("window") as directory:
        series = open_series(directory, given.split or "test")
        split = given.split or ("test" if len(series) else "valid")
        series = series if len(series) else open_series(directory, split)
    if not len(series):
        raise InputError(f"the {split} split of {found.workspace.path} has no window", "name another with --split")
    digest = str(found.workspace.verified("table").settings["source_sha256"])
    return series, train, split, f"{split} split", digest


def ahead(rules: SeriesRules) -> str:
    """How far ahead the forecast is, in words."""
    return f"{rules.horizon} row{'' if rules.horizon == 1 else 's'} ahead"


def _figures(figures: Errors) -> dict[str, list[float]]:
    """The errors of one method as JSON, a number a target."""
    named = {"root_mean_square_error": figures.root_mean_square, "mean_absolute_error": figures.mean_absolute}
    return {**{key: list(value) for key, value in named.items()}, "nats_per_value": list(figures.nats_per_value)}


def _show(
    screen: Terminal,
    report: dict[str, Any],
    found: dict[str, Errors],
    names: dict[str, str],
    series: Series,
    what: str,
) -> None:
    targets = series.rules.targets
    columns = [f"{figure} {target}" for target in targets for figure in ("RMSE", "MAE")]
    view = table("method", *columns)
    for method, figures in found.items():
        pairs = zip(figures.root_mean_square, figures.mean_absolute, strict=True)
        view.add_row(names[method], *(f"{number:.4g}" for pair in pairs for number in pair))
    words = [f"{what}: {count(len(series))} windows, {ahead(series.rules)}, errors in the data's units"]
    words += [f"{names[method]} does not apply: {reason}" for method, reason in report["left_out"].items()]
    screen.result(report, view, *words)


def _draw(path: Path, series: Series, truth: Any, forecast: Any, others: list[Baseline], name: str) -> None:
    """The last windows of the first target, beside the first baseline that applies."""
    last = slice(-_PLOTTED, None)
    baseline = next((each.forecast for each in others if each.forecast is not None), None)
    beside = None if baseline is None else baseline[last, 0]
    title = f"{series.rules.targets[0]}, {ahead(series.rules)}, {name}"
    draw_forecast(path, truth[last, 0], forecast[last, 0], beside, title)
