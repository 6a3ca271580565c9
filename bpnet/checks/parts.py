"""The parts of the split: too few rows of a class, too many inputs, values beyond training."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bpnet.checks.findings import Finding
from bpnet.data.dates.moments import iso_text
from bpnet.data.encoding.columns import NumericColumn
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.encoding.settings import DateParts
from bpnet.data.splitting import Part
from bpnet.engine.component import Array
from bpnet.messages import plural, set_option, shell_path
from bpnet.preparation.fit import FittedDataset

FEWEST_HELD_OUT = 5
"""Fewer held-out rows of a class measure it by chance."""
FEWEST_TRAINING = 10
_MOST_NAMES = 5
_FEWEST_BEYOND = 20
"""Test rows drawn at random, of fewer than which one column of many is beyond by chance."""
_MOSTLY = 0.5
"""The share of test rows beyond the training rows from which a column is reported."""


def part_findings(
    fitted: FittedDataset,
    counts: Mapping[Part, Mapping[str, int]],
    test_cells: Mapping[str, Array],
) -> Iterator[Finding]:
    """Yield what is wrong with the parts.

    `counts` are the rows of each class, or of each label that is true, by part; `test_cells` are
    the cells (N,) of each feature in some test rows.
    """
    if counts:
        noun = "class" if fitted.split.target_values.task == "classification" else "label"
        yield from _few_rows(fitted, noun, counts)
    yield from _many_inputs(fitted)
    yield from _beyond_training(fitted, test_cells)
    yield from _without_trend(fitted)


def _few_rows(
    fitted: FittedDataset, noun: str, counts: Mapping[Part, Mapping[str, int]]
) -> Iterator[Finding]:
    rows = {part: sum(by_class.values()) for part, by_class in counts.items()}
    total = {name: sum(by_class[name] for by_class in counts.values()) for name in counts["train"]}
    everywhere = [name for name, count in total.items() if count]
    config = shell_path(fitted.split.loaded.source.name)
    few = [name for name in everywhere if 0 < counts["train"][name] < FEWEST_TRAINING]
    # a table of a few rows, as in a tutorial, has few of everything
    if few and sum(total.values()) >= FEWEST_TRAINING * max(2, len(everywhere)):
        yield Finding(
            f"few_rows_of_a_{noun}",
            "warning",
            f"{_with_counts(noun, few, counts['train'])} {_have(few)} "
            f"fewer than {FEWEST_TRAINING} training rows, too few to learn from",
            "add rows, or merge them with another class"
            if noun == "class"
            else "add rows, or leave them out of the target",
        )
    # the test rows measure; without them the validation rows do
    part: Part = "test" if "test" in counts else "validation"
    by_class = counts.get(part, {})
    small = [name for name in everywhere if by_class and by_class[name] < FEWEST_HELD_OUT]
    if small and rows[part] >= FEWEST_HELD_OUT:
        yield Finding(
            f"few_{part}_rows_of_a_{noun}",
            "warning",
            f"{_with_counts(noun, small, by_class)} {_have(small)} fewer than {FEWEST_HELD_OUT} "
            f"{part} rows: how well {'it is' if len(small) == 1 else 'they are'} predicted is "
            "measured by chance",
            (_stratify(fitted) and f"draw each class alike: {_stratify(fitted)}")
            or f"test on every row with: bpnet cv {config}",
        )


def _have(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _with_counts(noun: str, names: Sequence[str], counts: Mapping[str, int]) -> str:
    """Return a noun with names and their rows: `classes 'b' (3), 'c' (0)`."""
    shown = ", ".join(f"'{name}' ({counts[name]})" for name in names[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{noun if len(names) == 1 else plural(noun)} {shown}{more}"


def _stratify(fitted: FittedDataset) -> str:
    """Return the option that spreads the classes over the parts, if the config says otherwise."""
    split = fitted.split.loaded.config.dataset.split
    given = split.stratify is False and split.shuffle and not (split.time or split.column)
    return set_option("dataset.split.stratify", "true") if given else ""


def _many_inputs(fitted: FittedDataset) -> Iterator[Finding]:
    inputs, rows = fitted.encoder.width, len(fitted.split.parts["train"])
    if inputs > rows >= FEWEST_TRAINING:
        yield Finding(
            "more_inputs_than_rows",
            "warning",
            f"{inputs:,} inputs for {rows:,} training rows: a network can learn each row by heart",
            f"use fewer columns, or keep its weights small: {set_option('training.l2', '0.01')}",
        )


def _beyond_training(fitted: FittedDataset, cells: Mapping[str, Array]) -> Iterator[Finding]:
    """Warn of features most of whose test values are beyond the range of the training rows.

    Of rows that are drawn at random a few may be so by chance, in a small table.
    """
    split = fitted.config.dataset.split
    drawn = split.shuffle and not (split.time or split.column or split.test_rows)
    if drawn and len(fitted.split.parts["test"]) < _FEWEST_BEYOND:
        return
    for column in fitted.encoder.columns:
        if not isinstance(column, NumericColumn | DateColumn) or column.name not in cells:
            continue
        if isinstance(column, DateColumn) and "elapsed" not in column.parts:
            continue  # cycles come round
        values = cells[column.name][~np.isnan(cells[column.name])]
        beyond = (values < column.lowest) | (values > column.highest)
        if len(values) < FEWEST_HELD_OUT or beyond.mean() < _MOSTLY:
            continue
        text = iso_text if isinstance(column, DateColumn) else "{:g}".format
        yield Finding(
            "beyond_training",
            "warning",
            f"column '{column.name}': {100 * beyond.mean():.3g} % of the test rows are beyond the "
            f"training rows ({text(values.min())} to {text(values.max())} against "
            f"{text(column.lowest)} to {text(column.highest)}), of which the network has learned "
            "nothing",
            f"leave the column out: {set_option('dataset.roles', 'ignored', column.name)}",
            [column.name],
        )


def _without_trend(fitted: FittedDataset) -> Iterator[Finding]:
    """Note dates whose days elapsed are left out, since the rows are split by time."""
    dataset = fitted.split.loaded.config.dataset
    given = {
        name
        for name, options in dataset.preprocessing.columns.items()
        if isinstance(options, DateParts) and options.trend != "auto"
    }
    for column in fitted.encoder.columns:
        if not isinstance(column, DateColumn) or column.name in given:
            continue
        if "elapsed" not in column.parts and column.lowest < column.highest:
            cycles = ", ".join(column.parts)
            yield Finding(
                "without_trend",
                "note",
                f"column '{column.name}': the days elapsed are left out, since held-out dates are "
                f"later than all of training; it is encoded as {cycles or 'nothing'}",
                "to add them: "
                + set_option("dataset.preprocessing.columns", "true", column.name, "trend"),
                [column.name],
            )
