"""Spans of BIO and BIOES tags against seqeval, on random sequences; in an environment that has seqeval too.

Run with: python benchmarks/spans.py
"""

import random

import numpy as np
from seqeval.metrics import f1_score, precision_score, recall_score

from rnnlm.use.labels.spans import SpanCounts

SCHEMES = ("O B-A I-A B-B I-B", "O B-A I-A E-A S-A B-B I-B E-B S-B")


def main() -> None:
    """Both counts of three thousand sequences in each scheme, three tags in ten drawn anew in the prediction."""
    draw = random.Random(1)
    for scheme in map(str.split, SCHEMES):
        counts, truth, predicted = SpanCounts(tuple(scheme)), [], []
        for _ in range(3000):
            given = [draw.choice(scheme) for _ in range(draw.randint(1, 12))]
            found = [tag if draw.random() < 0.7 else draw.choice(scheme) for tag in given]
            truth.append(given)
            predicted.append(found)
            counts.add(*(np.array([[scheme.index(tag)] for tag in tags]) for tags in (given, found)))
        report = counts.report()
        theirs = precision_score(truth, predicted), recall_score(truth, predicted), f1_score(truth, predicted)
        print(f"{len(scheme)} tags: ours / seqeval", end=" ")
        print(*(f"{report[n]:.6f} / {t:.6f}" for n, t in zip(("precision", "recall", "f1"), theirs, strict=True)))


if __name__ == "__main__":
    main()
