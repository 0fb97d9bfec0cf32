"""The n-gram model: its perplexity in this program and in KenLM on its ARPA file, and its memory.

    python benchmarks/ngram.py perplexity --data ptb/        # a prepared corpus: train, valid and test files
    python benchmarks/ngram.py memory [--megabytes 100]

Half of the text of `memory` are new stories of the built-in grammar, half are words drawn from 100,000 by Zipf's law.
Hardly any of their n-grams of order 3 or more occurs twice, which is the worst case.
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from command import rnnlm, rnnlm_json
from memory import peak_bytes

from rnnlm.builtin.stories import line, stories

MEGABYTE = 10**6
WORDS, LINE_WORDS = 100_000, 20


def zipf_lines(seed: int) -> Iterator[str]:
    """Endless lines of 20 words, each drawn by Zipf's law."""
    random = np.random.Generator(np.random.PCG64(seed))
    cumulative = np.cumsum(1 / (np.arange(WORDS) + 2.7))
    while True:
        ranks = np.searchsorted(cumulative, random.random(10_000 * LINE_WORDS) * cumulative[-1])
        yield from (" ".join(f"w{rank}" for rank in row) for row in ranks.reshape(-1, LINE_WORDS).tolist())


def story_lines() -> Iterator[str]:
    """Endless new stories."""
    return (line(each) for seed in itertools.count(1) for each in stories(seed, 1000))


def write_text(path: Path, megabytes: int) -> None:
    """Write a text of about `megabytes` MB, half of its bytes from each source."""
    sources = [story_lines(), zipf_lines(7)]
    sizes = [0, 0]
    with path.open("w", encoding="utf-8") as file:
        while sum(sizes) < megabytes * MEGABYTE:
            which = 0 if sizes[0] <= sizes[1] else 1
            sizes[which] += file.write(next(sources[which]) + "\n")


def perplexity(data: str, order: int) -> None:
    """Print the perplexity of both programs on test, lines independent."""
    import kenlm

    with tempfile.TemporaryDirectory() as directory:
        work, arpa = Path(directory) / "work", Path(directory) / "model.arpa"
        rnnlm("clean", data, "--prepared", "--out", work, "--quiet")
        rnnlm("tokenize", work, "--quiet")
        rnnlm("vocab", work, "--quiet")
        started = time.perf_counter()
        rnnlm("ngram", work, "--order", order, "--quiet")
        trained = time.perf_counter()
        ours = rnnlm_json("evaluate", work, "--model", "ngram", "--quiet")
        print(f"estimated in {trained - started:.1f} s, test evaluated in {time.perf_counter() - trained:.1f} s")
        rnnlm("ngram", work, "--order", order, "--arpa", arpa, "--quiet")
        model = kenlm.Model(str(arpa))
        lines = (work / "clean" / "test.txt").read_text("utf-8").splitlines()
        predictions = sum(len(words.split()) + 1 for words in lines)
        theirs = 10 ** (-sum(model.score(words) for words in lines) / predictions)
    print(f"rnnlm {ours['perplexity']:.4f} over {ours['tokens']:,} predictions")
    print(f"KenLM {theirs:.4f} over {predictions:,}; they differ by {abs(theirs - ours['perplexity']):.1e}")


def memory(megabytes: int, order: int) -> None:
    """Print the peak memory of estimating, writing and reading the model; earlier stages run first."""
    with tempfile.TemporaryDirectory() as directory:
        text, work, arpa = (Path(directory) / name for name in ("text.txt", "work", "model.arpa"))
        write_text(text, megabytes)
        rnnlm("vocab", text, "--out", work, "--fractions", "1,0,0", "--quiet")
        for what, flags in (("estimate", ()), ("write", ("--arpa", arpa)), ("read", ("--from", arpa))):
            started = time.perf_counter()
            own = () if what == "read" else ("--order", order)
            peak = peak_bytes("ngram", work, *own, *flags, "--quiet")
            seconds = time.perf_counter() - started
            print(f"{what:9} {peak / MEGABYTE:7,.0f} MB at peak, {seconds:6.1f} s", flush=True)
        orders = rnnlm_json("ngram", work, "--order", order, "--quiet")["orders"]
        print(f"{text.stat().st_size / MEGABYTE:.0f} MB of text, n-grams:", *(f"{row['ngrams']:,}" for row in orders))


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("perplexity", "memory"))
    parser.add_argument("--data", help="a prepared corpus: a directory with train, valid and test files")
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=100)
    given = parser.parse_args()
    if given.what == "memory":
        memory(given.megabytes, given.order)
    elif given.data is None:
        sys.exit("perplexity needs --data")
    else:
        perplexity(given.data, given.order)


if __name__ == "__main__":
    main()
