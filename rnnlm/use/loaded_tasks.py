"""Trained models of labels and of series in another Python program: results of `rnnlm.load`."""

from collections.abc import Iterable
from pathlib import Path

from rnnlm.errors import InputError
from rnnlm.model.finding import FoundModel
from rnnlm.model.network import Network
from rnnlm.model.sealed import Sealed
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.source import read_table
from rnnlm.tables.table import Table
from rnnlm.use.forecasts.rows import ForecastRow, FutureRow, forecast_future, forecast_table
from rnnlm.use.generation.prompt import check_unicode
from rnnlm.use.labels.frames import LabelledRow, label_table
from rnnlm.use.labels.predict import Labelled, Labeller, prior_offsets
from rnnlm.use.settings import BALANCE

_BATCH = 64


class LoadedLabeller:
    """A network that labels texts, or each word of a text; `labels` are all labels."""

    def __init__(self, sealed: Sealed, network: Network) -> None:
        self.sealed, self.network = sealed, network
        self.labels: tuple[str, ...] = sealed.labels

    def predict(self, texts: str | Iterable[str], *, k: int = 1, balance: float = BALANCE) -> list[Labelled]:
        """The `k` most likely labels of each text, or of each word of it; a string is one text per line.

        `balance` is that of `rnnlm predict`. InputError for a word that is not one token.
        """
        lines = texts.splitlines() if isinstance(texts, str) else list(texts)
        for line in lines:
            check_unicode(line)
        offsets = prior_offsets(self.sealed.label_counts, balance)
        labeller = Labeller(self.network, self.sealed.rules, self.labels, offsets, k, _BATCH)
        return list(labeller.label(lines))

    def __repr__(self) -> str:
        what = "each word" if self.sealed.task == "tag" else "each text"
        cell = self.sealed.architecture.cell
        return f"<rnnlm {cell} that labels {what} with {len(self.labels)} labels: {self.sealed.path}>"


class LoadedFrameLabeller:
    """A network that labels the sequences of a table, or its rows; `labels` are all labels."""

    def __init__(self, sealed: Sealed, network: Network) -> None:
        self.sealed, self.network = sealed, network
        self.rules = SeriesRules.from_json(sealed.config["series"])
        self.labels: tuple[str, ...] = sealed.labels

    def predict(self, table: str | Path, *, k: int = 1, balance: float = BALANCE) -> list[LabelledRow]:
        """The `k` most likely labels of each sequence of a table, or of each row of it.

        InputError for a table that is missing or lacks a column.
        """
        offsets = prior_offsets(self.sealed.label_counts, balance)
        return list(label_table(self.network, self.rules, _read(table), k, offsets, _BATCH))

    def __repr__(self) -> str:
        what = "each row" if self.rules.label_each else "each sequence"
        return f"<rnnlm {self.sealed.architecture.cell} that labels {what} of a table: {self.sealed.path}>"


def _read(table: str | Path) -> Table:
    """A table; InputError for one that is missing."""
    path = Path(table)
    if not path.exists():
        raise InputError(f"{path} does not exist", "check the path of the table")
    return read_table(path)


class LoadedForecaster:
    """A network that forecasts the `targets` of a table."""

    def __init__(self, found: FoundModel, network: Network) -> None:
        self._found, self.sealed, self.network = found, found.model, network
        self.rules = SeriesRules.from_json(found.model.config["series"])
        self.targets: tuple[str, ...] = tuple(self.rules.targets)

    def predict(self, table: str | Path, *, all: bool = False) -> list[ForecastRow]:
        """The forecasts of the rows after a table's last rows, or of `all` windows, in the data's units.

        InputError for a table that is missing or lacks a column.
        """
        found = forecast_table(self.network, self.rules, _read(table), str(table), _BATCH, all=all)
        return list(found.rows(all=all))

    def future(self, table: str | Path) -> list[FutureRow]:
        """The horizons after the last row of each series of a table, in the data's units.

        With an interval where the model has learned quantiles or was loaded from its workspace. InputError for a table
        that is missing, too short or lacks a column.
        """
        return list(forecast_future(self._found, self.network, self.rules, _read(table), _BATCH).rows)

    def __repr__(self) -> str:
        cell = self.sealed.architecture.cell
        return f"<rnnlm {cell} that forecasts {', '.join(self.targets)}: {self.sealed.path}>"
