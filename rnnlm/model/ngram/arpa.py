"""An n-gram model as ARPA text, which SRILM, KenLM and others read. Format: Stolcke 2002 (SRILM), ngram-format(5).

For each order, `log10 p(w | u)  TAB  u w  TAB  log10 b(u w)`; a reader backs off as `grams` does, so that it gets the
model's probabilities, interpolated ones included. `<s>`, which is never predicted, has −99 in place of log10 0, and a
weight b of 1 is omitted. Nine digits are written, enough to read back the same float32 numbers.
"""

import gzip
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnlm.artifacts import durable
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import PAD_ID, shown, tokens_by_id
from rnnlm.model.ngram.grams import Grams

NEVER = -99.0  # log10 p of what is never predicted, as `<s>` in SRILM and KenLM
_BLOCK = 2**16  # n-grams formatted at once


def arpa_tokens(rules: TextRules) -> list[str]:
    """The tokens of a model by id in ARPA form: without white space, which ends a word there."""
    return [arpa_token(token, rules.kind) for token in tokens_by_id(rules.tokenizer)]


def arpa_token(token: str, kind: str) -> str:
    """A space as `▁`, as everywhere; other white space, which only characters can be, as `\\u0009`."""
    written = shown(token, kind)
    return re.sub(r"\s", lambda found: f"\\u{ord(found[0]):04x}", written)


def token_of(written: str, kind: str) -> str:
    """The inverse of `arpa_token`, for the kinds whose vocabulary can come from an ARPA file."""
    if kind != "char":
        return written
    code = re.fullmatch(r"\\u([0-9a-f]{4})", written)
    return chr(int(code[1], 16)) if code else {"▁": " ", "\\▁": "▁"}.get(written, written)


def write_arpa(grams: Grams, tokens: Sequence[str], path: Path) -> None:
    """Write a model durably to `path`, compressed if it ends in `.gz`.

    `tokens` (vocabulary,) are `arpa_tokens`. Raises StorageError if writing fails.
    """
    with durable(path) as file:
        if path.suffix != ".gz":
            file.writelines(arpa_blocks(grams, tokens))
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed:
            compressed.writelines(arpa_blocks(grams, tokens))


def arpa_blocks(grams: Grams, tokens: Sequence[str]) -> Iterator[bytes]:
    """The text in blocks of whole lines; `tokens` as in `write_arpa`."""
    names = np.array(tokens, object)
    hidden = PAD_ID + 1  # the first single word, `<pad>`, is not written
    counts = [count - (hidden if n == 1 else 0) for n, count in enumerate(grams.counts, 1)]
    yield "".join(["\\data\\\n", *(f"ngram {n}={count}\n" for n, count in enumerate(counts, 1))]).encode()
    for n in range(1, grams.order + 1):
        yield f"\n\\{n}-grams:\n".encode()
        for start in range(hidden if n == 1 else 0, grams.counts[n - 1], _BLOCK):
            yield _lines(grams, names, n, np.arange(start, min(start + _BLOCK, grams.counts[n - 1]))).encode()
    yield b"\n\\end\\\n"


def _lines(grams: Grams, names: NDArray[np.object_], n: int, numbers: NDArray[np.int64]) -> str:
    """The lines of the n-grams of order n with these numbers (rows,)."""
    words = map(" ".join, names[grams.words_of(n, numbers)].tolist())
    log_p = _log10(grams.log_p[n - 1][numbers])
    # Rounding may put an interpolated p of 1 above 1, which other readers refuse.
    log_p = np.where(np.isneginf(log_p), NEVER, np.minimum(log_p, 0.0))
    if n == grams.order:
        return "".join(f"{p:.9g}\t{gram}\n" for p, gram in zip(log_p.tolist(), words, strict=True))
    back_off = _log10(grams.back_off[n - 1][numbers])
    return "".join(
        f"{p:.9g}\t{gram}\t{b:.9g}\n" if b else f"{p:.9g}\t{gram}\n"
        for p, gram, b in zip(log_p.tolist(), words, back_off.tolist(), strict=True)
    )


def _log10(nats: NDArray[np.float32]) -> NDArray[np.float64]:
    return nats.astype(np.float64) / math.log(10) + 0.0  # avoids −0
