"""minicons' surprisal of each word is that of `rnnlm score`."""

import math
from pathlib import Path
from typing import Any

import pytest
from conftest import sentences
from opened import Export

import rnnlm

pytest_plugins = ("opened",)


@pytest.fixture
def scorer(export: Export, trained: Path) -> Any:
    """minicons' scorer of the exported model."""
    from minicons.scorer import IncrementalLMScorer

    directory = str(export(trained))
    return IncrementalLMScorer(directory, "cpu", tokenizer=directory, trust_remote_code=True)


def test_words_have_the_same_surprisal(scorer: Any, trained: Path) -> None:
    lines = [*filter(None, sentences(60, seed=13)), "the zeppelin sees milk"]
    told = scorer.word_score_tokenized(lines, str.split, surprisal=True, base_two=True)
    for line, words in zip(lines, told, strict=True):
        own = [row for row in rnnlm.load(trained).score(line, level="word") if row["word"] != "</s>"]
        assert len(own) == len(words) == len(line.split())
        assert [bits for _, bits in words] == pytest.approx([row["bits"] for row in own], abs=1e-4)


def test_lines_have_the_same_cost_with_and_without_their_ends(scorer: Any, trained: Path) -> None:
    lines = list(filter(None, sentences(20, seed=14)))
    ended = scorer.sequence_score([f"{line}\n" for line in lines], reduction=lambda x: -x.sum().item())
    own = [row["bits"] for row in rnnlm.load(trained).score(lines, level="line")]
    assert ended == pytest.approx([bits * math.log(2) for bits in own], abs=1e-4)
