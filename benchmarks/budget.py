"""Whether a budget is kept, on a busy machine and with many words, and the fraction of peak of a fixed network.

python benchmarks/budget.py kept --data ptb/          # is a budget kept, also on a busy machine?
python benchmarks/budget.py large                     # 100,000 words against 10,000
python benchmarks/budget.py peak --data ptb/          # fraction of the matrix peak, one softmax
"""

import argparse
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from command import rnnlm, rnnlm_json


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
    """Fraction of the matrix peak of 1 × 512 with one softmax over 10,000 outputs, batches of 64 × 35.

    Training alone: the validation split is the first lines of that of `data`, so that validation takes no time.
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
    print(f"{trained['tokens_per_second']:,.0f} tokens/s, {trained['peak_fraction']:.0%} of the matrix peak")


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("kept", "large", "peak"))
    parser.add_argument("--data", help="train.txt, valid.txt, test.txt of the Penn Treebank as Mikolov prepared it")
    parser.add_argument("--budgets", nargs="+", default=["30s", "2m", "10m"])
    given = parser.parse_args()
    if given.what in ("kept", "peak") and given.data is None:
        parser.error(f"{given.what} needs its text: name it with --data")
    if given.what == "kept":
        kept(given.data, given.budgets)
    elif given.what == "large":
        large()
    else:
        peak(given.data)


if __name__ == "__main__":
    main()
