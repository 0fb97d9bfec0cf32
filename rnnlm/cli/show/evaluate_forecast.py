"""`rnnlm evaluate` of a model that forecasts, with baselines."""

from pathlib import Path
from typing import Any

from rnnlm.app.request import Request
from rnnlm.cli.terminal import Terminal, terminal
from rnnlm.errors import UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.model.network import Network
from rnnlm.screen import Grid, count
from rnnlm.tables.series import Series
from rnnlm.use.evaluation.settings import EvaluateSettings
from rnnlm.use.forecasts.baselines import Baseline, baselines
from rnnlm.use.forecasts.evaluate import ChosenWindows, Errors, choose_windows, errors, forecasts
from rnnlm.use.forecasts.interval import interval_of
from rnnlm.views.charts import draw_forecast

_PLOTTED = 500  # rows of a picture


def evaluate_forecast(request: Request, found: FoundModel, network: Network) -> None:
    """A model's errors on a split or a table, and those of the baselines."""
    given = request.settings(EvaluateSettings).settings
    if given.context is not None or given.baseline:
        raise UsageError("--context or --baseline with a forecast", "its baselines are always shown")
    chosen = choose_windows(found, given.split, given.text)
    series, truth = chosen.series, chosen.series.truth()
    forecast = forecasts(network, series, given.batch_size)
    metrics = {"model": errors(forecast, truth)}
    names = {"model": found.model.name}
    if network.feeds_back:
        metrics["forced"] = errors(forecasts(network, series, given.batch_size, forced=True), truth)
        ahead_ = series.rules.horizon - 1
        future = f", known up to {ahead_} rows after the window" if ahead_ > 0 else ""
        names["forced"] = f"{found.model.name} fed true values{future}"
    others = baselines(chosen.train, series, given.season, chosen.before)
    metrics |= {each.key: errors(each.forecast, truth) for each in others if each.forecast is not None}
    names |= {each.key: each.name for each in others}
    band = interval_of(found, network, given.batch_size) if chosen.split != "valid" else None
    report = {
        "task": "forecast", "targets": list(series.rules.targets), "horizon": series.rules.horizon,
        "windows": len(series), "errors": {method: _json(each) for method, each in metrics.items()},
        "left_out": {each.key: each.reason for each in others if each.forecast is None}, "split": chosen.split,
        "table_sha256": chosen.table_sha256, "model_sha256": found.model.model_sha256,
        "interval": None if band is None else band.described(forecast, truth),
    }  # fmt: skip
    screen = terminal(request)
    for notice in chosen.notices:
        screen.notice(f"{chosen.name}: {notice}")
    if given.plot is not None:
        _draw(Path(given.plot), chosen, forecast, others, found.model.name, None if band is None else band.half_width)
        screen.notice(f"{given.plot}: the last {min(_PLOTTED, len(series)):,} windows of {chosen.name}")
    _show(screen, report, metrics, names, series, chosen.name)


def _json(metrics: Errors) -> dict[str, list[float]]:
    """The errors of one method as JSON, one number per target."""
    return {"root_mean_square_error": list(metrics.root_mean_square), "nats_per_value": list(metrics.nats_per_value),
            "mean_absolute_error": list(metrics.mean_absolute)}  # fmt: skip


def _show(
    screen: Terminal, report: dict[str, Any], found: dict[str, Errors], names: dict[str, str], series: Series, what: str
) -> None:
    targets = series.rules.targets
    columns = [f"{metric} {target}" for target in targets for metric in ("RMSE", "MAE")]
    view = Grid("method", *columns, named=0)
    for method, metrics in found.items():
        pairs = zip(metrics.root_mean_square, metrics.mean_absolute, strict=True)
        view.add_row(names[method], *(f"{number:.4g}" for pair in pairs for number in pair))
    words = [f"{what}: {count(len(series))} windows, {series.rules.ahead}, errors in the data's units"]
    if band := report["interval"]:
        held = zip(targets, band["half_width"], band["coverage"], strict=True)
        inside = ", ".join(f"{target} ± {half:.4g} holds {share:.1%}" for target, half, share in held)
        words.append(f"{band['share']:.0%} interval by the errors on valid: {inside} of the {what}")
    words += [f"{names[method]} does not apply: {reason}" for method, reason in report["left_out"].items()]
    screen.result(report, view, *words)


def _draw(path: Path, chosen: ChosenWindows, forecast: Any, others: list[Baseline], model: str, half: Any) -> None:
    """The last windows, with the first baseline that applies."""
    last, rules = slice(-_PLOTTED, None), chosen.series.rules
    beside = next((each.forecast[last] for each in others if each.forecast is not None), None)
    times = None if chosen.times is None else chosen.times[last]
    truth, title = chosen.series.truth()[last], f"{model}: {rules.ahead}, {chosen.name}"
    draw_forecast(path, rules.targets, truth, forecast[last], beside, title=title, times=times, half_width=half)
