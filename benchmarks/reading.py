"""Clean, tokenize and vocab of a 100 MB text, against `tokenizers` with the same rules on the same cores.

Prints seconds, peak memory and the ratio, for 10 MB and 100 MB. The text is drawn from a Zipf-like vocabulary with
capitals, punctuation and, in a tenth of the lines, accents; it is the same in every run.

    python benchmarks/reading.py [--megabytes 10,100]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

_BASELINE = """
import sys
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from rnnlm.corpus.normalizer import CleanRule
from rnnlm.corpus.settings import CleanSettings
tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
tokenizer.normalizer = CleanRule.of(CleanSettings(), "word").normalizer()
tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
specials = ["<pad>", "<s>", "</s>", "<unk>"]
tokenizer.train([sys.argv[1]], trainers.WordLevelTrainer(min_frequency=2, special_tokens=specials, show_progress=False))
total, batch = 0, []
with open(sys.argv[1], encoding="utf-8") as file:
    for line in file:
        batch.append(line)
        if len(batch) == 10_000:
            total += sum(len(encoding.ids) for encoding in tokenizer.encode_batch_fast(batch))
            batch = []
total += sum(len(encoding.ids) for encoding in tokenizer.encode_batch_fast(batch))
"""


def write_text(path: Path, megabytes: int) -> None:
    """A text of about `megabytes` MB, 100,000 distinct words by Zipf's law, about 20 words a line."""
    random = np.random.Generator(np.random.PCG64(7))
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    words = np.array(["".join(random.choice(letters, random.integers(2, 11))) for _ in range(100_000)], dtype=object)
    weight = 1 / (np.arange(len(words)) + 2.7)
    cumulative = np.cumsum(weight / weight.sum())
    size = 0
    with path.open("w", encoding="utf-8") as file:
        while size < megabytes * 10**6:
            chosen = words[np.searchsorted(cumulative, random.random(200_000))]
            for start in range(0, len(chosen), 20):
                line = " ".join(chosen[start : start + 20]).capitalize() + ".\n"
                if start % 200 == 0:
                    line = line.replace("e", "é", 3).replace(" ", ", ", 2)
                size += len(line.encode())
                file.write(line)


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in MB of a command, as the operating system counts them."""
    timed = ["/usr/bin/time", "-f", "%e %M", *command]
    done = subprocess.run(timed, capture_output=True, text=True, check=True)
    seconds, kilobytes = done.stderr.strip().splitlines()[-1].split()
    return float(seconds), float(kilobytes) / 1000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", default="10,100")
    sizes = [int(size) for size in parser.parse_args().megabytes.split(",")]
    print(f"{'MB':>5} {'what':<34} {'seconds':>8} {'MB/s':>7} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as directory:
        for size in sizes:
            text = Path(directory) / f"{size}.txt"
            write_text(text, size)
            rnnlm = [sys.executable, "-m", "rnnlm", "vocab", str(text), "--out", str(Path(directory) / f"work-{size}"),
                     "--fractions", "1,0,0", "--quiet"]  # fmt: skip
            ours, our_memory = measured(rnnlm)
            theirs, their_memory = measured([sys.executable, "-c", _BASELINE, str(text)])
            for what, seconds, memory in (
                ("rnnlm clean, tokenize, vocab", ours, our_memory),
                ("tokenizers: train and encode", theirs, their_memory),
            ):
                print(f"{size:>5} {what:<34} {seconds:>8.1f} {size / seconds:>7.1f} {memory:>8.0f}")
            print(f"{'':>5} {'time, tokenizers / rnnlm':<34} {theirs / ours:>8.2f}")


if __name__ == "__main__":
    main()
