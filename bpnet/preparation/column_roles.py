"""The role of each column of a config's table, which are features, and how each is encoded."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from bpnet.config.dataset_schema import Dataset, Preprocessing
from bpnet.config.loading import LoadedConfig
from bpnet.config.schema import Config
from bpnet.data.encoding.column_options import ColumnOptions, Role
from bpnet.data.encoding.dates import read_days
from bpnet.data.encoding.settings import (
    AnyCategorical,
    AnyOfColumn,
    DateParts,
    L2Rows,
    NoScaling,
    Periodic,
    PiecewiseLinear,
)
from bpnet.data.identifiers import (
    COUNTS_ROWS,
    COUNTS_TIME,
    is_time_name,
    names_rows,
    split_advice,
)
from bpnet.data.reading import Table
from bpnet.data.reading.chunk import CellType
from bpnet.data.reading.column import CellParseError, Column, Floats
from bpnet.data.roles import BLANK_REASON, DetectedRole, detect_role
from bpnet.data.splitting.advancing import advances_with_time, counts_time
from bpnet.engine.component import Array
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, quoted_list, set_option, total_line
from bpnet.preparation.row_times import RowTimes, date_formats


@dataclass(frozen=True)
class ColumnRoles:
    """The role detected for each candidate for a feature, in the order of the table."""

    detected: Mapping[str, DetectedRole]
    notes: Mapping[str, str] = field(default_factory=dict)
    """Remarks on columns, by name, that come before those of `detected`."""
    of_first_block: Mapping[str, str] = field(default_factory=dict)
    """A cell of each column of numbers or categories whose role is that of its first rows."""

    @property
    def features(self) -> list[str]:
        """The columns to learn from."""
        return [name for name, column in self.detected.items() if column.role != "ignored"]

    def warnings(self, given: Mapping[str, Role]) -> list[str]:
        """Return the columns that are left out, with the reason, and notes on the others.

        `given` are the roles that the config names.
        """
        left_out: dict[str, list[str]] = {}
        for name, column in self.detected.items():
            if column.role == "ignored" and given.get(name) != "ignored":
                left_out.setdefault(column.reason or "", []).append(name)
        texts = []
        for reason, names in left_out.items():
            one = len(names) == 1
            each = reason if one else f"each {reason.removeprefix('it ')}"
            text = f"left out: {quoted_list(names)} ({each})"
            if reason != BLANK_REASON:  # which no role can cure
                text += (
                    f"; to use {'it' if one else 'one'} anyway: "
                    f"{set_option('dataset.roles', _usable_role(reason), names[0])}"
                )
            if reason.startswith(COUNTS_ROWS):
                text += "".join(map(split_advice, filter(is_time_name, names)))
            texts.append(text)
        noted = {name: column.note for name, column in self.detected.items()} | dict(self.notes)
        return texts + [f"column '{name}': {note}" for name, note in noted.items() if note]


def _usable_role(reason: str) -> Role:
    """Return the role by which a column that is ignored for a reason can be used."""
    numbers = "whole number" in reason or reason == COUNTS_TIME
    return "numeric" if numbers else "categorical"


def detect_roles(
    config: Config,
    table: Table,
    candidates: list[str],
    train: Array,
    times: RowTimes | None = None,
    notes: Mapping[str, str] | None = None,
) -> ColumnRoles:
    """Detect each column's role from its training rows in the first chunk with values.

    Of dates whose day and month may be swapped, the chunks after it are looked at, too.

    Parameters
    ----------
    config
        The config, whose roles come first.
    table
        The table.
    candidates
        The columns that may become features.
    train
        Mask (N,) of the training rows.
    times
        The times that the rows are split by; a feature of dates has the same format.
    notes
        Remarks on other columns, by name.

    Raises
    ------
    DataError
        No column is left to learn from.
    """
    formats = date_formats(config, times)
    named = {*(config.dataset.features or ()), config.dataset.split.time}
    given: dict[str, Role] = {**dict.fromkeys(formats, "date"), **config.dataset.roles}
    declared = dict.fromkeys(table.declared_categories, "categorical")
    types: dict[str, CellType] = {
        name: "text"
        if given.get(name, declared.get(name)) in ("categorical", "boolean", "date")
        else "any"
        for name in candidates
    }
    detected: dict[str, DetectedRole] = {}
    blank = list(candidates)  # so far
    ambiguous: list[str] = []
    of_first_block: dict[str, str] = {}
    for chunk in table.chunks(types):
        rows = train[chunk.start : chunk.start + len(chunk)]
        if rows.any():
            for name in ambiguous:
                detected[name] = detected[name].narrowed(name, chunk.column(name), rows)
            for name in blank:
                role = detect_role(
                    name,
                    chunk.column(name),
                    rows,
                    given.get(name),
                    named=name in named,
                    date_format=formats.get(name),
                    table_rows=len(train),
                    declared=name in declared,
                    names_rows=names_rows(name, table.columns),
                )
                if times is not None and role.role in ("date", "numeric"):
                    present = times.values[chunk.start : chunk.start + len(chunk)][rows]
                    kept = name in given or name in (config.dataset.features or ())
                    role = _by_time(role, chunk.column(name), rows, present, kept=kept)
                if name not in detected or role.reason != BLANK_REASON:
                    detected[name] = role
            if chunk.start + len(chunk) < len(train):
                of_first_block |= {
                    name: _example(chunk.column(name), rows)
                    for name in blank
                    if name not in given
                    and name not in declared
                    and detected[name].role in ("numeric", "categorical")
                }
            ambiguous = [name for name, column in detected.items() if column.other_formats]
            blank = [
                name
                for name in blank
                if detected[name].reason == BLANK_REASON or detected[name].undecided
            ]
            if not blank and not ambiguous:
                break
    # the note on the dates that the rows are split by comes in place of that on the feature
    notes = dict(notes or {})
    if times is not None and times.note is not None:
        notes[times.column] = times.note
    if all(column.role == "ignored" for column in detected.values()):
        detected |= _counters_as_features(detected, table.columns)
    roles = ColumnRoles(detected, notes, of_first_block)
    if not roles.features:
        raise DataError(_no_feature_left(config, table, detected))
    return roles


def _by_time(
    role: DetectedRole, column: Column, rows: Array, times: Floats, *, kept: bool
) -> DetectedRole:
    """Return a role by the times (M,), at which the rows are split, of a mask of M rows (N,).

    A date may advance with them; a number that counts them is ignored, unless it is `kept`.
    """
    with suppress(CellParseError):  # fitting reports the cell
        if role.role == "date":
            assert role.date_format is not None
            days = read_days(column, role.date_format)[rows]
            return replace(role, advances=advances_with_time(days, times))
        numbers = column.read_by(role.number_format or column.number_format).as_numbers()[rows]
        if not kept and counts_time(numbers, times):
            return replace(role, role="ignored", reason=COUNTS_TIME)
    return role


def _example(column: Column, rows: Array) -> str:
    """Return the first text of a mask of rows (N,), nothing if there is none."""
    if column.codes is None:
        return ""
    present = np.flatnonzero(rows & (column.codes >= 0))[:1]
    return "".join(column.take(present).written_cells())


def _counters_as_features(
    detected: Mapping[str, DetectedRole], columns: Sequence[str]
) -> dict[str, DetectedRole]:
    """Return the columns that count the rows or the time as features, for there are no others.

    A column without a name is not, if another counts them.
    """
    counters = [
        name
        for name, column in detected.items()
        if (column.reason or "").startswith((COUNTS_ROWS, COUNTS_TIME))
    ]
    named = [name for name in counters if not names_rows(name, columns)]
    return {
        name: replace(
            detected[name],
            role="numeric",
            reason=None,
            note=f"{detected[name].reason}; it is used because no other column is left to learn "
            "from",
        )
        for name in named or counters
    }


def column_options(loaded: LoadedConfig, roles: ColumnRoles) -> dict[str, ColumnOptions]:
    """Return the options by which each feature is encoded.

    Raises DataError if a column's own preprocessing does not suit its role, or is given for a
    column that is not a feature.
    """
    dataset = loaded.config.dataset
    settings, features = dataset.preprocessing, roles.features
    options: dict[str, ColumnOptions] = {}
    problems = []
    for name in features:
        column, override = roles.detected[name], settings.columns.get(name)
        role = column.role
        if override is not None and _role_of(override) != role:
            if _role_of(override) != "categorical" or name in dataset.roles:
                problems.append(_unsuited(loaded, name, override, role))
                continue
            role = "categorical"  # which any column can be
        if isinstance(settings.numeric, L2Rows) and isinstance(
            override, Periodic | PiecewiseLinear
        ):
            problems.append(_beside_l2_rows(loaded, name, override))
        if name not in roles.of_first_block:
            column = replace(column, digits=False)
        if len(features) == 1:  # without its trend there would be too little to learn from
            column = replace(column, advances=False)
        options[name] = _options(settings, override, role, column)
    problems += [
        loaded.problem(
            ("dataset", "preprocessing", "columns", name),
            f"is set, but '{name}' is not a feature here; "
            "remove it, or give it a role in dataset.roles",
        )
        for name in settings.columns.keys() - set(features)
        if not _is_harmless(dataset, name)
    ]
    if problems:
        raise DataError(sorted(problems))  # a difference of sets has no order
    return options


def _is_harmless(dataset: Dataset, name: str) -> bool:
    """Return whether a column that is not a feature may have an encoding of its own.

    It may if the config leaves it out, or if it is the format of the split's time.
    """
    is_time = name == dataset.split.time
    return dataset.roles.get(name) == "ignored" or (
        is_time and isinstance(dataset.preprocessing.columns[name], DateParts)
    )


def _options(
    settings: Preprocessing, override: AnyOfColumn | None, role: Role, detected: DetectedRole
) -> ColumnOptions:
    """Return the options of one feature, given its own preprocessing if it has one."""
    numeric = NoScaling() if isinstance(settings.numeric, L2Rows) else settings.numeric
    categorical, date_format = settings.categorical, detected.date_format
    if isinstance(override, AnyCategorical):
        categorical = override
    elif isinstance(override, DateParts):
        date_format = override.format or date_format
    elif override is not None:
        numeric = override
    return ColumnOptions(
        role=role,
        numeric=numeric,
        categorical=categorical,
        missing=settings.missing,
        date_format=date_format,
        number_format=detected.number_format,
        digits=detected.digits and role == "numeric",
        date=override if isinstance(override, DateParts) else DateParts(),
        advances=detected.advances,
        trend_confirmed=detected.trend_confirmed,
        frequent_values=settings.frequent_values,
        names_date=isinstance(override, DateParts),
    )


def _role_of(override: AnyOfColumn) -> Role:
    """Return the role that a column's own preprocessing is for."""
    if isinstance(override, DateParts):
        return "date"
    return "categorical" if isinstance(override, AnyCategorical) else "numeric"


def _unsuited(loaded: LoadedConfig, name: str, override: AnyOfColumn, role: Role) -> str:
    return loaded.problem(
        ("dataset", "preprocessing", "columns", name),
        f"is {override.kind}, which is for a {_role_of(override)} column, but '{name}' is {role}; "
        f"change one: {set_option('dataset.roles', _role_of(override), name)}",
    )


def _beside_l2_rows(loaded: LoadedConfig, name: str, override: AnyOfColumn) -> str:
    return loaded.problem(
        ("dataset", "preprocessing", "columns", name),
        f"is {override.kind}, but dataset.preprocessing.numeric is l2_rows, which scales the "
        "numbers of a row together; scale each column instead: "
        "--set dataset.preprocessing.numeric=robust_clip, or remove the column's own encoding",
    )


def _no_feature_left(
    config: Config, table: Table, detected: Mapping[str, DetectedRole]
) -> list[str]:
    reasons = [f"'{name}': {column.reason}" for name, column in detected.items()]
    advice = "add a column that has values"
    first = next((name for name in detected if detected[name].reason != BLANK_REASON), None)
    if first is not None:
        role = _usable_role(detected[first].reason or "")
        advice = f"give one a role: {set_option('dataset.roles', role, first)}"
    return [
        f"{table.name}: no column is left to learn from besides the target "
        f"{quoted_list(config.dataset.targets)}; {advice}",
        *reasons[:MAX_PROBLEMS],
        *total_line(len(reasons), "columns are left out"),
    ]
