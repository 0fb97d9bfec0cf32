"""The fourth stage: which tokens get an id, the tokenizer with these ids, and every split as ids.

The vocabulary comes from the training split alone. Counting holds a bounded number of distinct tokens in memory and
merges sorted runs from disk beyond that.
"""

import heapq
import itertools
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rnnlm.arrays import npy_writer
from rnnlm.artifacts import durable, write_bytes
from rnnlm.corpus.normalizer import END, SPECIALS, UNKNOWN, CleanRule, normalize
from rnnlm.corpus.settings import SPLITS, WORD_KINDS
from rnnlm.corpus.sources import BLOCK, line_blocks
from rnnlm.corpus.text import IdTable, split_tokens
from rnnlm.corpus.tokenize import read_subwords
from rnnlm.corpus.tokenizer import (
    END_ID,
    FIRST_OUTPUT,
    UNKNOWN_ID,
    build_tokenizer,
    byte_characters,
    load_tokenizer,
    shown,
    tokens_by_id,
)
from rnnlm.errors import InputError
from rnnlm.files import Advance, read_input
from rnnlm.workers import Pool, Workers

_DISTINCT_IN_MEMORY = 2_000_000
_SHOWN = 10
_COUNTED = 4 * BLOCK  # bytes counted at once: fewer blocks have fewer counts of the same token to add


@dataclass(frozen=True)
class VocabRule:
    """Which tokens get an id: those seen `min_count` times, `max_size` ids at most, or just those of `lexicon`."""

    min_count: int
    max_size: int | None
    lexicon: tuple[str, ...] | None = None


class _Counting:
    """A block of tokens to how often each occurs."""

    def __call__(self, tokens: bytes) -> dict[bytes, int]:
        """The counts of the distinct tokens."""
        return dict(Counter(split_tokens(tokens)))


def count_tokens(path: Path, limit: int = _DISTINCT_IN_MEMORY, pool: Pool | None = None) -> Iterator[tuple[bytes, int]]:
    """Each distinct token of a tokens file with its count, in byte order; `</s>` counts the lines.

    Holds `limit` distinct tokens and those of a block in memory; the others are on disk as sorted runs.
    """
    counts: Counter[bytes] = Counter()
    with ExitStack() as stack:
        runs: list[Iterable[tuple[bytes, int]]] = []
        workers = Workers(_Counting, pool=pool)
        for found, _ in workers.map(((block, None) for block in line_blocks(path, _COUNTED)), path.stat().st_size):
            counts.update(found)
            if len(counts) > limit:
                runs.append(_spill(counts, stack, path.parent))
                counts = Counter()
        runs.append(sorted(counts.items()))
        for token, group in itertools.groupby(heapq.merge(*runs), key=lambda item: item[0]):
            yield token, sum(count for _, count in group)


def _spill(counts: Counter[bytes], stack: ExitStack, directory: Path) -> Iterator[tuple[bytes, int]]:
    file = stack.enter_context(tempfile.TemporaryFile(dir=directory))  # noqa: SIM115
    file.writelines(token + b" %d\n" % count for token, count in sorted(counts.items()))
    file.seek(0)

    def items() -> Iterator[tuple[bytes, int]]:
        for line in file:
            token, _, count = line.rpartition(b" ")
            yield token, int(count)

    return items()


def read_lexicon(path: Path, rule: CleanRule) -> tuple[str, ...]:
    """The words of a vocabulary file, cleaned: the first space-separated field of each line, specials omitted.

    Raises InputError for a file that is missing, not text, empty, or that lists a word twice.
    """
    try:
        lines = read_input(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the vocabulary {path}: {error}", "give a text file, one word a line") from None
    listed = [line.split()[0] for line in lines if line.strip()]
    twice = [word for word, count in Counter(listed).items() if count > 1]
    if twice:
        raise InputError(f"{path} lists {twice[0]!r} twice", "list every word once")
    normalizer = rule.normalizer()
    cleaned = (normalize(normalizer, word) for word in listed if word not in SPECIALS)
    words = list(dict.fromkeys(word for word in cleaned if word and " " not in word and word not in SPECIALS))
    if not words:
        raise InputError(f"{path} lists no word", "give a text file, one word a line")
    return tuple(words)


def choose(counts: dict[str, int], rule: VocabRule) -> list[str]:
    """The tokens that get an id, by descending count, those of equal count by code point."""
    words = counts if rule.lexicon is None else rule.lexicon
    ordered = sorted((word for word in words if word not in SPECIALS), key=lambda word: (-counts.get(word, 0), word))
    return ordered if rule.max_size is None else ordered[: rule.max_size - len(SPECIALS)]


def vocab(
    tokens: Path,
    directory: Path,
    *,
    kind: str,
    rule: CleanRule,
    choice: VocabRule,
    progress: Advance,
    pool: Pool | None = None,
) -> dict[str, Any]:
    """Write `vocabulary.tsv`, `tokenizer.json` and the ids and line offsets of every split; the counts."""
    counts: dict[str, int] = {}
    distinct = dropped = 0
    dropped_most: list[tuple[int, str]] = []
    backwards = _inverse(tokens, kind)
    lexicon = frozenset(choice.lexicon or ())
    for raw_token, count in count_tokens(tokens / "train.txt", pool=pool):
        token = backwards.get(raw_token.decode()) if backwards is not None else raw_token.decode()
        if token is None:
            continue
        distinct += token not in SPECIALS
        keep = token in SPECIALS or (count >= choice.min_count if choice.lexicon is None else token in lexicon)
        if keep or kind not in (*WORD_KINDS, "char"):
            counts[token] = count
        else:
            dropped += 1
            heapq.heappush(dropped_most, (count, token))
            if len(dropped_most) > _SHOWN:
                heapq.heappop(dropped_most)
    tokenizer = _tokenizer(tokens, kind, rule, counts, choice)
    names = tokens_by_id(tokenizer)
    for token in set(counts).difference(names):  # those that --max-size drops
        dropped_most.append((counts[token], token))
    unknown_most = sorted(dropped_most, key=lambda item: (-item[0], item[1]))[:_SHOWN]
    unknown_count = counts.get(UNKNOWN, 0)
    counts[UNKNOWN] = 0
    frequencies = np.zeros(len(names), np.int64)
    dtype = np.uint16 if len(names) <= 2**16 else np.uint32
    workers = Workers(_Encoding, json.dumps(names), kind, dtype, pool=pool)
    splits = {
        split: _encode(tokens / f"{split}.txt", directory, split, workers, dtype, frequencies, progress)
        for split in SPLITS
    }
    write_bytes(directory / "tokenizer.json", str(tokenizer.to_str(pretty=True)).encode())
    with durable(directory / "vocabulary.tsv") as file:
        file.write(b"id\ttoken\tcount\n")
        for number, name in enumerate(names):
            file.write(f"{number}\t{_field(name)}\t{frequencies[number]}\n".encode())
    order = np.argsort(-frequencies[UNKNOWN_ID + 1 :], kind="stable")[:_SHOWN] + UNKNOWN_ID + 1
    return {
        "kind": kind, "size": len(names), "outputs": len(names) - FIRST_OUTPUT, "distinct_in_train": distinct,
        "unknown_in_train": unknown_count, "min_count": choice.min_count, "splits": splits,
        "most_frequent": {shown(names[number], kind): int(frequencies[number]) for number in order},
        "most_frequent_unknown": {shown(token, kind): count for count, token in unknown_most},
    }  # fmt: skip


def _inverse(tokens: Path, kind: str) -> dict[str, str] | None:
    """From the written form of a token back to the token, where the two differ."""
    if kind in WORD_KINDS:
        return None
    if kind == "char":
        return _WrittenCharacters()
    if kind == "byte":
        names = byte_characters()
    elif kind == "bpe":
        names = read_subwords(tokens)[0]
    else:
        names = tokens_by_id(load_tokenizer((tokens / "imported.json").read_text("utf-8"), "imported.json"))
    return {shown(name, kind): name for name in [*names, END]}


class _WrittenCharacters(dict[str, str]):
    """Every character is its own written form, except for the space and the mark that represents it."""

    def get(self, key: str, default: Any = None) -> str:
        return {"▁": " ", "\\▁": "▁"}.get(key, key)


def _tokenizer(tokens: Path, kind: str, rule: CleanRule, counts: dict[str, int], choice: VocabRule) -> Tokenizer:
    if kind == "imported":
        tokenizer = load_tokenizer((tokens / "imported.json").read_text("utf-8"), "imported.json")
        normalizer = rule.normalizer()
        if normalizer is not None:
            tokenizer.normalizer = normalizer
        return tokenizer
    if kind == "byte":
        return build_tokenizer(kind, rule, byte_characters())
    if kind == "bpe":
        learned, merges = read_subwords(tokens)
        return build_tokenizer(kind, rule, sorted(learned, key=lambda token: (-counts.get(token, 0), token)), merges)
    return build_tokenizer(kind, rule, choose(counts, choice))


class _Encoding:
    """A block of tokens to ids of a type, and the number of words outside the vocabulary."""

    def __init__(self, names: str, kind: str, dtype: type[Any]) -> None:
        """`names` is a list of the tokens by id, as JSON."""
        self._table, self._dtype = IdTable(json.loads(names), kind), dtype

    def __call__(self, tokens: bytes) -> tuple[NDArray[Any], int]:
        """The ids of every line."""
        encoded = self._table.block(tokens)
        return encoded.ids.astype(self._dtype), encoded.out_of_vocabulary


def _encode(
    path: Path, directory: Path, split: str, workers: Workers[tuple[NDArray[Any], int]], dtype: type[Any],
    frequencies: NDArray[np.int64], progress: Advance,
) -> dict[str, Any]:  # fmt: skip
    total = unknown = outside = 0
    with (
        npy_writer(directory / f"{split}.ids.npy", dtype) as ids,
        npy_writer(directory / f"{split}.offsets.npy", np.int64) as offsets,
    ):
        offsets.append(np.zeros(1, np.int64))
        blocks = ((block, len(block)) for block in line_blocks(path))
        for (numbers, missing), size in workers.map(blocks, path.stat().st_size):
            ids.append(numbers)
            offsets.append(np.flatnonzero(numbers == END_ID) + 1 + total)
            total += len(numbers)
            unknown += int((numbers == UNKNOWN_ID).sum())
            outside += missing
            if split == "train":
                frequencies += np.bincount(numbers, minlength=len(frequencies))
            progress(size)
    return {"tokens": total, "unknown_tokens": unknown, "out_of_vocabulary_tokens": outside}


def _field(token: str) -> str:
    """A token as a field of a TSV file: spaces as `▁`, other white space and the backslash escaped."""
    return "".join(
        f"\\u{ord(character):04x}" if character != " " and (character.isspace() or character == "\\") else character
        for character in token
    ).replace(" ", "▁")
