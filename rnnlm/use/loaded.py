"""A trained language model in another Python program: the result of `rnnlm.load`.

It uses the functions behind the commands: a score is that of `rnnlm score`, a text that of `rnnlm generate`.
"""

import difflib
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlm.config import resolve
from rnnlm.corpus.tokenizer import FIRST_OUTPUT, START_ID, tokens_by_id
from rnnlm.errors import UsageError
from rnnlm.model.device import choose_device
from rnnlm.model.embedding import whole_layer
from rnnlm.model.finding import FoundModel, find_sealed
from rnnlm.model.likelihood import LanguageModel, log_probabilities
from rnnlm.model.loading import load_model, load_network
from rnnlm.model.network import Network, States
from rnnlm.model.quantized import sealed_weights
from rnnlm.use.generation.generate import Generated, generate_from
from rnnlm.use.generation.next import Candidate, next_words
from rnnlm.use.generation.prompt import check_unicode, prompt_ids
from rnnlm.use.generation.settings import GenerateSettings
from rnnlm.use.generation.streams import read
from rnnlm.use.loaded_tasks import LoadedForecaster, LoadedFrameLabeller, LoadedLabeller
from rnnlm.use.rescoring.decoder import Decoder
from rnnlm.use.rescoring.lists import Hypothesis, Utterance
from rnnlm.use.rescoring.rescorer import Rescorer, Weights
from rnnlm.use.scoring.formats import wanted_of
from rnnlm.use.scoring.frequencies import Frequencies
from rnnlm.use.scoring.regions import barred
from rnnlm.use.scoring.rows import Row, ScoreRows
from rnnlm.use.scoring.scorer import Scorer, Unknown
from rnnlm.use.scoring.table import Kept, ScoreTable
from rnnlm.use.scoring.totals import Totals
from rnnlm.use.settings import Context
from rnnlm.use.summaries import summaries
from rnnlm.use.words import WordVectors

_OF_THE_COMMAND = ("prompt", "prompt_file", "novelty", "midi")


@dataclass(frozen=True)
class Score:
    """The score of a text: its rows at the given level, and its metrics by the names of `rnnlm score`.

    docs/scoring.md describes the fields of a row.
    """

    rows: tuple[Row, ...]
    metrics: Mapping[str, Any]

    def __iter__(self) -> Iterator[Row]:
        """Its rows, as `pandas.DataFrame` takes them."""
        return iter(self.rows)

    def between(self, first: int, last: int, by: Literal["word", "character"] = "word", line: int = 1) -> float:
        """Bits of the words or characters of a line from `first` to before `last`, counted from 0.

        A row belongs to the place where it begins, so that neighboring spans add up; the line's end comes after its
        last word. UsageError for a line or level without words, and for an unscored word in the span.
        """
        rows = [row for row in self.rows if row["line"] == line and "position" in row]
        if not rows:
            raise UsageError(f"line {line} has no words", "name another, and a level other than 'line'")
        key, shift = ("position", 1) if by == "word" else ("start", 0)
        inside = [row["bits"] for row in rows if first <= row[key] - shift < last]
        if None in inside:
            raise UsageError("a word in the span was excluded", "score it with unknown='score'")
        return float(sum(inside))

    @property
    def bits(self) -> float:
        """−log₂ p of the text, the end of each line included."""
        return float(self.metrics["bits"])

    @property
    def perplexity(self) -> float | None:
        """Perplexity over all predictions; None without any."""
        found: float | None = self.metrics["perplexity"]
        return found


@dataclass(frozen=True)
class Hypothesized:
    """A hypothesis with ln p of it under the model, `</s>` included, and the weighted total that it is ordered by."""

    text: str
    log_p: float
    total: float


class LoadedModel:
    """A language model, a network or an n-gram model, and the rules by which it reads text; on one device.

    `tokens` are all tokens in the order of their ids. All errors are RnnlmErrors.
    """

    def __init__(self, found: FoundModel, model: LanguageModel) -> None:
        self._found, self.sealed, self.model, self.rules = found, found.model, model, found.model.rules
        self.tokens: tuple[str, ...] = tuple(tokens_by_id(self.rules.tokenizer))

    def __repr__(self) -> str:
        perplexity = self.sealed.report.get("valid_perplexity")
        found = "" if perplexity is None else f", valid perplexity {perplexity:.2f}"
        return f"<rnnlm language model, {len(self.tokens):,} tokens{found}: {self.sealed.path}>"

    def score(
        self,
        text: str | Iterable[str],
        *,
        level: Literal["line", "word", "token", "region"] = "token",
        context: Context = "sentence",
        unknown: Unknown = "score",
        batch_size: int = 64,
        regions: bool = False,
        lags: int | None = None,
    ) -> Score:
        """Score a text line by line: a row for each line, word, token, or raw word, and the metrics of the whole.

        `text` is a string, or its lines one by one; with `regions` | stands between regions, which are the rows. The
        other arguments are the flags of `rnnlm score`. UsageError for invalid Unicode, InputError for unknown words
        with `unknown="error"` and for a region without words.
        """
        if regions and level not in ("token", "region"):
            raise UsageError(f"regions with level {level!r}", "their rows are regions; omit the level")
        level = "region" if regions else level
        if lags is not None and level not in ("word", "region"):
            raise UsageError("lags with a level without words", 'add level="word"')
        text = text if isinstance(text, str) else "".join(f"{_one_line(line)}\n" for line in text)
        check_unicode(text)
        scorer = Scorer(
            self.model, self.rules, context=context, batch_size=batch_size, unknown=unknown,
            wanted=wanted_of("jsonl", level),
        )  # fmt: skip
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        lines += "" if lines.endswith("\n") or not lines else "\n"
        kept = Kept(regions=deque() if regions else None)
        if kept.regions is not None:
            each = [barred(line, f"line {number}") for number, line in enumerate(lines.split("\n")[:-1], 1)]
            kept.regions.extend(found for _, found in each)
            lines = "".join(f"{line}\n" for line, _ in each)
        known = None if lags is None else Frequencies.of(self._found, warnings.warn)
        form = ScoreTable({"": ScoreRows(self.rules, level, known)}, level, ids=False, kept=kept, lags=lags)
        totals, rows = Totals(), list[Row]()
        for scored in scorer.lines([lines.encode()] if lines else []):
            totals.add(scored)
            rows += form.of([scored])
        return Score(tuple(rows), totals.metrics(scorer.digests))

    def next(self, prompt: str = "", k: int = 5) -> list[Candidate]:
        """The `k` most likely next tokens with their probabilities, completing a half-typed word, as `rnnlm next`."""
        if k < 1:
            raise UsageError(f"k is {k}", "must be 1 or more")
        return next_words(self.model, self.rules, prompt, k)

    def rescore(
        self, hypotheses: Sequence[str], *, scores: Mapping[str, Sequence[float]] | None = None,
        score_weights: Mapping[str, float] | None = None, weight: float = 1.0, word_penalty: float = 0.0,
        unknown: Unknown = "score",
    ) -> list[Hypothesized]:  # fmt: skip
        """The hypotheses of one utterance, the best first, as `rnnlm rescore` orders them.

        `scores` are what other models gave each, natural logarithms by name, weighted by `score_weights` (1 where none
        is given). UsageError for scores that are not one for each hypothesis.
        """
        given, weights = scores or {}, dict.fromkeys(scores or {}, 1.0) | dict(score_weights or {})
        if weights.keys() != given.keys() or any(len(each) != len(hypotheses) for each in given.values()):
            raise UsageError("scores that do not fit the hypotheses", "give one for each, under the names of weights")
        listed = [
            Hypothesis("", number + 1, text, "", "", text, {name: each[number] for name, each in given.items()})
            for number, text in enumerate(map(_one_line, hypotheses))
        ]
        rescorer = Rescorer(self.model, self.rules, Weights(weights, weight, 0.0, word_penalty), unknown=unknown)
        return [
            Hypothesized(found.hypotheses[index].text, found.log_p[index], found.totals[index])
            for found in rescorer.rescored([Utterance("", tuple(listed))] if listed else [])
            for index in found.order
        ]

    def decoder(self) -> Decoder:
        """The model inside a decoder of speech or print, which extends hypotheses word by word."""
        return Decoder(self.model, self.rules)

    def state(self, text: str) -> NDArray[np.float32]:
        """h(T) of the last layer (hidden,) after a line, read from the start; UsageError for an n-gram model."""
        if not isinstance(self.model, Network):
            raise UsageError(f"{self.sealed.path} is an n-gram model", "it has no hidden state; load a network")
        found: NDArray[np.float32] = next(summaries(self.model, self.rules, [_one_line(text)]))[0]
        return found

    def generate(self, prompt: str = "", **settings: Any) -> Generated:
        """A text after `prompt`. `settings` are the flags of `rnnlm generate` (`max_tokens=20, top_k=5, seed=3, …`).

        UsageError for an unknown or invalid setting; for several texts see `generate_many`.
        """
        if settings.get("n", 1) != 1:
            raise UsageError("n in generate, which returns one text", "use generate_many([prompt], n=…)")
        (text,) = self.generate_many([prompt], **settings)
        return text

    def generate_many(self, prompts: Iterable[str], **settings: Any) -> Iterator[Generated]:
        """The `n` texts after each prompt, prompt by prompt, `batch_size` of them sampled in a batch."""
        known = [each.name for each in fields(GenerateSettings) if each.name not in _OF_THE_COMMAND]
        for name in settings:
            if name not in known:
                close = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
                raise UsageError(f"generate has no setting {name!r}", hint)
        return generate_from(self.model, self.rules, _generate_settings(settings), prompts)

    @torch.inference_mode()
    def step(self, state: States | None = None, id: int = START_ID) -> tuple[NDArray[np.float64], States]:
        """Read one id in a state, None for the initial one: log p in nats of every next id, and the new state.

        log p is (vocabulary,), −∞ for `<pad>` and `<s>`, which never follow. A text begins with `<s>`, so that `step()`
        is the prediction of its first token. A state is not modified and can be continued again. UsageError for an
        unknown id.
        """
        if not 0 <= id < len(self.tokens):
            raise UsageError(f"there is no id {id}", f"ids are from 0 to {len(self.tokens) - 1}")
        hidden, state = read(self.model, [id], state)
        log_p = np.full(len(self.tokens), -np.inf)
        log_p[FIRST_OUTPUT:] = log_probabilities(self.model, hidden)[0].cpu().numpy()
        return log_p, state

    def ids(self, text: str) -> list[int]:
        """`<s>` and the ids of a text, cleaned by the model's rules; a line end inside it is `</s>`."""
        return prompt_ids(self.rules, text)

    def vector(self, word: str) -> NDArray[np.float32]:
        """The embedding (D,) of a token, cleaned first where it is a word.

        InputError for one outside the vocabulary, UsageError for an n-gram model, which has no vectors.
        """
        return self._words.vector(word)

    @cached_property
    def _words(self) -> WordVectors:
        return WordVectors(whole_layer(sealed_weights(self.sealed)[0]), self.rules)


def _one_line(line: str) -> str:
    """A line without its line end; UsageError for one with another inside, since rows are counted by lines."""
    line = line.removesuffix("\n").removesuffix("\r")
    if "\n" in line or "\r" in line:
        raise UsageError(f"a line end inside the line {line[:40]!r}", "pass lines one by one, or a whole string")
    return line


def _generate_settings(given: Mapping[str, Any]) -> GenerateSettings:
    """Checked like flags; environment variables apply to the command line only."""
    return resolve(GenerateSettings, flags=given, environment={}).settings


Loaded = LoadedModel | LoadedLabeller | LoadedFrameLabeller | LoadedForecaster


def open_loaded(path: str | Path, *, model: str | None = None, device: str = "cpu") -> Loaded:
    """The model at a path, on a device; see `rnnlm.load`."""
    found = find_sealed(Path(path), model)
    sealed = found.model
    chosen = choose_device(device)
    if sealed.task == "language":
        return LoadedModel(found, load_model(sealed, chosen))
    network = load_network(sealed, chosen)
    if sealed.task == "forecast":
        return LoadedForecaster(found, network)
    return (LoadedFrameLabeller if sealed.text is None else LoadedLabeller)(sealed, network)
