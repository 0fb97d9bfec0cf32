"""Peak memory of training beside the estimate of `train --plan`: `memory.py --data ptb/`.

Each row is a separate run on a copy of one workspace; the last column is the estimate divided by the peak.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from command import rnnlm, rnnlm_json

RUNS = {
    "128 units, clusters": ("--hidden", 128, "--embedding", 128, "--output-layer", "clusters", "--batch-size", 64),
    "2 × 200 tied": ("--hidden", 200, "--layers", 2, "--batch-size", 20),
    "384 units, clusters": ("--hidden", 384, "--embedding", 256, "--output-layer", "clusters", "--batch-size", 64),
    "2 × 650 tied": ("--hidden", 650, "--layers", 2, "--batch-size", 20),
    "768 units, clusters": ("--hidden", 768, "--embedding", 256, "--output-layer", "clusters", "--batch-size", 64),
    "768 units, full": ("--hidden", 768, "--batch-size", 64),
    "512 units, sentences": ("--hidden", 512, "--embedding", 256, "--batching", "sentences", "--batch-size", 32),
    "GRU, 512 units": ("--cell", "gru", "--hidden", 512, "--embedding", 256, "--batch-size", 64),
}


def peak_bytes(*arguments: object) -> int:
    """The peak memory of a command, in bytes."""
    process = subprocess.Popen([sys.executable, "-m", "rnnlm", *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return 1024 * usage.ru_maxrss


def main() -> None:
    """Plan each network, and train it for a few steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="a prepared corpus: a directory with train, valid and test files")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", help="part of the name of the rows to run", default="")
    given = parser.parse_args()
    print(f"{'network':24} {'planned':>9} {'peak':>9}  planned / peak")
    for name, flags in RUNS.items():
        if given.only not in name:
            continue
        with tempfile.TemporaryDirectory() as directory:
            work = Path(directory) / "work"
            rnnlm("vocab", given.data, "--prepared", "--out", work, "--quiet")
            common = (*flags, "--steps", given.steps, "--threads", given.threads, "--quiet")
            planned = rnnlm_json("train", work, *common, "--plan")["peak_bytes"]
            peak = peak_bytes("train", work, *common)
        print(f"{name:24} {planned / 2**20:6.0f} MB {peak / 2**20:6.0f} MB  {planned / peak:.2f}", flush=True)


if __name__ == "__main__":
    main()
