"""What a time budget buys, and that it is kept.

    python benchmarks/budget.py run --data ptb/                           # what is missing of the study, run by run
    python benchmarks/budget.py table [--plot FILE.png]                   # what there is so far
    python benchmarks/budget.py kept --data ptb/                          # is a budget kept, also on a busy machine?
    python benchmarks/budget.py large                                     # 100,000 words against 10,000
    python benchmarks/budget.py peak                                      # share of the matrix peak, full softmax

`run` appends each result with its settings to budget.jsonl (`--results`) and skips what is there, so that any sitting
goes on. Variants are compared on validation; test is measured once for each of the rule's own runs. The four changes
that matter most in two minutes are tried in ten. `--only "the rule 2m"` runs one case, `--seed 11` one seed.
"""

import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command import rnnlm, rnnlm_json

_SEEDS = (11, 12, 13)  # the rule was made with seed 1
_LONGER = 4  # changes that are tried in ten minutes too
_KEPT = ("test", "valid", "epochs", "tokens_per_second", "peak_fraction")
# The lines that others reached on Penn Treebank on an earlier machine of the project: seconds and test perplexity.
_OTHERS = {
    "KenLM, 5-gram": (6, 141.2),
    "PyTorch's example": (365, 147.2),
    "Mikolov's rnnlm": (600, 148.5),
}


@dataclass(frozen=True)
class Case:
    """One row of the study: the rule with a budget, some of it changed, or the naive loop."""

    name: str
    budget: str
    flags: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (11,)
    tested: bool = False
    naive: bool = False


_ABLATIONS = {
    "random start": ("--embedding-start", "random"),
    "one softmax": ("--output-layer", "full"),
    "sampled outputs": ("--output-layer", "sampled"),
    "one rate for all": ("--embedding-rate", "1"),
    "half the rate": ("--learning-rate", "0.006"),
    "rate not annealed": ("--schedule", "constant"),
    "down in a line": ("--schedule", "linear"),
    "no dropout": ("--dropout", "0"),
    "batches of 32": ("--batch-size", "32"),
    "batches of 128": ("--batch-size", "128"),
    "segments of 20": ("--bptt", "20"),
    "weights averaged at the end": ("--average", "0.998", "--average-from", "0.8"),
    "no temperature": ("--no-calibrate",),
    "gradient descent": ("--optimizer", "sgd", "--learning-rate", "20", "--clip", "0.25", "--weight-decay", "0"),
    "gru": ("--cell", "gru"),
}
_CASES = (
    Case("the rule", "2m", seeds=_SEEDS, tested=True),
    Case("naive loop", "2m", tested=True, naive=True),
    *(Case(name, "2m", flags, seeds=_SEEDS) for name, flags in _ABLATIONS.items()),
    Case("the rule", "10m", seeds=_SEEDS[:2], tested=True),
    Case("naive loop", "10m", tested=True, naive=True),
    Case("the rule", "60m", tested=True),
)


def study(data: str, results: Path, only: str | None, seeds: list[int]) -> None:
    """Run what is missing, one seed of everything before the next."""
    for seed in seeds:
        for budget in ("2m", "10m", "60m"):
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
    """The changes of the largest effect on validation in two minutes, in ten; none until all have been tried once."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row["budget"] == "2m" and "valid" in row:
            found.setdefault(row["name"], []).append(row["valid"])
    if not {"the rule", *_ABLATIONS} <= set(found):
        return []
    effects = {name: abs(statistics.mean(found[name]) - statistics.mean(found["the rule"])) for name in _ABLATIONS}
    largest = sorted(effects, key=lambda name: -effects[name])[:_LONGER]
    return [Case(name, "10m", _ABLATIONS[name], seeds=_SEEDS[:2]) for name in largest]


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
    """Means over seeds, and the picture of perplexity against time."""
    rows = _rows(results)
    print("| budget | variant | seeds | valid | test | passes | tokens/s | share of peak | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    points: dict[str, list[tuple[float, float]]] = {}
    for case in [*_CASES, *_longer(rows)]:
        found = [row for row in rows if (row["name"], row["budget"]) == (case.name, case.budget)]
        if not found:
            continue
        mean = {key: statistics.mean(row[key] for row in found) for key in (*_KEPT, "seconds") if key in found[0]}
        shown = {"valid": 2, "test": 2, "epochs": 2, "tokens_per_second": 0, "peak_fraction": 2, "seconds": 1}
        cells = [f"{mean[key]:,.{digits}f}" if key in mean else "-" for key, digits in shown.items()]
        print(f"| {case.budget} | {case.name} | {len(found)} | {' | '.join(cells)} |")
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
        axes.plot(*zip(*found, strict=True), marker="o", label=name)
    for number, (name, (seconds, perplexity)) in enumerate(_OTHERS.items()):
        axes.plot([seconds], [perplexity], marker="x", linestyle="none", color="grey")
        axes.annotate(
            name, (seconds, perplexity), textcoords="offset points", xytext=(6, -12 if number % 2 else 4), color="grey"
        )
    axes.set(xscale="log", yscale="log", xlabel="seconds, all included", ylabel="Penn Treebank test perplexity")
    axes.set_xticks([6, 30, 120, 600, 3600], ["6 s", "30 s", "2 min", "10 min", "1 h"])
    axes.set_yticks([70, 80, 100, 120, 150], ["70", "80", "100", "120", "150"])
    axes.minorticks_off()
    axes.legend()
    figure.savefig(plot, dpi=150)


def _spin(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def kept(data: str, budgets: list[str]) -> None:
    """Seconds late (early where negative), alone and with another process on one core in the middle third."""
    allowed = {"s": 1.0, "m": 60.0}
    for budget in budgets:
        seconds = float(budget[:-1]) * allowed[budget[-1]]
        for busy in (False, True):
            with tempfile.TemporaryDirectory() as directory:
                began = time.monotonic()
                command = [sys.executable, "-m", "rnnlm", "train", data, "--prepared", "--out", f"{directory}/work"]
                running = subprocess.Popen([*command, "--budget", budget, "--quiet"], stdout=subprocess.DEVNULL)
                if busy:
                    time.sleep(seconds / 3)
                    other = multiprocessing.Process(target=_spin, args=(seconds / 3,))
                    other.start()
                running.wait()
                took = time.monotonic() - began
                if busy:
                    other.join()
            late, most = took - seconds, max(0.02 * seconds, 2.0)
            good = -0.05 * seconds <= late <= most
            print(f"{budget:>4} {'busy' if busy else 'alone':<6} {late:+7.2f} s, at most {most:.1f} late: "
                  f"{'kept' if good else 'NOT KEPT'}", flush=True)  # fmt: skip


def large(words: int = 100_000, megabytes: int = 100) -> None:
    """Tokens a second and memory with 100,000 words and 100 MB of text, against 10,000 words of the same text."""
    import numpy as np

    random = np.random.Generator(np.random.PCG64(1))
    below = np.cumsum(1 / (np.arange(3 * words) + 2.7))  # Zipf's law, as Mandelbrot has it
    with tempfile.TemporaryDirectory() as directory:
        text, speeds = Path(directory) / "text.txt", {}
        with text.open("w", encoding="utf-8") as file:
            while file.tell() < megabytes * 10**6:
                ranks = np.searchsorted(below, random.random((2_000, 20)) * below[-1])
                file.writelines(" ".join(f"w{rank:x}" for rank in row) + "\n" for row in ranks.tolist())
        for size in (10_000, words):
            work = Path(directory) / f"work-{size}"
            rnnlm("vocab", text, "--prepared", "--out", work, "--max-size", size)
            plan = rnnlm_json("train", work, "--budget", "60s", "--hidden", "256", "--plan")
            command = [
                sys.executable,
                "-m",
                "rnnlm",
                "train",
                str(work),
                "--budget",
                "60s",
                "--hidden",
                "256",
                "--json",
            ]
            timed = subprocess.run(["/usr/bin/time", "-v", *command], capture_output=True, text=True, check=True)
            trained = json.loads(timed.stdout)
            peak = next(line for line in timed.stderr.splitlines() if "Maximum resident" in line).split()[-1]
            wall = next(line for line in timed.stderr.splitlines() if "Elapsed" in line).split()[-1]
            speeds[size] = trained["tokens_per_second"]
            print(f"{size:,} words, {plan['output_layer']} {plan['cuts']}: {speeds[size]:,.0f} tokens/s, "
                  f"{int(peak) / 1024:,.0f} MB at peak, {wall} of 1:00", flush=True)  # fmt: skip
        print(f"a token costs {speeds[10_000] / speeds[words]:.2f} times as much")


def peak(data: str) -> None:
    """Share of the matrix peak of 1 × 512 with one softmax over 10,000 outputs, batches of 64 × 35.

    Training alone: the validation split is the first lines of that of `data`, so that measuring it takes no time.
    """
    with tempfile.TemporaryDirectory() as directory:
        work, corpus = Path(directory) / "work", Path(directory) / "corpus"
        corpus.mkdir()
        (corpus / "train.txt").write_bytes((Path(data) / "train.txt").read_bytes())
        lines = (Path(data) / "valid.txt").read_bytes().splitlines(keepends=True)
        (corpus / "valid.txt").write_bytes(b"".join(lines[:64]))
        flags = [
            "--hidden",
            512,
            "--embedding",
            512,
            "--batch-size",
            64,
            "--bptt",
            35,
            "--steps",
            200,
            "--dropout",
            0.2,
        ]
        rnnlm("vocab", corpus, "--prepared", "--out", work)
        trained = rnnlm_json("train", work, *flags, "--output-layer", "full")
    print(f"{trained['tokens_per_second']:,.0f} tokens/s, {trained['peak_fraction']:.0%} of the matrix-product peak")


def main() -> None:
    """One of the five."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table", "kept", "large", "peak"))
    parser.add_argument("--data", help="train.txt, valid.txt, test.txt of the Penn Treebank as Mikolov prepared it")
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("budget.jsonl"))
    parser.add_argument("--only", help="one case of the study, as 'the rule 2m'")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--budgets", nargs="+", default=["30s", "2m", "10m"])
    parser.add_argument("--seed", type=int, choices=_SEEDS, help="one seed of the study")
    given = parser.parse_args()
    if given.what in ("run", "kept", "peak") and given.data is None:
        parser.error(f"{given.what} needs its text: name it with --data")
    if given.what == "run":
        study(given.data, given.results, given.only, [given.seed] if given.seed else list(_SEEDS))
    elif given.what == "table":
        table(given.results, given.plot)
    elif given.what == "kept":
        kept(given.data, given.budgets)
    elif given.what == "large":
        large()
    else:
        peak(given.data)


if __name__ == "__main__":
    main()
