"""Where a language model is surprised: a passage as a heat map, with what it expected at each token."""

from itertools import islice

import numpy as np
import torch

from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.text import EncodedText
from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT, UNKNOWN_ID, tokens_by_id
from rnnlm.model.likelihood import log_probabilities
from rnnlm.model.network import Network
from rnnlm.report.parts import Passage, PassageToken, Section
from rnnlm.report.subject import Subject
from rnnlm.use.evaluation.evaluate import stretches
from rnnlm.use.generation.detokenizer import token_name
from rnnlm.use.scoring.scored import BITS

_TOKENS, _CHARACTERS = 160, 480
_LIKELIEST = 5
_UNITS = 32
LEVELS = (1, 2, 4, 6, 9, 12)  # bits at which the color changes


@torch.inference_mode()
def surprise(subject: Subject, text: EncodedText, name: str) -> Section:
    """The beginning of the text, token by token."""
    rules, model = subject.found.model.rules, subject.model
    known = tokens_by_id(rules.tokenizer)
    names = [token_name(known, rules.kind, number) for number in range(len(known))]
    count = min(len(text.ids.ids), _TOKENS if rules.kind in WORD_KINDS else _CHARACTERS)
    space = " " if rules.kind in WORD_KINDS else ""
    context = subject.given.context or subject.found.model.context
    tokens: list[PassageToken] = []
    hidden_parts = []
    states = model.initial_state(1)
    for stretch in stretches(text.ids, context, count):
        states = model.initial_state(1) if stretch.fresh else states
        if isinstance(model, Network):
            read = model.read(stretch.inputs.to(model.device), states)
            hidden, states = read.output, read.states
            hidden_parts.append(read.h[:, 0].cpu())
        else:
            hidden, states = model(stretch.inputs, states)
        log_p = log_probabilities(model, hidden[:, 0]).cpu()
        for row, target in islice(zip(log_p, stretch.targets.tolist(), strict=True), count - len(tokens)):
            values, numbers = row.topk(min(_LIKELIEST, len(row)))
            likeliest = [names[number + FIRST_OUTPUT] for number in numbers.tolist()]
            bits = -float(row[target - FIRST_OUTPUT]) * BITS
            tokens.append(
                PassageToken(
                    names[target] if target != END_ID else "⏎", bits,
                    int((row > row[target - FIRST_OUTPUT]).sum()) + 1,
                    -float((row.exp() * row.clamp(min=-1e300)).sum()) * BITS,
                    list(zip(likeliest, values.exp().tolist(), strict=True)),
                    target == UNKNOWN_ID, int(np.searchsorted(LEVELS, bits, "right")),
                    "\n" if target == END_ID else space,
                )
            )  # fmt: skip
        if len(tokens) >= count:
            break
    units = _units(torch.cat(hidden_parts)[:count].numpy()) if hidden_parts else {}
    sentence = (
        f"The first {len(tokens):,} tokens of {name}, each colored by its surprisal, −log₂ p in bits: 1 bit is a coin "
        "toss, 10 bits one in a thousand. Point at a token, or move with the arrow keys, for its rank, the entropy "
        "before it and the likeliest tokens in its place; or color by one of the units that vary most."
    )
    caption = f"Surprisal of {name}, context {context}; ⏎ is the end of a line"
    return Section(
        "surprise", "Where it is surprised", sentence, [Passage(caption, tokens, legend(), units, dense=not space)]
    )


def legend() -> list[tuple[int, str]]:
    """Each level of color, 0 to 6, and the bits that it stands for."""
    bounds = ("0", *map(str, LEVELS))
    return [(k, f"{low} to {bounds[k + 1]} bits" if k < len(LEVELS) else f"{low} bits or more")
            for k, low in enumerate(bounds)]  # fmt: skip


def _units(h: np.ndarray) -> dict[str, list[int]]:
    """The units of the last layer that vary most over h (tokens, hidden), as whole numbers up to 99."""
    most = np.argsort(-h.std(0), kind="stable")[:_UNITS]
    scale = max(1.0, float(np.abs(h).max()))
    return {f"unit {unit}": (99 * h[:, unit] / scale).round().astype(int).tolist() for unit in sorted(most.tolist())}
