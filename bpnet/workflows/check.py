"""The check of a config and its table: what training would do, and problems of the table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bpnet.checks.columns import ColumnDescription, describe_columns
from bpnet.checks.duplicates import (
    SharedRows,
    counts_rows,
    few_different_rows,
    find_equal_columns,
    find_shared_rows,
    row_keys,
)
from bpnet.checks.findings import Finding
from bpnet.checks.leaks import Leak, find_leaks
from bpnet.checks.missing_words import gap_warnings
from bpnet.checks.parts import part_findings
from bpnet.checks.sampling import column_cells, max_rows, sample_rows
from bpnet.checks.values import value_findings
from bpnet.config.loading import LoadedConfig
from bpnet.config.presets.expand import preset_of, takes_default_layers
from bpnet.config.schema import Config
from bpnet.config.task import Task
from bpnet.data.identifiers import is_time
from bpnet.data.reading import Table
from bpnet.data.reading.delimited import DelimitedFile
from bpnet.data.splitting import Indices, Part
from bpnet.engine.component import Array
from bpnet.engine.randomness import SplitUse, split_generator
from bpnet.models.build import build_model
from bpnet.preparation.fit import FittedDataset, fit_dataset
from bpnet.preparation.preset import open_with_preset
from bpnet.preparation.row_times import TimeRange, time_ranges
from bpnet.preparation.split import split_dataset
from bpnet.preparation.training_folds import without_validation
from bpnet.workflows.members_plan import plan_members
from bpnet.workflows.training_cost import (
    Cost,
    MemberCost,
    member_costs,
    sampled_rows,
    training_cost,
)


@dataclass(frozen=True)
class TableFormat:
    """The format of the table's first file; of a delimited text also its number format."""

    files: int
    kind: str
    separator: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    """As the config sets it."""


@dataclass(frozen=True)
class Spread:
    """The distribution of a quantity over the rows of a part, in its own unit."""

    mean: float
    deviation: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Sampled:
    """The number of rows looked at: training rows for columns, each part's for duplicates."""

    columns: int
    parts: dict[Part, int]


@dataclass(frozen=True)
class DatasetCheck:
    """All that can be known about a training before it begins."""

    table: str
    format: TableFormat
    rows: int
    parts: dict[Part, int]
    task: Task
    why: str
    targets: list[str]
    counts: dict[Part, dict[str, int]]
    """By part, the rows of each class, or of each label that is true; empty for a regression."""
    positive: str | None
    """The positive class of two; None of more, or of another task."""
    spreads: dict[Part, dict[str, Spread]]
    """By part, each target's distribution in a regression."""
    columns: list[ColumnDescription]
    equal_columns: list[list[str]]
    leaks: list[Leak]
    shared_rows: list[SharedRows]
    times: dict[Part, TimeRange]
    """By part, the first and the last time, where the rows are split by time."""
    findings: list[Finding]
    looked_at: Sampled
    warnings: list[str]
    """The warnings that a training would give."""
    preset: str | None
    """The preset that completes the config; None if it has none."""
    preset_given: bool
    """True if the config names the preset, or says that it has none."""
    default_layers: bool
    """True if the config names neither a preset nor layers."""
    folds: int | None
    """The parts of the training rows that are held out in turn; None if there are none."""
    networks: int
    """The number of networks that are trained, all kinds together."""
    inputs: int
    """Of the first kind of network, if there are several; as the next three."""
    outputs: int
    parameters: int
    cost: Cost
    members: list[MemberCost]
    """The kinds of network that train on the folds; empty if there are no folds."""
    refit: bool

    @property
    def seconds(self) -> float:
        """The time of all epochs of all networks, unless they stop early."""
        if not self.members:
            return self.cost.seconds
        assert self.folds is not None
        folds = sum(member.cost.seconds for member in self.members)
        # networks on all rows, as many as one fold has
        return folds * (1 + 1 / (self.folds - 1)) if self.refit else folds


def check_dataset(loaded: LoadedConfig) -> DatasetCheck:
    """Inspect a config and its table; nothing is written.

    If the encoded rows would be kept on disk, at most 50,000 rows of each part are encoded.
    Raises ConfigError or DataError, as training would.
    """
    opened = open_with_preset(loaded)
    config = opened.loaded.config
    plan = None
    if config.folds is None:
        fitted = fit_dataset(split_dataset(opened))
    else:
        plan = plan_members(replace(opened, loaded=without_validation(opened.loaded)))
        fitted = plan.members[0]
    split, target_values = fitted.split, fitted.split.target_values
    prepared = sampled_rows(fitted, config.seed)
    model = build_model(prepared)
    members = [] if plan is None else member_costs(plan, prepared, model)
    seed = config.seed
    most = max_rows(len(split.table.columns))
    looked_at, tested = (sample_rows(split.parts[part], most, seed) for part in ("train", "test"))
    both = np.union1d(looked_at, tested)
    cells_of_both = column_cells(fitted, both)
    cells, test_cells = (
        {name: column[np.isin(both, rows)] for name, column in cells_of_both.items()}
        for rows in (looked_at, tested)
    )
    features = {name: cells[name] for name in fitted.encoder.features}
    counts, spreads = _balance(fitted)
    shared_rows, few_different = _shared_rows(fitted, prepared.parts, cells, looked_at)
    return DatasetCheck(
        table=split.table.name,
        format=_format(split.table, config),
        rows=split.rows,
        parts={part: len(rows) for part, rows in split.parts.items()},
        task=target_values.task,
        why=target_values.reason,
        targets=target_values.names,
        counts=counts,
        positive=fitted.positive,
        spreads=spreads,
        columns=describe_columns(fitted),
        equal_columns=find_equal_columns(features),
        leaks=find_leaks(
            # a time is always known
            {
                name: column
                for name, column in features.items()
                if column.dtype == object or not is_time(name, column)
            },
            target_values,
            looked_at,
            split_generator(seed, SplitUse.LEAK_HALVES),
        ),
        shared_rows=shared_rows,
        times={} if split.times is None else time_ranges(split.times, split.parts),
        findings=[
            *part_findings(fitted, counts, test_cells),
            *value_findings(fitted, cells),
            *few_different,
        ],
        looked_at=Sampled(
            len(looked_at), {part: len(rows) for part, rows in prepared.parts.items()}
        ),
        warnings=[*(plan.warnings if plan else []), *prepared.warnings, *gap_warnings(fitted)],
        preset=preset_of(loaded),
        preset_given="preset" in loaded.source.data,
        default_layers=takes_default_layers(loaded),
        folds=config.folds,
        networks=config.networks,
        inputs=fitted.encoder.width,
        outputs=prepared.outputs,
        parameters=model.network.theta.shape[1],
        cost=members[0].cost if members else training_cost(fitted, prepared, model, None),
        members=members,
        refit=config.refit,
    )


def _shared_rows(
    fitted: FittedDataset,
    parts: Mapping[Part, Indices],
    cells: Mapping[str, Array],
    looked_at: Indices,
) -> tuple[list[SharedRows], list[Finding]]:
    """Return the rows that are in two of the parts, compared in all columns but row numbers.

    In a table of few different rows they are not listed, but noted: they may be equal by chance.
    """
    split = fitted.split
    unused = set(cells) - set(fitted.encoder.features)
    counters = {name for name in unused if counts_rows(cells[name], looked_at)}
    columns = [name for name in split.table.columns if name not in counters]
    rows = np.sort(np.concatenate(list(parts.values())))
    mask = np.zeros(split.rows, bool)
    mask[rows] = True
    keys = row_keys(split.table, columns, mask)
    repeated = len(keys) - len(np.unique(keys))
    if repeated > len(keys) / 2:
        return [], [few_different_rows(len(keys), len(keys) - repeated)]
    keys_of = {part: keys[np.searchsorted(rows, parts[part])] for part in parts}
    return find_shared_rows(keys_of, parts), []


def _format(table: Table, config: Config) -> TableFormat:
    first = table.files[0]
    if not isinstance(first, DelimitedFile):
        return TableFormat(len(table.files), first.kind)
    dialect = first.dialect
    return TableFormat(
        len(table.files),
        first.kind,
        separator=dialect.separator,
        decimal=dialect.number_format.decimal,
        thousands=dialect.number_format.thousands,
        encoding=config.dataset.reading.encoding,
    )


def _balance(
    fitted: FittedDataset,
) -> tuple[dict[Part, dict[str, int]], dict[Part, dict[str, Spread]]]:
    """Return the counts of classes or labels, and the distributions of quantities, by part."""
    target_values = fitted.split.target_values
    parts: Mapping[Part, np.ndarray] = {
        part: target_values.values[rows] for part, rows in fitted.split.parts.items() if len(rows)
    }
    if target_values.task == "regression":
        return {}, {
            part: {name: _spread(values[:, k]) for k, name in enumerate(target_values.names)}
            for part, values in parts.items()
        }
    if target_values.task == "multilabel":
        return {
            part: dict(
                zip(target_values.names, values.sum(axis=0, dtype=int).tolist(), strict=True)
            )
            for part, values in parts.items()
        }, {}
    count = len(target_values.classes)
    return {
        part: dict(
            zip(target_values.classes, np.bincount(values, minlength=count).tolist(), strict=True)
        )
        for part, values in parts.items()
    }, {}


def _spread(values: np.ndarray) -> Spread:
    return Spread(
        float(values.mean()), float(values.std()), float(values.min()), float(values.max())
    )
