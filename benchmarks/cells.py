"""Every shipped cell on the same data: in two minutes, at equal tokens, and on tasks of memory, beside the LSTM.

    python benchmarks/cells.py ROWS.jsonl --data DIR [--shakespeare FILE] [--cells gru,lstm] [--measures minutes,recall]
                               [--seeds 1,2,3] [--budget 2m]

DIR has train.txt, valid.txt and test.txt of the Penn Treebank as Mikolov has them. Each run is a row of ROWS.jsonl;
those that are there are not run again. The measures:

    minutes      validation perplexity of the Penn Treebank with `--budget`, as `rnnlm train` chooses all else
    tokens       the same for 256 units and 500,000 tokens of it, outputs in clusters, without dropout
    shakespeare  validation bits per character of FILE with the same budget
    recall       accuracy at lag 100, 600 steps of 32 sequences, 64 units; chance is 12.5 %
    adding       mean squared error over 100 steps, 1,000 steps of 32; a constant has 0.1667

The table has means over seeds, their standard errors, speed, its fraction of the matrix peak, and the ratio to the
LSTM.
"""

import argparse
import json
import math
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from command import rnnlm, rnnlm_json

from rnnlm.model.cells.library import shipped

MEASURES = ("minutes", "tokens", "shakespeare", "recall", "adding")
_EQUAL = ("--hidden", 256, "--embedding", 128, "--tokens", 500_000, "--dropout", 0, "--batch-size", 32)
_MEMORY = ("--hidden", 64, "--batch-size", 32, "--dropout", 0, "--weight-decay", 0)
# Gates that keep a state are opened for both tasks of memory, as a half-life of 100 steps asks.
_OPEN = 5.0


def measured(measure: str, cell: str, seed: int, given: argparse.Namespace, place: Path) -> dict[str, Any]:
    """Train one network; its metric and speed."""
    flags: list[object] = ["--cell", cell, "--seed", seed, "--name", f"{cell}-{measure}-{seed}"]
    if measure in ("minutes", "tokens"):
        work = place / "ptb"
        if not work.exists():
            rnnlm("vocab", given.data, "--prepared", "--out", work)
        layer = "full" if shipped()[cell].feeds_back else "clusters"
        how = ("--budget", given.budget) if measure == "minutes" else (*_EQUAL, "--output-layer", layer)
        report = rnnlm_json("train", work, *flags, *how)
        whole = rnnlm_json("evaluate", report["model"], "--text", Path(given.data) / "valid.txt")
        return told(report, whole["perplexity"])
    if measure == "shakespeare":
        work = place / "shakespeare"
        if not work.exists():
            rnnlm(
                "vocab", given.shakespeare, "--kind", "char", "--case", "keep", "--punctuation", "keep", "--out", work
            )
        report = rnnlm_json("train", work, *flags, "--budget", given.budget)
        whole = rnnlm_json(
            "evaluate", report["model"], "--text", work / "raw" / "valid.txt"
        )  # a budget may read a part
        return told(report, math.log2(whole["perplexity"]))
    keeps = shipped()[cell].form.keeping_bias is not None
    flags += ["--forget-bias", _OPEN] if keeps else []
    work, file = place / measure, place / (f"{measure}.tsv" if measure == "recall" else f"{measure}.csv")
    if not file.exists():
        file.write_text(rnnlm("corpus", measure, "--lag", 100, "--count", 20_000), "utf-8")
    if measure == "recall":
        read = (work,) if work.exists() else (file, "--out", work, "--task", "classify", "--kind", "whitespace")
        report = rnnlm_json("train", *read, *flags, *_MEMORY, "--steps", 600, "--learning-rate", 0.003)
        return told(report, report["valid_accuracy"])
    if not work.exists():
        rnnlm("window", file, "--out", work, "--group", "sequence", "--target", "sum", "--horizon", 0)
    report = rnnlm_json("train", work, *flags, *_MEMORY, "--steps", 1000, "--learning-rate", 0.01)
    errors = report["valid_root_mean_square_error"]
    return told(report, (errors["sum"] if isinstance(errors, dict) else errors) ** 2)


def outcome(measure: str, cell: str, seed: int, given: argparse.Namespace, place: Path) -> dict[str, Any]:
    """The same; a run that diverges, which ends with exit code 6, has no metric."""
    try:
        return measured(measure, cell, seed, given, place)
    except subprocess.CalledProcessError as error:
        if error.returncode != 6:
            raise
        return {"metric": None, "tokens_per_second": None, "peak_fraction": None, "seconds": None}


def told(report: dict[str, Any], metric: float) -> dict[str, Any]:
    """What a row has of a run."""
    return {"metric": metric, **{key: report[key] for key in ("tokens_per_second", "peak_fraction", "seconds")}}


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The runs so far."""
    if path.exists():
        yield from map(json.loads, path.read_text("utf-8").splitlines())


def main() -> None:
    """Run what is missing, then print a table for each measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--shakespeare")
    parser.add_argument("--cells", default=",".join(shipped()))
    parser.add_argument("--measures", default=",".join(MEASURES))
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--budget", default="2m")
    given = parser.parse_args()
    done = {(row["measure"], row["cell"], row["seed"]) for row in rows(given.rows)}
    with tempfile.TemporaryDirectory() as directory:
        for seed in map(int, given.seeds.split(",")):
            for measure in given.measures.split(","):
                for cell in given.cells.split(","):
                    # Recurrence 2 has no output to feed back before the end of a text with one label.
                    possible = measure != "recall" or not shipped()[cell].feeds_back
                    if possible and (measure, cell, seed) not in done:
                        found = outcome(measure, cell, seed, given, Path(directory))
                        row = {"measure": measure, "cell": cell, "seed": seed, **found}
                        with given.rows.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(row) + "\n")
    for measure in MEASURES:
        show(measure, [row for row in rows(given.rows) if row["measure"] == measure])


def show(measure: str, found: list[dict[str, Any]]) -> None:
    """The table of a measure, best first."""
    diverged = sorted({row["cell"] for row in found if row["metric"] is None})
    found = [row for row in found if row["metric"] is not None]
    metrics = {cell: [row["metric"] for row in found if row["cell"] == cell] for cell in shipped()}
    metrics = {cell: values for cell, values in metrics.items() if values}
    if not metrics:
        return
    lstm = statistics.fmean(metrics["lstm"]) if "lstm" in metrics else math.nan
    print(f"\n{measure:<20} seeds    metric  std. error  of LSTM's  tokens/s  of peak")
    for cell, values in sorted(
        metrics.items(), key=lambda item: statistics.fmean(item[1]), reverse=measure == "recall"
    ):
        mean = statistics.fmean(values)
        error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        mine = [row for row in found if row["cell"] == cell]
        speed, peak = (statistics.median(row[key] for row in mine) for key in ("tokens_per_second", "peak_fraction"))
        print(
            f"{cell:<20} {len(values):>5} {mean:>9.4g} {error:>11.2g} {mean / lstm:>10.3f} {speed:>9,.0f} {peak:>8.0%}"
        )
    if diverged:
        print(f"diverged: {', '.join(diverged)}")


if __name__ == "__main__":
    main()
