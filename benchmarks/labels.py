"""Labels of sequences, trained and measured through the command line.

    python benchmarks/labels.py surnames --data DIR      # a file a language; a character LSTM beside naive Bayes
    python benchmarks/labels.py tagging                  # the built-in stories; recurrence ② forced, free, scheduled

With every word known, the tags of a story follow from its words alone; with 60 words known, the previous tag says much.
Surnames: pairs of name and language are deduplicated, all labels of a name are in one split, and the result is the mean
of five splits. The smoothing of naive Bayes is chosen on validation by macro-F1. The network is evaluated twice, the
second time with `--balance 0.2`. On validation that costs almost no accuracy in the mean of the five splits (83.66 %
without, 83.63 % with 0.2, 83.57 % with 0.3, 83.35 % with 0.4). The test metrics of all of these, 0 to 0.5, had been
seen when it was chosen.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from command import rnnlm, rnnlm_json

_SURNAMES = ["--hidden", 256, "--epochs", 12, "--dropout", 0.5, "--dropout-inputs", 0.2, "--locked", "--pooling", "max",
             "--average", 0.999, "--weight-decay", 0.02, "--keep", "last"]  # fmt: skip
_BALANCE = 0.2
_TAGGING = {
    "teacher": ["--cell", "output-recurrent", "--forcing", "teacher"],
    "scheduled": ["--cell", "output-recurrent", "--forcing", "scheduled"],
    "free": ["--cell", "output-recurrent", "--forcing", "free"],
    "lstm": ["--cell", "lstm"],
}


def surnames(data: str, seeds: range) -> None:
    """Print accuracy and macro-F1 of the network and of naive Bayes, for each split and the mean."""
    metrics: dict[str, list[tuple[float, float]]] = {"network": [], "network, balanced": [], "naive Bayes": []}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as directory:
            work = Path(directory) / "work"
            rnnlm("vocab", data, "--out", work, "--task", "classify", "--kind", "char", "--case", "keep",
                  "--punctuation", "keep", "--fractions", "0.8,0.1,0.1", "--split-seed", seed)  # fmt: skip
            trained = rnnlm_json("train", work, *_SURNAMES)
            report = rnnlm_json("evaluate", work, "--baseline")
            balanced = rnnlm_json("evaluate", work, "--balance", _BALANCE)
        for name, found in zip(metrics, (report, balanced, report["naive_bayes"]), strict=True):
            metrics[name].append((found["accuracy"], found["macro_f1"]))
        shown = ", ".join(f"{name} {pairs[-1][0]:.2%} and {pairs[-1][1]:.3f}" for name, pairs in metrics.items())
        print(f"split {seed}, accuracy and macro-F1: {shown}; trained {trained['seconds']:.0f} s", flush=True)
    for name, pairs in metrics.items():
        accuracy, macro_f1 = (statistics.mean(values) for values in zip(*pairs, strict=True))
        print(f"{name}: accuracy {accuracy:.2%}, macro-F1 {macro_f1:.3f} over {len(pairs)} splits")


def tagging() -> None:
    """Print accuracy with true tags and with its own tags as input, by the way of training, with all words and few."""
    for known, flags in (("all words known", []), ("60 words known", ["--max-size", 64])):
        with tempfile.TemporaryDirectory() as directory:
            work = Path(directory) / "work"
            rnnlm("vocab", "builtin:stories", "--out", work, "--task", "tag", *flags)
            print(f"{known:<16}  fed true tags  its own tags   nats/label: true     own")
            for name, network in _TAGGING.items():
                rnnlm("train", work, *network, "--name", name, "--hidden", 64, "--epochs", 2)
                report = rnnlm_json("evaluate", work, "--model", name)
                forced = report.get("forced", report)
                print(
                    f"  {name:<14} {forced['accuracy']:>14.3%} {report['accuracy']:>13.3%} "
                    f"{forced['nats_per_label']:>18.5f} {report['nats_per_label']:>7.5f}",
                    flush=True,
                )


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=("surnames", "tagging"))
    parser.add_argument("--data")
    parser.add_argument("--splits", type=int, default=5)
    given = parser.parse_args()
    if given.case == "tagging":
        tagging()
    elif given.data is None:
        parser.error("surnames needs its directory: name it with --data")
    else:
        surnames(given.data, range(1, given.splits + 1))


if __name__ == "__main__":
    main()
