"""Warnings in advance: harmless problems of an encoded dataset, reported before training."""

import numpy as np

from bpnet.config.split_schema import Split
from bpnet.data.dates.advice import MIXED_ZONES
from bpnet.data.dates.detection import detect_format
from bpnet.data.encoding import Encoder
from bpnet.data.encoding.columns import EncodedColumn, NumericColumn
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.identifiers import FEWEST_ROWS, counter_reason
from bpnet.data.reading.column import MAX_EXACT
from bpnet.data.roles import differing_in_case_note
from bpnet.engine.component import Array
from bpnet.messages import named, quoted_list, set_option
from bpnet.preparation.resolved_config import ResolvedConfig
from bpnet.preparation.target_values import TargetValues


def advance_warnings(
    resolved: ResolvedConfig, encoder: Encoder, target_values: TargetValues, y: Array
) -> list[str]:
    """Return a sentence for each property that is harmless but hardly intended.

    `y` (M, O) are the encoded targets of the training rows.
    """
    return [
        *(_constant_columns(encoder) if len(y) > 1 else []),
        *_vanishing_numbers(resolved, encoder, target_values, y),
        *_mixed_zones(encoder),
        *target_warnings(target_values),
        *_classes_without_rows(target_values, y),
        *_small_classes(resolved.config.dataset.split, target_values),
        *_unreachable_targets(resolved, y),
    ]


def target_warnings(target_values: TargetValues) -> list[str]:
    """Warn of a target that is hardly one: a counter, an ID, dates, classes that differ in case."""
    rows = target_values.kept_rows
    if target_values.task == "classification":
        name, classes = target_values.names[0], target_values.classes
        if len(classes) == len(rows) >= FEWEST_ROWS:
            return [
                f"the target '{name}' is another one in every row, as an ID is: nothing can be "
                "learned of such a class; name another target"
            ]
        if len(classes) > 2 and detect_format(classes) is not None:
            return [
                f"the target '{name}' holds dates, each of which is a class of its own; to predict "
                "a time, make a number of it, such as the days since another date"
            ]
        note = differing_in_case_note(classes)
        return [f"the target '{name}': {note}"] if note else []
    if target_values.task == "multilabel":
        return []
    reasons = [
        (name, counter_reason(name, target_values.values[rows, k], len(rows)))
        for k, name in enumerate(target_values.names)
    ]
    return [
        f"the target '{name}': {reason}; name another target, unless the order of the rows is "
        "to be predicted"
        for name, reason in reasons
        if reason
    ]


def _constant_columns(encoder: Encoder) -> list[str]:
    """Warn of columns that have one value in the training rows."""
    constant = [column for column in encoder.columns if column.constant]
    if encoder.unit_rows:  # scaling rows to length 1 makes such a column vary
        return []
    close = [column.name for column in constant if _may_differ(column)]
    same = [column.name for column in constant if column.name not in close]
    warnings = []
    if same:
        warnings.append(_constant(same, "the same value"))
    if close:
        codes = set_option("dataset.roles", "categorical", close[0])
        advice = f"if they are codes: {codes}; else subtract a round number in the table; "
        warnings.append(_constant(close, "numbers with the same first 12 digits", advice))
    return warnings


def _constant(names: list[str], content: str, advice: str = "") -> str:
    one = len(names) == 1
    return (
        f"{named('column', names)} {'has' if one else 'have'} {content} in every training row: "
        f"harmless, but nothing can be learned from it; {advice}to leave {'it' if one else 'one'} "
        f"out: {set_option('dataset.roles', 'ignored', names[0])}"
    )


def _may_differ(column: EncodedColumn) -> bool:
    """Return whether the numbers of a constant column may differ where float64 rounds them."""
    return isinstance(column, NumericColumn) and (
        column.lowest < column.highest or abs(column.highest) > MAX_EXACT
    )


def _vanishing_numbers(
    resolved: ResolvedConfig, encoder: Encoder, target_values: TargetValues, y: Array
) -> list[str]:
    """Warn of columns and targets that are 0 in the network, because they are not scaled."""
    precision = resolved.config.training.precision
    smallest = float(np.finfo(precision).smallest_subnormal)
    columns = [] if encoder.unit_rows else encoder.columns
    sizes = {
        column.name: max(abs(column.lowest), abs(column.highest))
        for column in columns
        if isinstance(column, NumericColumn)
        and isinstance(column.scale, LinearScaler)
        and column.scale.divide == 1
    }
    advice = dict.fromkeys(sizes, "dataset.preprocessing.numeric=standardize")
    if resolved.task == "regression" and not y.any():
        advice |= dict.fromkeys(target_values.names, "dataset.preprocessing.target=standardize")
        sizes |= {
            name: float(np.abs(target_values.values[target_values.kept_rows, k]).max())
            for k, name in enumerate(target_values.names)
        }
    return [
        f"column '{name}' is at most {size:g}, which is 0 in {precision}, and is not scaled; "
        f"to scale it: --set {advice[name]}"
        for name, size in sizes.items()
        if 0 < size < smallest
    ]


def _mixed_zones(encoder: Encoder) -> list[str]:
    """Warn of dates of which some have a time zone."""
    return [
        f"column '{column.name}': {MIXED_ZONES}"
        for column in encoder.columns
        if isinstance(column, DateColumn) and column.zones == "some"
    ]


def _classes_without_rows(target_values: TargetValues, y: Array) -> list[str]:
    """Warn of classes without a training row."""
    if target_values.task != "classification":
        return []
    rows = y.sum(axis=0) if y.shape[1] > 1 else np.array([len(y) - y.sum(), y.sum()])
    missing = [label for label, n in zip(target_values.classes, rows, strict=True) if round(n) == 0]
    if not missing:
        return []
    one = len(missing) == 1
    return [
        f"no training row has the {'class' if one else 'classes'} {quoted_list(missing)} of "
        f"'{target_values.names[0]}', so {'it is' if one else 'they are'} never predicted"
    ]


def _small_classes(split: Split, target_values: TargetValues) -> list[str]:
    """Warn of classes with too few rows to be in every part of a stratified split."""
    drawn = split.validation or split.test
    if target_values.task != "classification" or not split.stratify or not drawn:
        return []
    classes = target_values.classes
    counts = np.bincount(target_values.values[target_values.kept_rows], minlength=len(classes))
    small = [label for label, count in zip(classes, counts, strict=True) if count < 3]
    if not small:
        return []
    one = len(small) == 1
    return [
        f"{'class' if one else 'classes'} {quoted_list(small)} {'has' if one else 'have'} "
        "fewer than 3 rows and cannot be in every part of the split"
    ]


def _unreachable_targets(resolved: ResolvedConfig, y: Array) -> list[str]:
    """Warn if the output's activation cannot reach every target value of a regression."""
    activation = resolved.output_activation
    if not resolved.adds_output or resolved.task != "regression":
        return []
    lowest, highest = activation.reach
    if lowest <= y.min() and y.max() <= highest:
        return []
    reach = f"{lowest:g} to {highest:g}" if np.isfinite(highest) else f"{lowest:g} and above"
    return [
        f"the target goes from {y.min():g} to {y.max():g}, but the output's {activation.kind} "
        f"only reaches {reach}: use identity, or rescale the target"
    ]
