"""Which sentences of a file of items a model does not know whole."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.sources import JSON_LINES, plain_name, records
from rnnlm.errors import InputError
from rnnlm.model.sealed import Sealed
from rnnlm.use.scoring.lines import LineReader
from rnnlm.use.scoring.regions import BAR

_MOST, _SHOWN = 100_000, 12  # items read, and those shown


def coverage(path: str, field: str, columns: Sequence[str], model: Sealed) -> dict[str, Any]:
    """Facts about the first items of a file: how many have words or characters that a model does not know, and which.

    An item is named by its column `item`, if each has one, otherwise by its number; several rows of one item are one.
    No fact for tokens that are parts of words, or for a file that is no text.
    """
    if model.rules.kind not in (*WORD_KINDS, "char") or not plain_name(path).endswith((".tsv", ".csv", *JSON_LINES)):
        return {}
    try:
        named = ("item",) if "item" in columns and field != "item" else ()
        rows = list(islice(records(path, (field, *named), Decoding()), _MOST))
    except InputError:
        rows = list(islice(records(path, (field,), Decoding()), _MOST))
    text = "".join(" ".join(row[0].replace(BAR, " ").split()) + "\n" for row in rows).encode()
    unknown: dict[str, dict[str, None]] = {}
    names = [str(row[1]) if len(row) > 1 else str(number) for number, row in enumerate(rows, 1)]
    for window in LineReader(model.rules, ids=None).windows([text] if rows else []):
        for line in window:
            parts = line.pieces or line.cleaned
            outside = [part for part, new in zip(parts, line.outside, strict=False) if new]
            unknown.setdefault(names[line.number - 1], {}).update(dict.fromkeys(outside))
    found = {item: words for item, words in unknown.items() if words}
    some = [f"{item} ({', '.join(words)})" for item, words in islice(found.items(), _SHOWN)]
    more = [f"{len(found) - _SHOWN:,} more"] if len(found) > _SHOWN else []
    listed = f": {'; '.join([*some, *more])}" if some else ""
    what = "characters" if model.rules.kind == "char" else "words"
    return {f"items with unknown {what}": f"{len(found):,} of {len(unknown):,}{listed}"}
