"""The interface of an output format: text before, for each line, after each text, and after everything."""

from rnnlm.use.scoring.scored import ScoredLine
from rnnlm.use.scoring.totals import Totals


class Form:
    """An output format for scored lines. All parts are whole lines or empty; here all are empty."""

    def start(self) -> str:
        """Text before everything."""
        return ""

    def line(self, scored: ScoredLine) -> str:
        """Text for a line."""
        return ""

    def end(self, name: str) -> str:
        """Text after the lines of the text `name`."""
        return ""

    def close(self, totals: Totals) -> str:
        """Text after everything, `totals` being the sums over all texts."""
        return ""
