"""Which sentences of a file of items a model does not know whole."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.sources import records
from rnnlm.model.sealed import Sealed
from rnnlm.use.scoring.lines import LineReader

_MOST, _SHOWN = 100_000, 12  # items read, and those shown


def coverage(path: str, field: str, columns: Sequence[str], model: Sealed) -> dict[str, Any]:
    """Facts about the first items of a file: how many have words outside the vocabulary, and which.

    An item is named by its column `item`, if it has one, otherwise by its number; several rows of one item are one.
    """
    named = "item" in columns and field != "item"
    rows = list(islice(records(path, (field, "item") if named else (field,), Decoding()), _MOST))
    text = "".join(" ".join(row[0].split()) + "\n" for row in rows).encode()
    unknown: dict[str, list[str]] = {}
    names = [str(row[1]) if named else str(number) for number, row in enumerate(rows, 1)]
    for window in LineReader(model.rules, ids=None).windows([text] if rows else []):
        for line in window:
            words = [piece for piece, outside in zip(line.pieces, line.outside, strict=False) if outside]
            known = unknown.setdefault(names[line.number - 1], [])
            known += [word for word in words if word not in known]
    found = {item: words for item, words in unknown.items() if words}
    some = [f"{item} ({', '.join(words)})" for item, words in islice(found.items(), _SHOWN)]
    more = [f"{len(found) - _SHOWN:,} more"] if len(found) > _SHOWN else []
    listed = f": {'; '.join([*some, *more])}" if some else ""
    return {"items with unknown words": f"{len(found):,} of {len(unknown):,}{listed}"}
