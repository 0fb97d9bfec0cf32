"""Perplexity on real text, trained and measured through the command line as a user would.

    python benchmarks/quality.py penn-treebank --data DIR     # train.txt, valid.txt, test.txt as Mikolov prepared them
    python benchmarks/quality.py shakespeare --data FILE      # 'tiny Shakespeare', the first 90 % for training
    python benchmarks/quality.py stories                      # the built-in corpus

Prints the metric, its bound if one is known, the training time, and the fraction of the matrix peak, which is measured
in the same run.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

from command import rnnlm, rnnlm_json

_CASES = {
    "penn-treebank": ["--prepared", "--hidden", "200", "--layers", "2", "--epochs", "6"],
    "shakespeare": ["--prepared", "--kind", "char", "--fractions", "0.9,0.1,0"],
    "stories": [],
}


def named_speeches(work: str) -> tuple[int, int]:
    """How many of the generated speeches open with a `NAME:` line, and how many speeches there are."""
    text = rnnlm("generate", work, "--prompt", "\n", "--max-tokens", "8000", "--lines", "10000", "--temperature", "0.8")
    speeches = [speech.strip() for speech in text.split("\n\n")[1:-1] if speech.strip()]
    return sum(bool(re.match(r"[A-Z][A-Za-z' ]*:\n", speech + "\n")) for speech in speeches), len(speeches)


def main() -> None:
    """Train, evaluate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=_CASES)
    parser.add_argument("--data")
    parser.add_argument("--out", help="keep the workspace here")
    given, more = parser.parse_known_args()
    corpus = "builtin:stories" if given.case == "stories" else given.data
    if corpus is None or (given.case != "stories" and not Path(corpus).exists()):
        sys.exit(f"{given.case} needs its text: name it with --data")
    with tempfile.TemporaryDirectory() as directory:
        work = given.out or str(Path(directory) / "work")
        trained = rnnlm_json("train", corpus, "--out", work, *_CASES[given.case], *more)
        metrics = rnnlm_json("evaluate", work)
        print(
            f"{given.case}: {metrics['split']} perplexity {metrics['perplexity']:.2f}, "
            f"{metrics['nats_per_token']:.4f} nats per token over {metrics['tokens']:,} predictions"
        )
        print(
            f"trained {trained['seconds']:.0f} s, {trained['epochs']:g} epochs, {trained['parameters']:,} parameters, "
            f"{trained['tokens_per_second']:,.0f} tokens/s, {trained['peak_fraction']:.0%} of the matrix peak"
        )
        if "best_possible_perplexity" in metrics:
            best = metrics["best_possible_perplexity"]
            print(f"best possible {best:.3f}, so {metrics['perplexity'] / best - 1:.1%} above it")
        if given.case == "shakespeare":
            named, speeches = named_speeches(work)
            print(f"{named} of {speeches} generated speeches open with a NAME: line")


if __name__ == "__main__":
    main()
