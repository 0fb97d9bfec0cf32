"""Forecasts beside AutoETS, AutoARIMA and seasonal naive of statsforecast, from the same rows, by the same errors.

    python -m venv peers && peers/bin/pip install statsforecast statsmodels
    python benchmarks/series.py --peers peers/bin/python --data beijing.csv

Sunspots by the year and carbon dioxide by the week come with statsmodels; the hourly air of Beijing is the file of
`--data`. A path of all horizons is forecast from every n-th row of the test split, n being its length, so that no value
counts twice. AutoETS and AutoARIMA are fitted once, on the last rows of train and valid, and continue from every origin
with these parameters, MSTL and seasonal naive are fitted from every origin; rnnlm is trained once as it is, and once
with `--quantiles`, whose interval is then its own.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HORIZON = {"sunspots": 10, "co2": 26, "beijing": 24}
SEASON = {"sunspots": 11, "co2": 52, "beijing": 24}
STEPS = {"sunspots": 22, "co2": 52, "beijing": 48}
TARGET = {"sunspots": "SUNACTIVITY", "co2": "co2", "beijing": "pm2.5"}
MORE = {
    "sunspots": ["--ignore", "YEAR", "--fractions", "0.6,0.2,0.2"],
    "co2": ["--time", "date", "--relative"],
    "beijing": ["--ignore", "No,year", "--cycle", "hour=24,month=12"],
}
FITTED, READ = 2_000, 1_000  # rows that a peer is fitted on, and those it reads before each origin
SHARE = 0.9


def filled(values):  # type: ignore[no-untyped-def]
    """Unknown values as the ones before them."""
    found = list(values)
    for place in range(len(found)):
        if found[place] is None:
            found[place] = found[place - 1] if place else next(each for each in found if each is not None)
    return found


def datasets(directory: str) -> None:
    """In the peers' environment: write the two tables that statsmodels has."""
    from statsmodels.datasets import co2, sunspots

    sunspots.load_pandas().data.to_csv(Path(directory, "sunspots.csv"), index=False)
    table = co2.load_pandas().data
    table.to_csv(Path(directory, "co2.csv"), index_label="date")


def forecast(task: str) -> None:
    """In the peers' environment: the paths of every method from every origin, with their intervals, as JSON."""
    import numpy as np
    from statsforecast.models import MSTL, AutoARIMA, AutoETS, SeasonalNaive

    given = json.loads(Path(task).read_text())
    y, origins, horizon, season = (given[name] for name in ("values", "origins", "horizon", "season"))
    y = np.array(filled(y), float)
    found = {}
    models = {"AutoETS": AutoETS(season), "AutoARIMA": AutoARIMA(season_length=season)}
    if season > 24:  # ETS has at most 24 seasons, and ARIMA of 52 takes hours in full
        small = {"max_p": 2, "max_q": 2, "max_P": 1, "max_Q": 1}
        models = {"AutoETS": AutoETS(1), "AutoARIMA": AutoARIMA(season_length=season, **small), "MSTL": MSTL(season)}
    for name, model in {**models, "SeasonalNaive": SeasonalNaive(season)}.items():
        started_at = time.perf_counter()
        again = name in ("SeasonalNaive", "MSTL")  # fitted from every origin
        read = min(READ, 10 * season) if name == "AutoARIMA" and season > 24 else READ
        if not again:
            model.fit(y[max(0, given["fitted"] - min(FITTED, 2 * read)) : given["fitted"]])
        rows = []
        for origin in origins:
            before = y[max(0, origin - read) : origin]
            how = {"h": horizon, "level": [int(100 * SHARE)]}
            made = model.forecast(y=before, **how) if again else model.forward(y=before, **how)
            rows.append(
                [
                    made["mean"].tolist(),
                    made[f"lo-{int(100 * SHARE)}"].tolist(),
                    made[f"hi-{int(100 * SHARE)}"].tolist(),
                ]
            )
        found[name] = {"seconds": time.perf_counter() - started_at, "rows": rows}
    print(json.dumps(found))


def ours(table: Path, name: str, work: Path, more: list[str], origins: list[int]) -> dict:  # type: ignore[type-arg]
    """The paths of rnnlm from the origins, by --future of the table up to each."""
    from command import rnnlm as run

    import rnnlm
    from rnnlm.tables.apply import apply_rules
    from rnnlm.tables.source import read_table
    from rnnlm.use.forecasts.evaluate import forecasts
    from rnnlm.use.forecasts.interval import interval_of

    started_at = time.perf_counter()
    run("train", work, "--name", "ours", "--force", *more)
    loaded = rnnlm.load(work, model="ours")
    series = apply_rules(read_table(table), loaded.rules, future=True)
    made = forecasts(loaded.network, series, 64)
    band = interval_of(loaded._found, loaded.network, series, made, 64)
    window = {int(end): number for number, end in enumerate(series.windows[:, 1])}
    rows = [[each[window[origin]].tolist() for each in (made, band.lower, band.upper)] for origin in origins]
    return {"seconds": time.perf_counter() - started_at, "rows": rows}


def row(name: str, found: dict, truth: list) -> str:  # type: ignore[type-arg]
    """Errors over all known values, and what the interval holds."""
    import numpy as np

    made = np.array(found["rows"])
    y = np.array(truth, float)
    known = ~np.isnan(y)
    error = (made[:, 0] - y)[known]
    inside = ((made[:, 1] <= y) & (y <= made[:, 2]))[known].mean()
    width = (made[:, 2] - made[:, 1])[known].mean()
    return (
        f"| {name} | {np.sqrt((error**2).mean()):.4g} | {abs(error).mean():.4g} | {inside:.1%} | {width:.4g} | "
        f"{found['seconds']:.0f} s |"
    )


def main() -> None:
    """Every table with every method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", required=True, help="the interpreter that has statsforecast")
    parser.add_argument("--data", help="beijing.csv")
    parser.add_argument("--only", choices=list(HORIZON))
    given = parser.parse_args()
    from command import rnnlm as run

    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        subprocess.run([given.peers, __file__, "datasets", directory], check=True)
        if given.data:
            (place / "beijing.csv").write_bytes(Path(given.data).read_bytes())
        for name, horizon in HORIZON.items():
            table, work = place / f"{name}.csv", place / name
            if not table.exists() or given.only not in (None, name):
                continue
            run("window", table, "--out", work, "--target", TARGET[name], "--steps", STEPS[name],
                "--horizon", f"1-{horizon}", *MORE[name])  # fmt: skip
            with table.open() as file:
                cells = [line[TARGET[name]] for line in csv.DictReader(file)]
            values = [float(cell) if cell not in ("", "NA") else None for cell in cells]
            fitted = int(0.8 * len(values))
            origins = list(range(fitted, len(values) - horizon + 1, horizon))
            truth = [[values[origin + step] for step in range(horizon)] for origin in origins]
            task = place / "task.json"
            task.write_text(json.dumps(
                {"values": values, "origins": origins, "horizon": horizon, "season": SEASON[name], "fitted": fitted}
            ))  # fmt: skip
            answer = subprocess.run(
                [given.peers, __file__, "forecast", task], check=True, capture_output=True, text=True
            )
            methods = json.loads(answer.stdout)
            methods["rnnlm"] = ours(table, name, work, [], origins)
            methods["rnnlm --quantiles"] = ours(table, name, work, ["--quantiles", "0.05,0.5,0.95"], origins)
            truths = [[float("nan") if each is None else each for each in path] for path in truth]
            print(f"\n{name}: {len(values):,} rows, {len(origins):,} paths of {horizon}\n")
            print("| method | RMSE | MAE | inside 90 % | width | time |\n|---|---|---|---|---|---|")
            for method, found in methods.items():
                print(row(method, found, truths), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] in (["datasets"], ["forecast"]):
        {"datasets": datasets, "forecast": forecast}[sys.argv[1]](sys.argv[2])
    else:
        main()
