"""A batch in parts, by columns, each computed by one core.

Cores that share a matrix product wait for one another at every step of a recurrence; parts of a batch synchronize once,
when their gradients are added. On two cores with AVX2 that is 1.03 to 1.28 times as fast (`benchmarks/parts.py`).
"""

# Minimum columns of a part: with 16 on each of two cores 0.94 to 1.16 times as fast; fewer were not tested.
_COLUMNS = 16


def parts_of(width: int, threads: int) -> list[slice]:
    """The columns of a batch of `width` in parts of nearly equal size, to be divided evenly among `threads`."""
    count = max(n for n in range(1, threads + 1) if threads % n == 0 and n * _COLUMNS <= max(width, _COLUMNS))
    if count == 1:
        return [slice(None)]
    return [slice(width * n // count, width * (n + 1) // count) for n in range(count)]
