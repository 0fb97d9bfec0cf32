"""The rule of `train --budget` for labels, tags, forecasts and sentences: two data sets each, and a third to check it.

    python benchmarks/tasks.py --data DIR --text TEXT --tables DIR --out WORK [--budget 30s]
        [--only names,air] [--hidden 32,64] [--more "--dropout 0.5"] [--seeds 1]

Prints a JSON line for each run: data set, flags, epochs, seconds and the metric on validation. `--data` has the
surnames, the Penn Treebank and the air of Beijing, `--text` is what `documentation.py` wrote, `--tables` has
sunspots.csv and co2.csv, which `series.py` takes from statsmodels. One run at a time on each core.
"""

import argparse
import concurrent.futures
import itertools
import json
import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from command import rnnlm, rnnlm_json

_LINES = 20_000  # of documentation in a labelled data set
_METRIC = ("valid_accuracy", "valid_perplexity", "valid_root_mean_square_error")


def capitals(text: Path, lines: int) -> Iterator[str]:
    """A word in lower case and how it was written: lower, Title or UPPER, a blank line after each sentence."""
    for line in itertools.islice(text.open(encoding="utf-8"), lines):
        for word in line.split():
            if word.isalpha():
                yield f"{word.lower()}\t{'lower' if word.islower() else 'title' if word.istitle() else 'upper'}\n"
        yield "\n"


def boundaries(text: Path, lines: int) -> Iterator[str]:
    """The letters of a sentence, and whether each begins a word."""
    for line in itertools.islice(text.open(encoding="utf-8"), lines):
        for word in line.split():
            yield from (f"{letter}\t{'in' if place else 'begin'}\n" for place, letter in enumerate(word))
        yield "\n"


def topics(text: Path) -> Iterator[str]:
    """Lines of documentation by what they are of: the text of a package stands in one piece."""
    lines = text.read_text("utf-8").splitlines()
    pieces = 20
    for number, piece in enumerate(len(lines) * n // pieces for n in range(pieces)):
        for line in itertools.islice(lines, piece, piece + _LINES // pieces):
            yield f"{' '.join(line.split()[:40])}\tpart{number:02}\n"


def tables(folder: Path) -> dict[str, list[object]]:
    """The two tables that `series.py` reads from statsmodels."""
    return {
        "sunspots": ["window", folder / "sunspots.csv", "--target", "SUNACTIVITY", "--steps", 22, "--horizon", 1,
                     "--ignore", "YEAR", "--fractions", "0.6,0.2,0.2"],
        "co2": ["window", folder / "co2.csv", "--target", "co2", "--steps", 52, "--horizon", 4, "--time", "date",
                "--relative"],
    }  # fmt: skip


def _write(data: Path, text: Path, out: Path) -> None:
    """The files of the data sets that are made here."""
    out.mkdir(parents=True)
    (out / "capitals.txt").write_text("".join(capitals(text / "train.txt", _LINES)), "utf-8")
    (out / "letters.txt").write_text("".join(boundaries(data / "ptb" / "train.txt", _LINES // 2)), "utf-8")
    (out / "topics.tsv").write_text("text\tlabel\n" + "".join(topics(text / "train.txt")), "utf-8")
    (out / "documents.txt").write_text(
        "".join(itertools.islice((text / "train.txt").open(encoding="utf-8"), _LINES)), "utf-8"
    )
    (out / "digits.csv").write_text(rnnlm("corpus", "digits", "--count", 3_000), "utf-8")


def data_sets(data: Path, text: Path, folder: Path, out: Path) -> dict[str, list[object]]:
    """The command that prepares each, without --out."""
    if not out.exists():
        _write(data, text, out)
    names = ["vocab", data / "names", "--task", "classify", "--kind", "char", "--case", "keep", "--punctuation", "keep"]
    air = ["window", data / "weather" / "beijing.csv", "--target", "pm2.5", "--steps", 48, "--horizon", 24, "--ignore",
           "No,year", "--cycle", "hour=24,month=12", "--stride", 4]  # fmt: skip
    return {
        "names": names,
        "digits": ["window", out / "digits.csv", "--group", "utterance", "--label", "digit", "--ignore", "phone"],
        "topics": ["vocab", out / "topics.tsv", "--task", "classify"],
        "capitals": ["vocab", out / "capitals.txt", "--task", "tag"],
        "letters": ["vocab", out / "letters.txt", "--task", "tag"],
        "tags": ["vocab", "builtin:stories", "--task", "tag"],
        "air": air,
        **tables(folder),
        "ptb": ["vocab", data / "ptb", "--prepared"],
        "stories": ["vocab", "builtin:stories"],
        "documents": ["vocab", out / "documents.txt"],
    }


def main() -> None:
    """Prepare the data sets that are asked for, train, and print a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--tables", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budget", default="30s")
    parser.add_argument("--only")
    parser.add_argument("--hidden", default="")
    parser.add_argument("--more", nargs="*", default=[""])
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    sets = data_sets(given.data, given.text, given.tables, given.out)
    wanted = given.only.split(",") if given.only else list(sets)
    for name in wanted:
        if not (given.out / name / "workspace.json").exists():
            rnnlm(*sets[name], "--out", given.out / name, "--quiet")

    def train(run: tuple[int, str, str, str]) -> str:
        seed, more, hidden, name = run
        flags = [*(["--hidden", hidden] if hidden else []), *shlex.split(more)]
        flags += ["--batching", "sentences"] if name in ("ptb", "stories", "documents") else []
        label = "-".join(["run", given.budget, *flags, str(seed)]).replace("--", "").replace(" ", "").replace("/", "")
        work = given.out / "runs" / name / label  # a workspace of its own: one keeps the flags of earlier runs
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(given.out / name, work)
        always = ["--seed", seed, "--threads", 1, "--quiet"]
        made = rnnlm_json("train", work, "--budget", given.budget, *always, *flags)
        metric = next(made[key] for key in _METRIC if key in made)
        metric = metric if isinstance(metric, float) else next(iter(metric.values()))
        settings = json.loads((Path(made["model"]) / "config.json").read_text())["training"]
        row = {"data": name, "seed": seed, "budget": given.budget, "flags": " ".join(map(str, flags)), "metric": metric}
        row |= {"units": settings["hidden"], "dropout": settings["dropout"], "batch": settings["batch_size"]}
        return json.dumps({**row, "epochs": round(made["epochs"], 1), "seconds": round(made["seconds"], 1)})

    runs = list(itertools.product(range(1, given.seeds + 1), given.more, given.hidden.split(","), wanted))
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for line in pool.map(train, runs):
            print(line, flush=True)


if __name__ == "__main__":
    main()
