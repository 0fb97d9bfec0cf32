"""One reading of a text for all metrics that need whole distributions: slices of the loss, calibration, keystrokes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from rnnlm.corpus.clean import clean_blocks
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.normalizer import UNKNOWN
from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.text import EncodedText, IdTable, Segmenter, TextRules
from rnnlm.corpus.tokenizer import FIRST_OUTPUT, UNKNOWN_ID, tokens_by_id
from rnnlm.model.likelihood import LanguageModel, log_probabilities
from rnnlm.model.network import Network
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.use.comparison.spelling import unknown_words
from rnnlm.use.evaluation.evaluate import Evaluation, stretches
from rnnlm.use.evaluation.keystrokes import Keystrokes
from rnnlm.use.evaluation.reliability import Reliability
from rnnlm.use.evaluation.slices import RANKED_KINDS, SlicedLines, Slices, make_slices

_NUMBERS = 2**21  # log probabilities in memory at once
_STEPS = 256
_LINES = 4096


@dataclass(frozen=True)
class Sliced:
    """The metrics of the whole text and of its slices; no `keystrokes` where tokens are not words."""

    evaluation: Evaluation
    slices: dict[str, Slices]
    calibration: Reliability
    keystrokes: Keystrokes | None


@torch.inference_mode()
def evaluate_slices(
    model: LanguageModel, rules: TextRules, text: EncodedText, context: str, scratch: Scratch, raw: Iterable[bytes]
) -> Sliced:
    """Read a text in `context`; `raw` is the same text again, for the words without an id.

    The cost of every token is kept in a file; the number of distributions in memory is bounded.
    """
    if isinstance(model, Network):
        model.eval()
    names = tokens_by_id(rules.tokenizer)
    outputs = len(names) - FIRST_OUTPUT
    costs = scratch.array(len(text.ids.ids), np.float64)
    calibration = Reliability()
    keystrokes = Keystrokes(names) if rules.kind in WORD_KINDS else None
    states = model.initial_state(1)
    for stretch in stretches(text.ids, context, min(_STEPS, max(1, _NUMBERS // outputs))):
        states = model.initial_state(1) if stretch.fresh else states
        hidden, states = model(stretch.inputs.to(model.device), states)
        log_p = log_probabilities(model, hidden[:, 0])
        numbers = (stretch.targets - FIRST_OUTPUT).to(log_p.device)
        costs[stretch.start : stretch.start + len(numbers)] = -log_p.gather(1, numbers.unsqueeze(1))[:, 0].cpu().numpy()
        highest, first = log_p.max(1)
        calibration.add(highest.exp().cpu().numpy(), (first == numbers).cpu().numpy())
        if keystrokes is not None:
            keystrokes.add(log_p, stretch.targets.numpy())
    if keystrokes is not None and text.out_of_vocabulary_tokens:
        for word in _outside(raw, rules, names):
            keystrokes.add_unknown(word)
    slices = make_slices(ranked=rules.kind in RANKED_KINDS)
    unknown = 0.0
    for lines, nats in _lines(text.ids, costs):
        unknown += float(nats[lines.ids == UNKNOWN_ID].sum())
        for table in slices.values():
            table.add(lines, nats)
    total = float(slices["position"].nats.sum())
    return Sliced(Evaluation(total, len(costs), unknown, text), slices, calibration, keystrokes)


def _lines(ids: Ids, costs: np.ndarray) -> Iterable[tuple[SlicedLines, np.ndarray]]:
    for first in range(0, ids.lines, _LINES):
        last = min(first + _LINES, ids.lines)
        yield SlicedLines(ids, first, last), costs[ids.offsets[first] : ids.offsets[last]]


def _outside(raw: Iterable[bytes], rules: TextRules, names: list[str]) -> Iterable[str]:
    """Every word of a text outside the vocabulary; a `<unk>` written in the text is skipped."""
    table, segmenter = IdTable(names, rules.kind), Segmenter(rules.kind, rules.rule)
    for block in clean_blocks(raw, rules.rule, rules.units):
        for _, word in unknown_words(segmenter.block(block.text), table, rules.kind):
            if word != UNKNOWN:
                yield word
