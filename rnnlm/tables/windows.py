"""The `window` stage: a table to inputs, targets and windows of each split, by rules learned from training rows.

What the rules do to a table is in `apply.py`; here they are chosen, fitted on train alone, and written.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rnnlm.arrays import Floats, write_npy
from rnnlm.artifacts import write_json
from rnnlm.errors import InputError, UsageError
from rnnlm.tables.apply import (
    answers_of,
    check_time,
    encoded,
    find_windows,
    label_numbers,
    scaled_inputs,
    scaled_targets,
    sequence_rows,
    unknown_categories,
    unseen,
    unseen_labels,
)
from rnnlm.tables.gaps import in_words, longest_step, with_gaps
from rnnlm.tables.rules import RowNumbers, SeriesRules
from rnnlm.tables.series import DESCRIPTION
from rnnlm.tables.settings import (
    STEPS,
    Scaling,
    WindowSettings,
    calendar_parts,
    column_names,
    column_periods,
    horizons_of,
)
from rnnlm.tables.splits import SplitRows, cut_of, split_rows
from rnnlm.tables.table import Table

_CATEGORIES, _FEW = 1000, 10
_BEYOND = 0.2  # of the rows after train
_LARGEST = 1e30  # larger ones, or their squares, exceed the range of the arithmetic


def window(table: Table, directory: Path, settings: WindowSettings) -> dict[str, Any]:
    """Fill the `window` stage from a table; the report.

    For each split `SPLIT.inputs.npy` (rows, F) and `SPLIT.targets.npy` (rows, K) float32, `SPLIT.windows.npy` (N, 2)
    and `SPLIT.starts.npy` (sequences,) int64; the rules in `series.json`. Raises InputError for columns that cannot
    have their role, and where a split gets no window.
    """
    rules = choose(table, settings)
    order, starts = sequence_rows(table, rules.group)
    check_time(table, rules.time, order, starts)
    cut = None if rules.group is None else settings.cut or cut_of(len(starts), settings.fractions)
    if cut == "time" and rules.task == "classify":
        raise InputError(
            f"--label for {len(starts):,} sequences: cut in time, each of them would be in every split",
            "use --cut group with more sequences, or a label for each row with --label-each",
        )
    if cut == "time" and rules.steps is None:
        rules = replace(rules, steps=settings.steps or STEPS)
    moved, parts = split_rows(table.rows, starts, settings.fractions, cut)
    begins = starts if cut != "time" else np.concatenate([part.rows.start + part.starts for part in parts.values()])
    notices = _left_out(table, rules, settings)
    if cut == "time" and settings.cut is None:
        notices.append(f"{len(starts)} sequences are too few to be split; the rows of each are, in time (--cut time)")
    if settings.steps is None and rules.steps is not None:
        smallest = min(part.rows.stop - part.rows.start for part in parts.values() if len(part.starts))
        if smallest < rules.steps + rules.horizon + 1:
            rules = replace(rules, steps=max(1, (smallest - rules.horizon) // 2))
            notices.append(f"--steps {rules.steps}, since a split has only {smallest:,} rows")
    train = order[moved][parts["train"].rows]
    rules = fit(table, rules, train)
    numbers = None if rules.label is None else label_numbers(table, rules, order, starts)[moved]
    if rules.time is not None and rules.steps is not None:
        rules, parts, said = _about_gaps(table, rules, order[moved], begins, parts, settings.gaps)
        notices += said
    inputs, incomplete = scaled_inputs(table, rules, order, starts)
    inputs, incomplete = inputs[moved], incomplete[moved]
    targets = scaled_targets(table, rules, order[moved])
    report: dict[str, Any] = {}
    for split, part in parts.items():
        own = None if numbers is None else numbers[part.rows]
        found = find_windows(rules, part.starts, answers_of(targets[part.rows], own), incomplete[part.rows])
        rows = part.rows.stop - part.rows.start
        if rows and not len(found.windows):
            raise InputError(
                f"{split} has no window: {found.reason(rules, rows)}",
                "use --missing forward, or other --fractions"
                if found.fit
                else "use fewer --steps, a smaller --horizon, or other --fractions",
            )
        write_npy(directory / f"{split}.inputs.npy", inputs[part.rows])
        write_npy(directory / f"{split}.targets.npy", targets[part.rows])
        notices += unseen_labels(own, rules.label, split)
        if own is not None:
            write_npy(directory / f"{split}.labels.npy", own)
        write_npy(directory / f"{split}.windows.npy", found.windows)
        write_npy(directory / f"{split}.starts.npy", part.starts)
        longest = int((found.windows[:, 1] - found.windows[:, 0]).max(initial=0))
        report[split] = {
            "rows": rows, "sequences": len(part.starts), "windows": len(found.windows),
            "shape": [len(found.windows), longest, rules.features], "left_out_without_target": found.without_target,
            "left_out_with_missing_inputs": found.with_missing_inputs,
        }  # fmt: skip
    counts = {"missing_values": _missing(table, rules), "unknown_categories": unknown_categories(table, rules)}
    notices += unseen(table, rules)
    notices += [*_counters(table, rules, train), *_beyond(table, rules, train, order[moved][len(train) :])]
    write_json(directory / DESCRIPTION, {**rules.to_json(), **counts})
    return {
        "steps": rules.steps, "horizon": rules.horizon, "first_horizon": rules.horizons[0],
        "features": rules.features, "inputs": list(rules.inputs),
        "targets": list(rules.targets), "label": rules.label, "labels": list(rules.labels), **counts, "splits": report,
        "notices": notices,
    }  # fmt: skip


def choose(table: Table, settings: WindowSettings) -> SeriesRules:
    """The role of each column of the table; the values for filling and scaling, and the categories, are still empty.

    Raises UsageError where no target is named, InputError for a column that is not there or not of the right kind.
    """
    if settings.target is None and settings.label is None:
        names = ", ".join(column.name for column in table.columns)
        raise UsageError("no --target", f"name the column to forecast, or that of labels with --label: {names}")
    if settings.label is not None:
        table.column(settings.label)
    targets, ignored = column_names(settings.target), column_names(settings.ignore)
    cycles, categories = column_periods(settings.cycle), column_names(settings.categories)
    group = settings.group or table.sequence_column
    for name in targets:
        table.number(name)
    for name in (*ignored, *filter(None, (group, settings.time))):
        table.column(name)
    columns, (first, last) = column_names(settings.inputs), horizons_of(settings.horizon)
    first, last = (0, 0) if settings.label is not None else (first, last)
    if not columns:
        others = {*ignored, settings.time, group, table.sequence_column, settings.label}
        others |= set(targets if last == 0 else ())
        others |= {column.name for column in table.columns if column.kind == "date" and column.name not in categories}
        columns = tuple(column.name for column in table.columns if column.name not in others)
    if not columns and settings.calendar is None:
        raise InputError(f"{table.source} has no column left that could be an input", "name some with --inputs")
    for flag, wanted in (("--cycle", tuple(cycles)), ("--categories", categories)):
        for name in wanted:
            if table.column(name).name not in columns:
                raise InputError(f"{flag} {name}: that column is no input", "omit it, or name it with --inputs")
    if settings.calendar is not None and table.column(settings.time or "").kind != "date":
        raise InputError(f"{table.source}: column {settings.time} holds no dates", "omit --calendar")
    texts = []
    for name in columns:
        column = table.column(name)
        if column.kind == "date" and name not in categories:
            raise InputError(
                f"{table.source}: column {name} holds dates, which are no input", "name it with --time or --ignore"
            )
        if column.kind == "text" and column.stray is None and name not in cycles:
            texts.append(name)
            if name not in categories and table.rows >= _FEW and 2 * len(column.values) > table.rows:
                raise InputError(
                    f"{table.source}: column {name} has {len(column.values):,} different texts in {table.rows:,} rows, "
                    f"such as {column.values[0]!r}: no number, no date, no category",
                    "name it with --ignore, --group or --categories",
                )
    named = {*texts, *categories}
    if settings.relative and not set(targets) <= set(columns) - set(cycles) - {*texts, *categories}:
        raise UsageError("--relative with a target that is no input", "name it among --inputs, or omit --relative")
    return SeriesRules(
        columns=columns, categories=dict.fromkeys([name for name in columns if name in named], ()),
        cycles={name: cycles[name] for name in columns if name in cycles}, targets=targets, group=group,
        time=settings.time, steps=settings.steps or (STEPS if group is None else None), horizon=last,
        stride=settings.stride, missing=settings.missing, scaling=settings.scaling,
        calendar=calendar_parts(settings.calendar), first=first if first < last else None,
        relative=settings.relative, label=settings.label, label_each=settings.label_each,
    )  # fmt: skip


def _left_out(table: Table, rules: SeriesRules, settings: WindowSettings) -> list[str]:
    """Notices for columns of dates that have no role."""
    named = {rules.time, rules.group, rules.label, *rules.columns, *column_names(settings.ignore)}
    dates = [column.name for column in table.columns if column.kind == "date" and column.name not in named]
    if not dates or settings.inputs is not None:
        return []
    return [f"{', '.join(dates)}: dates are no input; --time {dates[0]} checks their order"]


def _counters(table: Table, rules: SeriesRules, train: RowNumbers) -> list[str]:
    """Notices for inputs that only count the rows."""
    found = []
    for name in rules.columns:
        if name not in (*rules.categories, *rules.cycles, *rules.targets) and len(train) > _FEW:
            steps = np.diff(table.number(name)[train])
            if steps[0] and (steps == steps[0]).all():
                found.append(f"{name} only counts the rows, and later ones are beyond train's: --ignore {name}")
    return found


def _beyond(table: Table, rules: SeriesRules, train: RowNumbers, later: RowNumbers) -> list[str]:
    """Notices for targets that leave the range of their training rows, where a network does not follow them."""
    found = []
    inputs = zip(rules.targets, rules.target_inputs, strict=True)
    for name in () if rules.relative else (target for target, column in inputs if column is not None):
        values, known = table.number(name)[later], table.number(name)[train]
        outside = np.mean((values < np.nanmin(known)) | (values > np.nanmax(known))) if len(values) else 0.0
        if outside >= _BEYOND:
            found.append(f"{name}: {outside:.0%} of the later rows are beyond train's range; --relative follows trends")
    return found


def _about_gaps(
    table: Table, rules: SeriesRules, order: RowNumbers, starts: RowNumbers, parts: dict[str, SplitRows],
    wanted: str | None,
) -> tuple[SeriesRules, dict[str, SplitRows], list[str]]:  # fmt: skip
    """Rules and splits whose windows skip gaps, if that is wanted or leaves 80 % of the windows; and a notice."""
    assert rules.time is not None
    dates, moments = table.column(rules.time).kind == "date", table.moment(rules.time)[order]
    longest = longest_step(moments, starts, dates=dates)
    begins = with_gaps(moments, starts, longest)
    count = len(begins) - len(starts)
    if not count:
        return rules, parts, []
    apart = {}
    for split, part in parts.items():
        inside = begins[(begins > part.rows.start) & (begins < part.rows.stop)] - part.rows.start
        apart[split] = SplitRows(part.rows, np.union1d(part.starts, inside))
    crossing, skipping = ([_possible(rules, part) for part in each.values()] for each in (parts, apart))
    steps = np.diff(moments)
    what = f"{rules.time}: {count:,} gap{'s' * (count > 1)} above the usual step of "
    what += in_words(float(np.median(steps)), dates=dates)
    lost = all(after or not before for before, after in zip(crossing, skipping, strict=True))
    if wanted == "skip" or (wanted is None and lost and sum(skipping) >= 0.8 * sum(crossing)):
        fewer = sum(crossing) - sum(skipping)
        return replace(rules, gap=longest), apart, [f"{what}; the {fewer:,} windows over them are left out"]
    if wanted == "cross":
        return rules, parts, []
    left = f"{sum(skipping):,} of {sum(crossing):,} windows"
    return rules, parts, [f"{what}, over which windows run; --gaps skip leaves {left}, --gaps cross omits this line"]


def _possible(rules: SeriesRules, part: SplitRows) -> int:
    """How many windows with a target fit into the sequences of a split."""
    rows = np.diff(part.starts, append=part.rows.stop - part.rows.start)
    return int(np.maximum((rows - (rules.steps or 1) - rules.horizon) // rules.stride + 1, 0).sum())


def fit(table: Table, rules: SeriesRules, train: RowNumbers) -> SeriesRules:
    """The rules with the categories, means and scales of the rows `train`, where each value is known.

    Raises InputError for a column without a known value there, or with too many categories.
    """
    categories = {name: _categories(table, name, train) for name in rules.categories}
    rules = replace(rules, categories=categories)
    columns = set(rules.columns)
    plain = [name in columns and name not in rules.cycles and name not in categories for name in rules.inputs]
    fills, means, scales = [], [], []
    for name, values, scaled in zip(rules.inputs, encoded(table, rules), plain, strict=True):
        known = _known(values[train], name)
        mean, scale = mean_and_scale(known, rules.scaling if scaled else "none")
        fills.append(float(known.mean()))
        means.append(mean)
        scales.append(scale)
    labels = () if rules.label is None else _labels(table, rules, train)
    targets = [mean_and_scale(_known(table.number(name)[train], name), rules.scaling) for name in rules.targets]
    return replace(
        rules, input_fill=tuple(fills), input_mean=tuple(means), input_scale=tuple(scales),
        target_mean=tuple(mean for mean, _ in targets), target_scale=tuple(scale for _, scale in targets),
        labels=labels,
    )  # fmt: skip


def _labels(table: Table, rules: SeriesRules, train: RowNumbers) -> tuple[str, ...]:
    """The labels of the rows `train`, by falling count, those of equal count by name; InputError for fewer than two."""
    assert rules.label is not None
    codes, texts = table.labels(rules.label)
    counts = np.bincount(codes[train][codes[train] >= 0], minlength=len(texts))
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda code: (-int(counts[code]), texts[code]))
    found = [texts[code] for code in order]
    if not 1 < len(found) <= _CATEGORIES:
        raise InputError(
            f"{table.source}: {rules.label} has {len(found):,} labels in the training rows",
            f"name a column with 2 to {_CATEGORIES:,}, or mix the sequences of all labels",
        )
    return tuple(found)


def mean_and_scale(known: Floats, scaling: Scaling) -> tuple[float, float]:
    """What is subtracted from a number, and what it is then divided by; a constant column is divided by 1."""
    low, high = float(known.min()), float(known.max())
    if scaling == "none":
        return 0.0, 1.0
    if scaling == "minmax":
        return low, (high - low) or 1.0
    return float(known.mean()), (float(known.std()) if high > low else 1.0)


def _known(values: Floats, name: str) -> Floats:
    known = values[~np.isnan(values)]
    if not len(known):
        raise InputError(f"column {name} has no known value in the training rows", "name it with --ignore")
    if np.abs(known).max() > _LARGEST:
        raise InputError(f"column {name} has numbers above {_LARGEST:g}", "measure it in another unit")
    return known


def _categories(table: Table, name: str, train: RowNumbers) -> tuple[str, ...]:
    """The different values of a column in the rows `train`: texts in alphabetical order, numbers by size."""
    codes, texts = table.labels(name)
    met = np.unique(codes[train])
    labels = [texts[code] for code in met if code >= 0]
    if table.column(name).kind == "text":
        labels.sort()
    if len(labels) > _CATEGORIES:
        raise InputError(
            f"{table.source}: column {name} has {len(labels):,} different values, too many for categories",
            "name it with --ignore, --group or --time",
        )
    if not labels:
        raise InputError(f"column {name} has no known value in the training rows", "name it with --ignore")
    return tuple(labels)


def _missing(table: Table, rules: SeriesRules) -> dict[str, int]:
    """How many values each input and target column lacks."""
    return {name: table.missing(name) for name in dict.fromkeys((*rules.columns, *rules.targets))}
