"""`rnnlm evaluate` of a model that forecasts, with baselines."""

from pathlib import Path

from rnnlm.app.request import Request
from rnnlm.cli.terminal import Terminal, terminal
from rnnlm.errors import UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.model.network import Network
from rnnlm.screen import Grid, View, count
from rnnlm.tables.series import Series
from rnnlm.use.evaluation.settings import EvaluateSettings
from rnnlm.use.forecasts.evaluate import ChosenWindows, choose_windows, over_horizons
from rnnlm.use.forecasts.paths import by_rows_ahead, last_paths
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
    screen = terminal(request)
    for notice in chosen.notices:
        screen.notice(f"{chosen.name}: {notice}")
    if given.plot is not None:
        _draw(Path(given.plot), chosen, measured, found.model.name)
        screen.notice(f"{given.plot}: the last forecasts of {chosen.name}")
    _show(screen, measured, chosen.series, chosen.name)


def _show(screen: Terminal, measured: Measured, series: Series, what: str) -> None:
    rules, report, names = series.rules, measured.report, measured.names
    view = Grid("method", *(f"{metric} {target}" for target in rules.targets for metric in ("RMSE", "MAE")), named=0)
    for method, metrics in measured.errors.items():
        over = over_horizons(metrics, rules)
        pairs = zip(over.root_mean_square, over.mean_absolute, strict=True)
        view.add_row(names[method], *(f"{number:.4g}" for pair in pairs for number in pair))
    words = [f"{what}: {count(len(series))} windows, {rules.ahead}, errors in the data's units"]
    by_horizon: list[View] = []
    if rules.first is not None:
        band = measured.interval
        share = "" if band is None else f"; ± is half the {band.share:.0%} interval by {band.origin}"
        by_horizon = ["", by_rows_ahead(measured, rules), f"root mean square errors by rows ahead{share}", ""]
    elif told := report["interval"]:
        held = zip(rules.targets, told["half_width"], told["coverage"], strict=True)
        inside = ", ".join(f"{target} ± {half:.4g} holds {share:.1%}" for target, half, share in held)
        words.append(f"{told['share']:.0%} interval by {told['by']}: {inside} of the {what}")
    words += [f"{names[method]} does not apply: {reason}" for method, reason in report["left_out"].items()]
    screen.result(report, view, *by_horizon, *words)


def _draw(path: Path, chosen: ChosenWindows, measured: Measured, model: str) -> None:
    """The last windows, or the last paths, with the first baseline that applies."""
    rules, shown = chosen.series.rules, last_paths(chosen, measured, _PLOTTED)
    title, lines = f"{model}: {rules.ahead}, {chosen.name}", (shown.truth, shown.forecast, shown.baseline)
    draw_forecast(path, rules.targets, *lines, title=title, times=shown.times, ends=shown.ends)
