"""Forecasts of Beijing's air an hour and a day ahead, beside methods that need no network.

python benchmarks/series.py --data beijing.csv
"""

import argparse
import tempfile
from pathlib import Path

from command import rnnlm, rnnlm_json

_WINDOW = ["--target", "pm2.5", "--steps", 24, "--ignore", "No,year", "--cycle", "hour=24,month=12"]
_TRAIN = {1: ["--epochs", 3], 24: ["--epochs", 2, "--learning-rate", 0.002, "--dropout", 0.2]}


def main() -> None:
    """Window, train, evaluate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    given = parser.parse_args()
    for horizon, flags in _TRAIN.items():
        with tempfile.TemporaryDirectory() as directory:
            work = Path(directory) / "work"
            rnnlm("window", given.data, "--out", work, *_WINDOW, "--horizon", horizon)
            trained = rnnlm_json("train", work, "--hidden", 32, *flags)
            report = rnnlm_json("evaluate", work)
        print(f"{horizon} h ahead, {report['windows']:,} windows, trained {trained['seconds']:.0f} s:")
        for method, errors in report["errors"].items():
            print(f"  {method:<22} RMSE {errors['root_mean_square_error'][0]:7.2f}")


if __name__ == "__main__":
    main()
