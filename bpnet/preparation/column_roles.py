"""Profiling: what role each column of a config's table has, and which of them are features."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.config.schema import Config
from bpnet.config.yaml_tree import KeyPath
from bpnet.data.encoding.column_options import ColumnOptions, Role
from bpnet.data.encoding.settings import (
    AnyCategorical,
    AnyScaling,
    DateParts,
    Embedded,
    L2Rows,
    NoScaling,
    OneHot,
    Ordinal,
)
from bpnet.data.reading import Table
from bpnet.data.reading.chunk import CellType
from bpnet.data.roles import BLANK_REASON, DetectedRole, detect_role
from bpnet.engine.component import Array
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, did_you_mean, quoted_list, total_line


@dataclass(frozen=True)
class Profile:
    """The candidates for features, with what each was found to be."""

    findings: Mapping[str, DetectedRole]

    @property
    def features(self) -> list[str]:
        """The columns to learn from."""
        return [name for name, finding in self.findings.items() if finding.role != "ignored"]

    def warnings(self, given: Mapping[str, Role]) -> list[str]:
        """What the user should know: which columns are left out, and why."""
        left_out: dict[str, list[str]] = {}
        for name, finding in self.findings.items():
            if finding.role == "ignored" and given.get(name) != "ignored":
                left_out.setdefault(finding.reason or "", []).append(name)
        texts = [
            f"left out, for {reason}: {quoted_list(names)}; to use one all the same, give it a role in dataset.roles"
            for reason, names in left_out.items()
        ]
        notes = [
            f"column '{name}': {finding.note}"
            for name, finding in self.findings.items()
            if finding.note
        ]
        return texts + notes


def candidates(loaded: LoadedConfig, table: Table) -> list[str]:
    """The columns that may be features; raises DataError with each that is named but not there, or not fit."""
    dataset, split, source = loaded.config.dataset, loaded.config.dataset.split, loaded.source
    problems: list[str] = []
    there = set(table.columns)

    def known(column: str, path: KeyPath, key: str) -> bool:
        if column in there:
            return True
        problems.append(
            f"{source.where(path)}: {key} '{column}' is no column of {table.name}; "
            f"the columns are {quoted_list(table.columns)}{did_you_mean(column, table.columns)}{_table_hint(table)}"
        )
        return False

    apart: dict[str, str] = {}
    for k, column in enumerate(dataset.targets):
        known(
            column,
            ("dataset", "target") if isinstance(dataset.target, str) else ("dataset", "target", k),
            "dataset.target",
        )
        apart[column] = "target"
    for key, name, role in (
        (("dataset", "sample_weight"), dataset.sample_weight, "sample weight"),
        (("dataset", "split", "column"), split.column, "column of the split"),
    ):
        if name is not None and known(name, key, ".".join(key)):
            if name in dataset.targets:
                problems.append(
                    f"{source.where(key)}: {'.'.join(key)} is the target; name another column"
                )
            apart[name] = role
    for by, column_of in (("group", split.group), ("time", split.time)):
        if column_of is not None:
            known(column_of, ("dataset", "split", by), f"dataset.split.{by}")
    for where, named in (
        ("roles", dataset.roles),
        ("preprocessing.columns", dataset.preprocessing.columns),
    ):
        for column in named:
            path = ("dataset", *where.split("."), column)
            if known(column, path, f"dataset.{where}") and column in dataset.targets:
                problems.append(
                    f"{source.where(path)}: dataset.{where} names '{column}', the target; set task, or remove it"
                )
    for k, column in enumerate(dataset.features or []):
        place = ("dataset", "features", k)
        if not known(column, place, "dataset.features"):
            continue
        if column in apart:
            problems.append(
                f"{source.where(place)}: dataset.features names '{column}', the {apart[column]}; remove it there"
            )
        elif column in (dataset.features or [])[:k]:
            problems.append(
                f"{source.where(place)}: dataset.features names '{column}' twice; remove one"
            )
    if problems:
        raise DataError(problems)
    # whom a row belongs to, or when it was, is a feature only where the config says so
    apart |= {name: "split" for name in (split.group,) if name and name not in dataset.roles}
    found = dataset.features or [column for column in table.columns if column not in apart]
    if not found:
        raise DataError(
            f"{table.name}: no column is left to be a feature beside the target {quoted_list(dataset.targets)}"
        )
    return found


def profile(config: Config, table: Table, columns: list[str], train: Array) -> Profile:
    """What the columns are, by their training rows (a mask, N) in the first chunk with values; raises DataError."""
    roles, named = config.dataset.roles, set(config.dataset.features or ())
    texts = ("categorical", "boolean", "date")
    wanted: dict[str, CellType] = {
        name: "text" if roles.get(name) in texts else "any" for name in columns
    }
    findings: dict[str, DetectedRole] = {}
    blank = list(columns)
    for chunk in table.chunks(wanted):
        rows = train[chunk.start : chunk.start + len(chunk)]
        if rows.any():
            for name in blank:
                findings[name] = detect_role(
                    name, chunk.column(name), rows, roles.get(name), named=name in named
                )
            blank = [name for name in blank if findings[name].reason == BLANK_REASON]  # so far
            if not blank:
                break
    found = Profile(findings)
    if not found.features:
        reasons = [f"'{name}': {finding.reason}" for name, finding in findings.items()]
        raise DataError(
            [
                f"{table.name}: no column is left to learn from beside the target "
                f"{quoted_list(config.dataset.targets)}; name roles in dataset.roles",
                *reasons[:MAX_PROBLEMS],
                *total_line(len(reasons), "columns are left out"),
            ]
        )
    return found


def plans(loaded: LoadedConfig, found: Profile) -> dict[str, ColumnOptions]:
    """What becomes of each feature; raises DataError where a column's own preprocessing does not suit its role."""
    config, wishes = loaded.config, loaded.config.dataset.preprocessing
    scaling: AnyScaling = NoScaling() if isinstance(wishes.numeric, L2Rows) else wishes.numeric
    made: dict[str, ColumnOptions] = {}
    problems = []
    for name in found.features:
        finding = found.findings[name]
        role, own = finding.role, wishes.columns.get(name)
        suits = own is None or _role_for(own) == role
        if not suits and name not in config.dataset.roles and _role_for(own) == "categorical":
            role, suits = "categorical", True
        if not suits:
            assert own is not None
            problems.append(
                loaded.problem(
                    ("dataset", "preprocessing", "columns", name),
                    f"is {own.kind}, which is for a {_role_for(own)} column, but '{name}' is {role}; "
                    f"change one, or set dataset.roles.{name}",
                )
            )
            continue
        categorical: AnyCategorical = (
            own if isinstance(own, OneHot | Ordinal | Embedded) else wishes.categorical
        )
        made[name] = ColumnOptions(
            role=role,
            scaling=scaling if own is None or _role_for(own) != "numeric" else own,  # type: ignore[arg-type]
            categorical=categorical,
            missing=wishes.missing,
            date_format=(own.format if isinstance(own, DateParts) else None) or finding.date_format,
        )
    for name in wishes.columns.keys() - set(found.features):
        problems.append(
            loaded.problem(
                ("dataset", "preprocessing", "columns", name),
                f"is set, but '{name}' is not a feature here; remove it, or give it a role in dataset.roles",
            )
        )
    if problems:
        raise DataError(sorted(problems))
    return made


def _role_for(wish: object) -> Role:
    if isinstance(wish, DateParts):
        return "date"
    return "categorical" if isinstance(wish, OneHot | Ordinal | Embedded) else "numeric"


def _table_hint(table: Table) -> str:
    """What may be wrong with the table as a whole, where a column is not there."""
    if np.all([_is_number(name) for name in table.columns]):
        return "; is the line of column names missing?"
    only = table.columns[0]
    other = next(
        (mark for mark in (",", ";", "\t", "|") if len(table.columns) == 1 and mark in only), None
    )
    return (
        f"; the cells seem to be separated by {other!r}: set dataset.reading.separator to it"
        if other
        else ""
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
