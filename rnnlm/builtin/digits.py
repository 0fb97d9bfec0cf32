"""Spoken digits as frames: tones like formants, three phones a digit, with noise; a word and a phone for each frame.

    digit    three phones; every other digit has those of the one before it in reverse
    phone    2 to 6 frames, each number of them equally likely
    frame    8 bands, the phone's two tones as bumps among them, and Gaussian noise

Two digits with the same phones have the same mean frame: only who knows the order can tell them apart. The process is
known, so the most probable digit of a sequence is, too, and how often it is right.
"""

import math
from collections.abc import Iterator
from itertools import chain, product

import numpy as np
from numpy.typing import NDArray

from rnnlm.builtin.memory_tasks import fractions
from rnnlm.builtin.sampling import below

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
BANDS, NOISE, SHORTEST, LONGEST = 8, 1.25, 2, 6
_TONES = ((0, 4), (1, 6), (2, 5), (0, 6), (1, 4), (2, 7), (3, 6), (0, 7))  # of each phone, by band
_FORWARD = ((0, 1, 2), (3, 4, 5), (0, 3, 6), (1, 4, 7), (2, 5, 6))
DIGITS = tuple(phones for each in _FORWARD for phones in (each, each[::-1]))
_LENGTHS = tuple(product(range(SHORTEST, LONGEST + 1), repeat=3))

# (phones, bands): a bump of height 2 around each tone
TEMPLATES = np.array(
    [[2 * sum(math.exp(-((band - tone) ** 2) / 2) for tone in tones) for band in range(BANDS)] for tones in _TONES]
)


def utterance(random: np.random.Generator) -> tuple[int, list[int], NDArray[np.float64]]:
    """A digit, the phone of each frame, and the frames (T, bands)."""
    digit = below(len(DIGITS), random)
    phones = [phone for phone in DIGITS[digit] for _ in range(SHORTEST + below(LONGEST - SHORTEST + 1, random))]
    drawn = fractions((2, len(phones), BANDS), random)
    noise = np.sqrt(-2 * np.log(1 - drawn[0])) * np.cos(2 * np.pi * drawn[1])  # Box and Muller
    return digit, phones, TEMPLATES[phones] + NOISE * noise


def digit_lines(count: int, random: np.random.Generator) -> Iterator[str]:
    """Utterances as a table with a row for each frame: `utterance,digit,phone,band1,…`."""
    header = ",".join(["utterance", "digit", "phone", *(f"band{band + 1}" for band in range(BANDS))])
    return chain([header], (row for number in range(count) for row in _rows(number, random)))


def _rows(number: int, random: np.random.Generator) -> Iterator[str]:
    digit, phones, frames = utterance(random)
    for phone, frame in zip(phones, frames, strict=True):
        yield ",".join([str(number), NAMES[digit], f"p{phone}", *(f"{value:.3f}" for value in frame)])


def log_likelihoods(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """(10,) ln p(frames | digit) + constant, summed over every way to divide the frames (T, bands) among its phones."""
    squares = ((frames[:, None] - TEMPLATES) ** 2).sum(2) / (-2 * NOISE**2)  # (T, phones)
    before = np.concatenate([np.zeros((1, len(TEMPLATES))), squares.cumsum(0)])
    ends = [(a, a + b) for a, b, c in _LENGTHS if a + b + c == len(frames)]
    found = np.full((len(DIGITS), len(ends)), -np.inf)
    for digit, (first, second, third) in enumerate(DIGITS):
        for place, (a, b) in enumerate(ends):
            found[digit, place] = (
                before[a, first] + before[b, second] - before[a, second] + before[-1, third] - before[b, third]
            )
    top = found.max(1, initial=-np.inf)
    return np.asarray(top + np.log(np.exp(found - top[:, None]).sum(1)))


def best_accuracy(count: int, random: np.random.Generator) -> float:
    """How often the most probable digit is right, of `count` utterances: no classifier is right more often."""
    drawn = (utterance(random) for _ in range(count))
    return sum(int(log_likelihoods(frames).argmax()) == digit for digit, _, frames in drawn) / count
