"""SRILM's n-best lists (nbest-format(5)): one file per utterance, `acoustic lm words w1 w2 …` on a line, in log10.

The output is that of `nbest-rescore`: the language model's score replaced by ours. The older forms NBestList1.0 and
NBestList2.0, `(score) w1 w2 …` with scores in bytelogs, are read too, and come out in the newer form.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from rnnlm.errors import InputError
from rnnlm.use.rescoring.form import ListForm
from rnnlm.use.rescoring.lists import Hypothesis, stem
from rnnlm.use.rescoring.rescorer import Rescored
from rnnlm.use.scoring.scored import LOG10

_SILENT = {"<s>", "</s>", "-pau-"}  # not read by language models, as in SRILM


_BYTELOG = 1024 * math.log(1.0001)  # nats in a bytelog


def _newer(line: str, version: str) -> str:
    """A line of NBestList1.0, `(score) w1 w2 …`, or 2.0, where `( st: 0 et: 9 g: -8 a: -70 )` follows each word."""
    whole, words = re.match(r"\((-?\d{1,15})\)", line), re.sub(r"\([^()]*\)", " ", line).split()
    acoustic, lm = (sum(map(int, re.findall(rf"\b{name}: (-?\d{{1,15}})\b", line))) for name in ("a", "g"))
    if version == "1":
        acoustic, lm = int(whole[1]) if whole else 0, 0
    head = f"{acoustic * _BYTELOG * LOG10:.6f} {lm * _BYTELOG * LOG10:.6f} {len(words)}" if whole else ""
    return f"{head} {' '.join(words)}"


class SrilmLists(ListForm):
    """Lists with two scores; the old language model's has weight 0 by default, since ours replaces it."""

    weights: ClassVar[Mapping[str, float]] = {"acoustic": 1.0, "lm": 0.0}

    def read(self, file: str, lines: Iterable[str]) -> Iterator[Hypothesis]:
        """The utterance is the name of the file without a known ending, such as `.nbest.gz`.

        Raises InputError for a line without three numbers, and for one whose number of words is wrong, with or without
        silence and sentence marks.
        """
        utterance = "-" if file == "-" else stem(file)
        older = None
        for number, line in enumerate(lines, 1):
            if number == 1 and (match := re.fullmatch(r"NBestList([12])\.0\s*", line)):
                older = match[1]
                continue
            line = line if older is None else _newer(line, older)
            fields = line.split()
            try:
                acoustic, lm, count = float(fields[0]), float(fields[1]), int(fields[2])
            except (ValueError, IndexError):
                acoustic, lm, count = math.nan, math.nan, 0
            if not (math.isfinite(acoustic) and math.isfinite(lm)):
                raise InputError(
                    f"{file}, line {number:,} does not begin with three numbers",
                    "write: acoustic score, language model's score (log10), number of words, words",
                )
            words = [word for word in fields[3:] if word not in _SILENT]
            if count not in (len(words), len(fields) - 3):
                raise InputError(
                    f"{file}, line {number:,} says {count} words and has {len(words)}", "correct its third field"
                )
            scores = {"acoustic": acoustic / LOG10, "lm": lm / LOG10}
            yield Hypothesis(file, number, line, utterance, utterance, " ".join(words), scores)

    def hypothesis(self, rescored: Rescored, index: int) -> str:
        """The line with our log10 p instead of the old language model's."""
        acoustic, _, rest = rescored.hypotheses[index].line.split(maxsplit=2)
        return f"{acoustic} {rescored.log_p[index] * LOG10:.6f} {rest}\n"

    def score(self, rescored: Rescored, index: int) -> str:
        """The same line, the only one of this format with scores."""
        return self.hypothesis(rescored, index)
