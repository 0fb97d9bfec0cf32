"""Which windows a model that forecasts is measured on: a workspace's split or a table."""

from dataclasses import dataclass
from pathlib import Path

from rnnlm.corpus.settings import SPLITS
from rnnlm.errors import InputError, UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.tables.apply import apply_rules
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.series import Series, open_series
from rnnlm.tables.source import read_table, table_digest


@dataclass(frozen=True)
class ChosenWindows:
    """Windows, their name, the digest of their table, their `split` if they are one, and those of `train`, if any.

    `before` are the splits whose rows precede these in the table, earliest first; none where sequences are whole.
    """

    series: Series
    name: str
    table_sha256: str
    split: str | None
    train: Series | None
    before: tuple[Series, ...] = ()


def choose_windows(found: FoundModel, split: str | None, table: str | None) -> ChosenWindows:
    """The windows of a table, or of the given split, or of test, or of valid where test has none.

    Raises UsageError for a model without a workspace, or a workspace whose windows have other rules.
    """
    model, workspace = found.model, found.workspace
    rules = SeriesRules.from_json(model.config["series"])
    train = None
    if workspace is not None and workspace.manifest("window") is not None:
        with workspace.opening("window") as directory:
            train = open_series(directory, "train")
        train = train if train.rules == rules else None
    if table is not None:
        path = Path(table)
        return ChosenWindows(apply_rules(read_table(path), rules), table, table_digest(path), None, train)
    if workspace is None or train is None:
        other = "has no workspace" if workspace is None else "was trained on other windows"
        raise UsageError(f"{model.path} {other}", "name a table with --text TABLE")
    digest = str(workspace.verified("table").settings["source_sha256"])
    for name in [split] if split else ["test", "valid"]:
        with workspace.opening("window") as directory:
            series = open_series(directory, name)
            earlier = () if rules.group else SPLITS[: SPLITS.index(name)]
            before = tuple(open_series(directory, each) for each in earlier)
        if len(series):
            return ChosenWindows(series, f"{name} split", digest, name, train, before)
    raise InputError(f"the {name} split of {workspace.path} has no window", "name another with --split")
