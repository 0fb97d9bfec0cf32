"""The third stage: cleaned lines to lines of tokens; learns subwords where tokens are learned.

Which tokens get an id, and which id, is decided by the next stage.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.artifacts import durable, write_bytes, write_json
from rnnlm.corpus.foreign.imported import Imported
from rnnlm.corpus.normalizer import CleanRule
from rnnlm.corpus.settings import SPLITS
from rnnlm.corpus.sources import line_blocks
from rnnlm.corpus.text import Segmenter, splits_words
from rnnlm.corpus.tokenizer import build_tokenizer, learn_merges, load_tokenizer
from rnnlm.errors import ArtifactError
from rnnlm.files import Advance
from rnnlm.workers import Pool, Workers

SAMPLE_MEGABYTES = 20  # of train, at most, that subwords are learned from
_EXAMPLE_TOKENS = 12


def tokenize(
    clean: Path,
    directory: Path,
    *,
    kind: str,
    rule: CleanRule,
    vocab_size: int,
    imported: Imported | None,
    progress: Advance,
    pool: Pool | None = None,
) -> dict[str, Any]:
    """Write the tokens of every split into `directory`, and `subwords.json` or `imported.json`; the counts."""
    report: dict[str, Any] = {"kind": kind}
    tokenizer: str | None = None
    if kind == "bpe":
        lines, sample = _sample_lines(clean / "train.txt", SAMPLE_MEGABYTES * 10**6)
        tokens, merges = learn_merges(lines, vocab_size)
        write_json(directory / "subwords.json", {"tokens": tokens, "merges": merges})
        tokenizer = build_tokenizer(kind, _no_cleaning(rule), tokens, merges).to_str()
        report |= {"sample_bytes": sample, "learned_tokens": len(tokens)}
    elif imported is not None:
        write_bytes(directory / "imported.json", imported.tokenizer_json.encode())
        tokenizer = imported.tokenizer_json
    pool = pool if splits_words(kind, rule) else None  # otherwise the tokens are there already
    workers = Workers(_Segmenting, kind, rule, tokenizer, pool=pool)
    report["splits"] = {
        split: _split(clean / f"{split}.txt", directory / f"{split}.txt", workers, progress) for split in SPLITS
    }
    return report


@dataclass(frozen=True)
class _Segmented:
    """The `text` of the tokens of a block, and how many lines and tokens it has."""

    text: bytes
    lines: int
    tokens: int


class _Segmenting:
    """A block of cleaned lines to lines of tokens."""

    def __init__(self, kind: str, rule: CleanRule, tokenizer: str | None) -> None:
        learned = None if tokenizer is None else load_tokenizer(tokenizer, "the imported tokenizer")
        self._segmenter = Segmenter(kind, rule, learned)

    def __call__(self, cleaned: bytes) -> _Segmented:
        """The tokens of every line."""
        text = self._segmenter.block(cleaned)
        lines = text.count(b"\n")
        # One space separates two tokens, so a line has one token more than spaces, and an empty one none.
        return _Segmented(text, lines, text.count(b" ") + lines - _empty_lines(text))


def _split(source: Path, target: Path, workers: Workers[_Segmented], progress: Advance) -> dict[str, Any]:
    lines = tokens = 0
    example: list[str] = []
    blocks = ((block, len(block)) for block in line_blocks(source))
    with durable(target) as file:
        for segmented, size in workers.map(blocks, source.stat().st_size):
            file.write(segmented.text)
            tokens += segmented.tokens
            lines += segmented.lines
            example = example or segmented.text.split(b"\n", 1)[0].decode().split(" ")[:_EXAMPLE_TOKENS]
            progress(size)
    return {"lines": lines, "tokens": tokens, "example": example}


def _empty_lines(block: bytes) -> int:
    if b"\n\n" not in block and not block.startswith(b"\n"):
        return 0
    return sum(not line for line in block.split(b"\n")[:-1])


def _no_cleaning(rule: CleanRule) -> CleanRule:
    """A rule that cleans nothing, for a tokenizer of text that is clean already."""
    return CleanRule("keep", "keep", "keep", "none", False, fold=False, special=False)


def read_subwords(directory: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """The learned tokens and merges; ArtifactError when they are damaged."""
    path = directory / "subwords.json"
    try:
        content = json.loads(path.read_text("utf-8"))
        return list(content["tokens"]), [(first, second) for first, second in content["merges"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is damaged ({error})", "rebuild it with: rnnlm tokenize --force") from None


def _sample_lines(path: Path, limit: int) -> tuple[list[str], int]:
    """Lines from evenly spaced positions of a text, about `limit` bytes at most, and the number of their bytes."""
    size = path.stat().st_size
    piece = 2**18
    count = max(1, limit // piece)
    lines: list[str] = []
    total = 0
    with path.open("rb") as file:
        if size <= limit:
            content = file.read()
            return content.decode().split("\n")[:-1], len(content)
        for number in range(count):
            file.seek(number * size // count)
            if number:
                file.readline()
            block = file.read(piece)
            block += b"" if block.endswith(b"\n") else file.readline()
            lines += block.decode().split("\n")[:-1]
            total += len(block)
    return lines, total
