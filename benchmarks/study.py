"""What each part of the rule of a budget is worth: the study in `benchmarks/notebook.md`.

    python benchmarks/study.py run --data ptb/            # the missing runs, one by one
    python benchmarks/study.py table [--plot FILE.png]    # the results so far

`run` appends each result with its settings to study.jsonl (`--results`) and skips the runs that are there, so it can be
interrupted. Two minutes: each element of the rule omitted with three seeds, and alternatives with one. Ten minutes: the
four changes of the largest effect with two seeds, and with one seed the elements that the rule has only for more
epochs. Variants are compared on validation; test is measured once for each run of the unchanged rule. `--only "the rule
2m"` runs one case, `--seed 11` one seed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command import rnnlm_json

_SEEDS = (11, 12, 13)  # the rule was made with seeds 1 and 11
_BUDGETS = ("2m", "10m", "60m")
_LONGER = 4  # changes that also run for ten minutes
_KEPT = ("test", "valid", "epochs", "tokens_per_second", "peak_fraction")
_LEGEND = {"the rule": "rnnlm train --budget", "naive loop": "a plain PyTorch training loop"}
# Other programs on Penn Treebank on an earlier machine of the project: seconds and test perplexity.
_OTHERS = {"KenLM, 5-gram": (6, 141.2), "PyTorch's example": (365, 147.2), "Mikolov's rnnlm": (600, 148.5)}


@dataclass(frozen=True)
class Case:
    """One row of the study, run for its `seeds`: the rule with a budget, possibly changed, or the naive loop."""

    name: str
    budget: str
    flags: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (11,)
    tested: bool = False
    naive: bool = False


_ELEMENTS = {
    "random start": ("--embedding-init", "random"),
    "no projection": ("--hidden", "384", "--embedding", "384"),
    "one softmax": ("--output-layer", "full"),
    "one rate for all": ("--set", "embedding_rate=1"),
    "rate not annealed": ("--schedule", "constant"),
    "no temperature": ("--no-temperature-scaling",),
}
_ALTERNATIVES = {
    "half the rate": ("--learning-rate", "0.007"),
    "down in a line": ("--schedule", "linear"),
    "batches of 32": ("--batch-size", "32"),
    "batches of 128": ("--batch-size", "128"),
    "segments of 20": ("--bptt", "20"),
    "weights averaged at the end": ("--average", "0.998", "--set", "average_from=0.8"),
    "gradient descent": ("--optimizer", "sgd", "--learning-rate", "20", "--clip", "0.25", "--weight-decay", "0"),
    "gru": ("--cell", "gru"),
}
_IN_TEN_MINUTES = {
    "no projection": ("--hidden", "512", "--embedding", "512")
}  # with as many units as the rule has there
_ELEMENTS_OF_MORE_EPOCHS = {
    "no dropout": ("--dropout", "0"),
    "nothing bounds the projection": ("--set", "read_out=linear"),
    "no penalties": ("--activation-penalty", "0", "--temporal-penalty", "0"),
}
_CASES = (
    Case("the rule", "2m", seeds=_SEEDS, tested=True),
    Case("naive loop", "2m", tested=True, naive=True),
    *(Case(name, "2m", flags, seeds=_SEEDS) for name, flags in _ELEMENTS.items()),
    *(Case(name, "2m", flags) for name, flags in _ALTERNATIVES.items()),
    Case("sampled outputs", "2m", seeds=()),  # --output-layer sampled is gone; its result stays in the table
    Case("the rule", "10m", seeds=_SEEDS[:2], tested=True),
    Case("naive loop", "10m", tested=True, naive=True),
    *(Case(name, "10m", flags) for name, flags in _ELEMENTS_OF_MORE_EPOCHS.items()),
    Case("the rule", "60m", tested=True),
)


def study(data: str, results: Path, only: str | None, seeds: list[int]) -> None:
    """Run what is missing, each seed of all cases before the next."""
    for seed in seeds:
        for budget in _BUDGETS:
            for case in [*_CASES, *_longer(_rows(results))]:
                if case.budget != budget or seed not in case.seeds or only not in (None, f"{case.name} {budget}"):
                    continue
                if (case.name, budget, seed) not in {
                    (row["name"], row["budget"], row["seed"]) for row in _rows(results)
                }:
                    row = _run(case, data, seed)
                    print(json.dumps(row), flush=True)
                    with results.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")


def _longer(rows: list[dict[str, Any]]) -> list[Case]:
    """The changes with the largest effect on validation in two minutes, for ten; none until all have run once."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row["budget"] == "2m" and "valid" in row:
            found.setdefault(row["name"], []).append(row["valid"])
    changes = _ELEMENTS | _ALTERNATIVES
    if not {"the rule", *changes} <= set(found):
        return []
    effects = {name: abs(statistics.mean(found[name]) - statistics.mean(found["the rule"])) for name in changes}
    largest = sorted(effects, key=lambda name: -effects[name])[:_LONGER]
    return [Case(name, "10m", (changes | _IN_TEN_MINUTES)[name], seeds=_SEEDS[:2]) for name in largest]


def _run(case: Case, data: str, seed: int) -> dict[str, Any]:
    row: dict[str, Any] = {"name": case.name, "budget": case.budget, "seed": seed, "flags": list(case.flags)}
    if case.naive:
        seconds = {"2m": 120, "10m": 600}[case.budget]
        command = [sys.executable, str(Path(__file__).with_name("naive_loop.py")), "--data", data, "--seed", str(seed)]
        found = json.loads(
            subprocess.run([*command, "--seconds", str(seconds)], stdout=subprocess.PIPE, check=True).stdout
        )
        return row | found
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory) / "work"
        began = time.monotonic()
        trained = rnnlm_json(
            "train", data, "--prepared", "--out", work, "--budget", case.budget, "--seed", seed, *case.flags
        )
        row |= {
            "seconds": round(time.monotonic() - began, 2),
            "valid": rnnlm_json("evaluate", work, "--split", "valid")["perplexity"],
        }
        row |= {name: trained[name] for name in ("epochs", "tokens_per_second", "peak_fraction", "parameters")}
        if case.tested:
            row["test"] = rnnlm_json("evaluate", work)["perplexity"]
        model = work / "models" / (work / "models" / "LATEST").read_text().strip()
        row["settings"] = (model / "settings.toml").read_text().split("[train]")[1].split("\n[")[0]
    return row


def _rows(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.exists() else []


def table(results: Path, plot: Path | None) -> None:
    """Print means over seeds, and draw perplexity against time."""
    rows = _rows(results)
    print("| budget | variant | seeds | units | valid | test | epochs | tokens/s | fraction of peak | seconds |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    points: dict[str, list[tuple[float, float]]] = {}
    for case in sorted([*_CASES, *_longer(rows)], key=lambda case: _BUDGETS.index(case.budget)):
        found = [row for row in rows if (row["name"], row["budget"]) == (case.name, case.budget)]
        if not found:
            continue
        mean = {key: statistics.mean(row[key] for row in found) for key in (*_KEPT, "seconds") if key in found[0]}
        shown = {"valid": 2, "test": 2, "epochs": 2, "tokens_per_second": 0, "peak_fraction": 2, "seconds": 1}
        cells = [f"{mean[key]:,.{digits}f}" if key in mean else "-" for key, digits in shown.items()]
        sizes = sorted({tomllib.loads(row["settings"])["hidden"] for row in found if "settings" in row})
        units = ", ".join(map(str, sizes)) or "-"
        print(f"| {case.budget} | {case.name} | {len(found)} | {units} | {' | '.join(cells)} |")
        if "test" in mean:
            points.setdefault(case.name, []).append((mean["seconds"], mean["test"]))
    if plot is not None:
        _draw(points, plot)


def _draw(points: dict[str, list[tuple[float, float]]], plot: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    for name, found in points.items():
        axes.plot(*zip(*found, strict=True), marker="o", label=_LEGEND.get(name, name))
    for number, (name, (seconds, perplexity)) in enumerate(_OTHERS.items()):
        axes.plot([seconds], [perplexity], marker="x", linestyle="none", color="gray")
        axes.annotate(
            name, (seconds, perplexity), textcoords="offset points", xytext=(6, -12 if number % 2 else 4), color="gray"
        )
    axes.set(
        title="Penn Treebank on two CPU cores: better models in the same time",
        xscale="log",
        yscale="log",
        xlabel="time of the whole command (log scale)",
        ylabel="test perplexity (log scale; lower is better)",
    )
    axes.set_xticks([6, 30, 120, 600, 3600], ["6 s", "30 s", "2 min", "10 min", "1 h"])
    axes.set_yticks([70, 80, 100, 120, 150, 200], ["70", "80", "100", "120", "150", "200"])
    axes.minorticks_off()
    axes.legend()
    figure.savefig(plot, dpi=150)


def main() -> None:
    """Continue the study, or show it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--data", help="train.txt, valid.txt, test.txt of the Penn Treebank as Mikolov prepared it")
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("study.jsonl"))
    parser.add_argument("--only", help="one case of the study, as 'the rule 2m'")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--seed", type=int, choices=_SEEDS, help="one seed of the study")
    given = parser.parse_args()
    if given.what == "table":
        table(given.results, given.plot)
    elif given.data is None:
        parser.error("run needs its text: name it with --data")
    else:
        study(given.data, given.results, given.only, [given.seed] if given.seed else list(_SEEDS))


if __name__ == "__main__":
    main()
