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
from rnnlm.use.forecasts.baselines import Baseline
from rnnlm.use.forecasts.evaluate import ChosenWindows, choose_windows
from rnnlm.use.forecasts.report import Measured, measure
from rnnlm.views.charts import draw_forecast

_PLOTTED = 500  # rows of a picture


def evaluate_forecast(request: Request, found: FoundModel, network: Network) -> None:
    """A model's errors on a split or a table, and those of the baselines."""
    given = request.settings(EvaluateSettings).settings
    if given.context is not None or given.baseline:
        raise UsageError("--context or --baseline with a forecast", "its baselines are always shown")
    chosen = choose_windows(found, given.split, given.text)
    measured = measure(found, network, chosen, given.batch_size, given.season)
    screen, band = terminal(request), measured.interval
    for notice in chosen.notices:
        screen.notice(f"{chosen.name}: {notice}")
    if given.plot is not None:
        half = None if band is None else band.half_width
        _draw(Path(given.plot), chosen, measured.forecast, measured.baselines, found.model.name, half)
        screen.notice(f"{given.plot}: the last {min(_PLOTTED, len(chosen.series)):,} windows of {chosen.name}")
    _show(screen, measured, chosen.series, chosen.name)


def _show(screen: Terminal, measured: Measured, series: Series, what: str) -> None:
    targets, report, names = series.rules.targets, measured.report, measured.names
    columns = [f"{metric} {target}" for target in targets for metric in ("RMSE", "MAE")]
    view = Grid("method", *columns, named=0)
    for method, metrics in measured.errors.items():
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
