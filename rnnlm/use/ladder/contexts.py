"""The contexts of a text in classes, each with its own weights of a mixture.

A token's class says how many of the words before it the n-gram model knows together, and in which quarter of the
validation text the entropy of the network's prediction lies; with clusters of rare words, as if all words of a cluster
were equally likely, which needs none of their logits. Nothing of the token itself is in it, so that mixtures stay
distributions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.corpus.ids import Ids
from rnnlm.model.ngram.model import NgramModel
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.use.evaluation.evaluate import stretches

_STEPS = 1024  # tokens whose histories are looked up at once
_QUARTERS = (0.25, 0.5, 0.75)
_AT_ONCE = 2**20
Classes = NDArray[np.uint8]


@dataclass(frozen=True)
class Contexts:
    """The class of each token of the validation text, `fit` (tokens,), and of the measured one, `test` (tokens,)."""

    fit: Classes
    test: Classes

    @property
    def count(self) -> int:
        """The number of classes."""
        return int(self.fit.max(initial=0)) + 1

    @classmethod
    def of(
        cls, fit: Ids, test: Ids, entropies: Sequence[Floats], ngram: NgramModel | None, context: str,
        scratch: Scratch,
    ) -> "Contexts":  # fmt: skip
        """Classes by the network's `entropies` in nats, (tokens,) of each text; `ngram` reads in `context`."""
        bounds = np.quantile(np.asarray(entropies[0]), _QUARTERS)
        found = []
        for ids, entropy in zip((fit, test), entropies, strict=True):
            classes: Classes = scratch.array(len(ids.ids), np.uint8)
            for start in range(0, len(classes), _AT_ONCE):
                some = slice(start, start + _AT_ONCE)
                classes[some] = np.searchsorted(bounds, entropy[some])
            if ngram is not None:
                _add_known(classes, ngram, ids, context)
            found.append(classes)
        np.minimum(found[1], found[0].max(initial=0), out=found[1])  # a class that the fit has
        return cls(*found)


def _add_known(classes: Classes, ngram: NgramModel, ids: Ids, context: str) -> None:
    """Add four for each word before a token that the n-gram model knows together with those after it."""
    states = ngram.initial_state(1)
    for stretch in stretches(ids, context, _STEPS):
        states = ngram.initial_state(1) if stretch.fresh else states
        histories, states = ngram(stretch.inputs, states)
        known = ngram.grams.known(histories[:, 0].numpy())
        classes[stretch.start : stretch.start + len(known)] += (known * (len(_QUARTERS) + 1)).astype(np.uint8)
