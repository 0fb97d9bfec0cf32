"""The recurrences on Penn Treebank: one table of test perplexities, every network trained for six epochs.

    python benchmarks/cells.py --data DIR [--cells gru,lstm]     # train.txt, valid.txt, test.txt as Mikolov has them

Elman, GRU and LSTM are 2 × 200 with tied embeddings; the output-recurrent network has one layer of 200 and is forced,
which makes it a bigram model. Elman gets a lower learning rate than the others, which use the default for this size.
"""

import argparse
import tempfile
from pathlib import Path

from command import rnnlm, rnnlm_json

_NETWORKS = {
    "output-recurrent": ["--layers", 1, "--learning-rate", 0.00679],
    "elman": ["--layers", 2, "--learning-rate", 0.002],
    "gru": ["--layers", 2, "--learning-rate", 0.00679],
    "lstm": ["--layers", 2, "--learning-rate", 0.00679],
}


def main() -> None:
    """Train, evaluate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--cells", default=",".join(_NETWORKS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory) / "work"
        rnnlm("vocab", given.data, "--out", work, "--prepared")
        print("cell              parameters  seconds  tokens/s  of peak  test perplexity")
        for cell in given.cells.split(","):
            flags = [*_NETWORKS[cell], "--hidden", 200, "--epochs", 6]
            trained = rnnlm_json("train", work, "--cell", cell, *flags)
            metrics = rnnlm_json("evaluate", work, "--model", cell)
            speed, fraction = trained["tokens_per_second"], trained["peak_fraction"]
            print(
                f"{cell:<17} {trained['parameters']:>10,} {trained['seconds']:>8.0f} {speed:>9,.0f} {fraction:>8.0%} "
                f"{metrics['perplexity']:>12.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
