"""What a format is: text before, for each line, after each text, and after everything."""

from rnnlm.use.scoring.scored import ScoredLine
from rnnlm.use.scoring.totals import Totals


class Form:
    """How scored lines look as text. All parts are whole lines, or nothing, which is what this one says of all."""

    def start(self) -> str:
        """What comes before everything."""
        return ""

    def line(self, scored: ScoredLine) -> str:
        """What is said of a line."""
        return ""

    def end(self, name: str) -> str:
        """What comes after the lines of the text `name`."""
        return ""

    def close(self, totals: Totals) -> str:
        """What comes after everything, `totals` being the sums over all texts."""
        return ""
