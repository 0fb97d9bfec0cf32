"""A raw text as ids in one step, by the rules stored in a model: what evaluation reads.

The stages (clean, tokenize, vocab) give the same ids; a test compares the two.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from rnnlm.arrays import npy_writer
from rnnlm.corpus.clean import UnitRule, clean_blocks
from rnnlm.corpus.encoder import IdTable, Segmenter
from rnnlm.corpus.ids import Ids, open_ids
from rnnlm.corpus.normalizer import CleanRule
from rnnlm.corpus.tokenizer import END_ID, UNKNOWN_ID, tokens_by_id
from rnnlm.errors import InputError


@dataclass(frozen=True)
class TextRules:
    """Everything that decides the ids of a raw text: the kind of token, cleaning, what a unit is, the tokenizer."""

    kind: str
    rule: CleanRule
    units: UnitRule
    tokenizer: Tokenizer


@dataclass(frozen=True)
class EncodedText:
    """A text as ids, with the counts that metrics are divided by.

    `characters` and `bytes` are those of the cleaned text, a line end counting one.
    """

    ids: Ids
    characters: int
    bytes: int
    unknown_tokens: int
    out_of_vocabulary_tokens: int
    raw_sha256: str
    cleaned_sha256: str


def encode_text(
    blocks: Iterable[bytes], rules: TextRules, directory: Path, *, progress: Callable[[int], None] = lambda count: None
) -> EncodedText:
    """Encode raw text, given in blocks of whole lines, into files in `directory`, with the raw line of each unit.

    Raises InputError when nothing is left of it.
    """
    names = tokens_by_id(rules.tokenizer)
    segmenter = Segmenter(rules.kind, rules.rule, rules.tokenizer if rules.kind in ("bpe", "imported") else None)
    table = IdTable(names, rules.kind)
    raw, cleaned = hashlib.sha256(), hashlib.sha256()
    characters = size = total = unknown = outside = lines = 0
    name = "text"
    documents_path = directory / f"{name}.documents.npy"
    with (
        npy_writer(directory / f"{name}.ids.npy", np.uint16 if len(names) <= 2**16 else np.uint32) as ids,
        npy_writer(directory / f"{name}.offsets.npy", np.int64) as offsets,
        npy_writer(documents_path, np.uint32) as documents,
        npy_writer(directory / f"{name}.lines.npy", np.uint32) as raw_lines,
    ):
        offsets.append(np.zeros(1, np.int64))

        def hashed() -> Iterable[bytes]:
            for block in blocks:
                raw.update(block)
                yield block

        for block in clean_blocks(hashed(), rules.rule, rules.units):
            cleaned.update(block.text)
            characters += len(block.text if block.text.isascii() else block.text.decode())
            size += len(block.text)
            encoded = table.block(segmenter.block(block.text))
            ids.append(encoded.ids)
            offsets.append(np.flatnonzero(encoded.ids == END_ID) + 1 + total)
            documents.append(block.documents + lines)
            raw_lines.append(block.lines)
            lines += len(block.lines)
            total += len(encoded.ids)
            unknown += int((encoded.ids == UNKNOWN_ID).sum())
            outside += encoded.out_of_vocabulary
            progress(block.raw_bytes)
    if total == 0:
        raise InputError("the text has nothing to predict", "give text with at least one word in it")
    opened = open_ids(directory, name, len(names), documents_path)
    return EncodedText(opened, characters, size, unknown, outside, raw.hexdigest(), cleaned.hexdigest())
