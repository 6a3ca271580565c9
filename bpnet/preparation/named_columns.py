"""The columns that a config names, checked against its table."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from bpnet.config.dataset_schema import Dataset
from bpnet.config.loading import LoadedConfig
from bpnet.config.yaml_tree import KeyPath
from bpnet.data.reading import Table
from bpnet.errors import DataError
from bpnet.messages import did_you_mean, quoted_list, set_option

_MOST_PROBLEMS = 20
"""Columns that a config should not name, listed one by one."""


def feature_candidates(loaded: LoadedConfig, table: Table) -> list[str]:
    """Return the columns that may become features.

    Raises DataError with each column that the config names and that is not in the table, or that
    cannot be what it is named for.
    """
    lookup = _Lookup(loaded, table)
    found = (problem for check in _CHECKS for problem in check(lookup))
    # a wide table's columns may all be misnamed: the search for similar names takes long
    problems = list(islice(found, _MOST_PROBLEMS))
    if problems:
        more = next(found, None) is not None
        raise DataError(
            [*problems, *([f"{loaded.source.name}: names more such columns"] if more else [])]
        )
    dataset, group = loaded.config.dataset, loaded.config.dataset.split.group
    reserved = set(_reserved(dataset))
    if group and group not in dataset.roles:
        reserved.add(group)  # the group is a feature only if the config gives it a role
    candidates = dataset.features or [name for name in table.columns if name not in reserved]
    if not candidates:
        raise DataError(
            f"{table.name}: no column is left to be a feature besides the target "
            f"{quoted_list(dataset.targets)}; add a column to the table"
        )
    return candidates


@dataclass(frozen=True)
class _Lookup:
    """A config and the names of its table's columns."""

    loaded: LoadedConfig
    table: Table

    @cached_property
    def names(self) -> frozenset[str]:
        """The table's columns."""
        return frozenset(self.table.columns)

    def unknown(self, path: KeyPath, key: str, column: str) -> Iterator[str]:
        """Yield a problem if the column is not in the table."""
        if column not in self.names:
            columns = self.table.columns
            yield (
                f"{self.loaded.source.where(path)}: {key} '{column}' is not a column of "
                f"{self.table.name}; the columns are {quoted_list(columns)}"
                f"{did_you_mean(column, columns)}{_table_hint(self.table)}"
            )


def _reserved(dataset: Dataset) -> dict[str, str]:
    """Return the columns that cannot be features, each with its use."""
    reserved = dict.fromkeys(dataset.targets, "target")
    if dataset.sample_weight is not None:
        reserved[dataset.sample_weight] = "sample weight"
    if dataset.split.column is not None:
        reserved[dataset.split.column] = "column of the split"
    return reserved


def _check_targets(lookup: _Lookup) -> Iterator[str]:
    dataset, key = lookup.loaded.config.dataset, ("dataset", "target")
    for k, column in enumerate(dataset.targets):
        path: KeyPath = key if isinstance(dataset.target, str) else (*key, k)
        yield from lookup.unknown(path, "dataset.target", column)


def _check_weight_and_part(lookup: _Lookup) -> Iterator[str]:
    dataset = lookup.loaded.config.dataset
    for path, column in (
        (("dataset", "sample_weight"), dataset.sample_weight),
        (("dataset", "split", "column"), dataset.split.column),
    ):
        if column is None:
            continue
        yield from lookup.unknown(path, ".".join(path), column)
        if column in lookup.names and column in dataset.targets:
            yield lookup.loaded.problem(path, "is the target; name another column")


def _check_group_and_time(lookup: _Lookup) -> Iterator[str]:
    split = lookup.loaded.config.dataset.split
    for key, column in (("group", split.group), ("time", split.time)):
        if column is not None:
            path = ("dataset", "split", key)
            yield from lookup.unknown(path, f"dataset.split.{key}", column)


def _check_roles_and_preprocessing(lookup: _Lookup) -> Iterator[str]:
    dataset = lookup.loaded.config.dataset
    for key, columns in (
        ("roles", dataset.roles),
        ("preprocessing.columns", dataset.preprocessing.columns),
    ):
        for column in columns:
            path = ("dataset", *key.split("."), column)
            yield from lookup.unknown(path, f"dataset.{key}", column)
            if column in lookup.names and column in dataset.targets:
                yield (
                    f"{lookup.loaded.source.where(path)}: dataset.{key} names '{column}', "
                    "the target; remove it there, and set task if the target is of another kind"
                )


def _check_features(lookup: _Lookup) -> Iterator[str]:
    features, reserved = (
        lookup.loaded.config.dataset.features or [],
        _reserved(lookup.loaded.config.dataset),
    )
    first = {column: k for k, column in reversed(list(enumerate(features)))}
    for k, column in enumerate(features):
        path = ("dataset", "features", k)
        where = f"{lookup.loaded.source.where(path)}: dataset.features names '{column}'"
        if column not in lookup.names:
            yield from lookup.unknown(path, "dataset.features", column)
        elif column in reserved:
            yield f"{where}, the {reserved[column]}; remove it there"
        elif first[column] < k:
            yield f"{where} twice; remove one"


_CHECKS = (
    _check_targets,
    _check_weight_and_part,
    _check_group_and_time,
    _check_roles_and_preprocessing,
    _check_features,
)


def _table_hint(table: Table) -> str:
    """Return a hint at a problem of the table as a whole, or the empty string."""
    if all(map(_is_number, table.columns)):
        return "; is the line of column names missing?"
    if len(table.columns) == 1:
        for separator in (",", ";", "\t", "|"):
            if separator in table.columns[0]:
                typed = separator.replace("\t", r"\t")
                return f"; the cells seem to be separated by {separator!r}: " + set_option(
                    "dataset.reading.separator", typed
                )
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
