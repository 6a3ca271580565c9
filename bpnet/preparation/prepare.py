"""Preparing: from a config and its table to encoded rows for training, validation and test."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.config.schema import Config
from bpnet.data.encoding import Encoder
from bpnet.data.encoding.fitting import fit_encoder
from bpnet.data.encoding.settings import L2Rows
from bpnet.data.reading import Table
from bpnet.data.reading.chunk import CellType
from bpnet.data.reading.column import Column, Floats
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.data.splitting import PARTS, Indices, Part, PartNumbers
from bpnet.data.targets import AnyTarget, Classes
from bpnet.engine.loop.batches import Rows
from bpnet.engine.randomness import Purpose, generator
from bpnet.preparation.advance_warnings import advance_warnings
from bpnet.preparation.column_roles import Profile, candidates, plans, profile
from bpnet.preparation.dataset import Opened, open_dataset
from bpnet.preparation.resolve import outputs_of, resolve
from bpnet.preparation.row_store import RowStore, Storage, storage_of
from bpnet.preparation.sample_weights import check_parts, class_weights, column_weights, row_weights
from bpnet.preparation.split import check_classes, divide
from bpnet.preparation.target_values import Answers, Mask, read_answers


@dataclass(frozen=True)
class Survey:
    """What is known of a config's table before any column is encoded."""

    loaded: LoadedConfig
    table: Table
    answers: Answers
    parts: Mapping[Part, Indices]
    profile: Profile
    weights: Floats | None
    """Each row's own weight (N,), to a factor, where the config names a column of them."""

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return len(self.answers.values)

    @cached_property
    def part_numbers(self) -> PartNumbers:
        """The part (N,) of each row, by its place in PARTS; -1 where it is in none."""
        numbers = np.full(self.rows, -1, np.int8)
        for k, part in enumerate(PARTS):
            numbers[self.parts[part]] = k
        return numbers

    @property
    def used(self) -> Mask:
        """Which rows (N,) are of some part; the others are dropped."""
        return np.asarray(self.part_numbers >= 0)

    def part(self, part: Part) -> Mask:
        """Which rows (N,) are of a part."""
        return np.asarray(self.part_numbers == PARTS.index(part))


@dataclass(frozen=True)
class Prepared:
    """What training needs: the resolved config, how columns are encoded, and the encoded rows of each part."""

    config: Config
    survey: Survey
    encoder: Encoder
    target: AnyTarget
    outputs: int
    class_weight: dict[str, float] | None
    rows: Mapping[Part, Rows]
    storage: Storage
    bytes: int
    """The encoded rows' size in the network's own type."""
    warnings: list[str]

    @property
    def parts(self) -> Mapping[Part, Indices]:
        """The rows of the table that each part has."""
        return self.survey.parts


@dataclass(frozen=True)
class Contents:
    """What a config's table holds, before its rows are divided."""

    loaded: LoadedConfig
    opened: Opened
    columns: list[str]
    """Those that may become features."""
    answers: Answers
    aside: Mapping[str, Column]
    """The columns that decide about rows, whole: targets, weights, groups, times, parts."""
    weights: Floats | None

    def survey(self, parts: Mapping[Part, Indices]) -> Survey:
        """Find the role of each column by the rows that train; raises DataError."""
        table, config = self.opened.table, self.loaded.config
        train = np.zeros(len(self.answers.values), bool)
        train[parts["train"]] = True
        roles = profile(config, table, self.columns, train)
        return Survey(self.loaded, table, self.answers, parts, roles, self.weights)


def contents(loaded: LoadedConfig, opened: Opened | None = None) -> Contents:
    """Read and check the table, and find the task.

    `opened` is the table where it has been opened before. Raises ConfigError or DataError.
    """
    opened = opened or open_dataset(loaded)
    config, table, dataset = loaded.config, opened.table, loaded.config.dataset
    columns = candidates(loaded, table)
    aside = whole_columns(table, _aside(config))
    answers = read_answers(config, table, [aside[name] for name in dataset.targets])
    if answers.task == "classification" and aside[dataset.targets[0]].numbers is not None:
        # classes are texts, of which 007 is not 7
        again = whole_columns(table, {dataset.targets[0]: "text"})
        answers = replace(read_answers(config, table, list(again.values())), why=answers.why)
    weights = None
    if dataset.sample_weight is not None:
        weights = _weights(aside[dataset.sample_weight], dataset.sample_weight, answers, table)
    return Contents(loaded, opened, columns, answers, aside, weights)


def survey(loaded: LoadedConfig) -> Survey:
    """Read and check the table, find the task, split the rows and find each column's role.

    Raises ConfigError or DataError.
    """
    found = contents(loaded)
    return found.survey(divide(loaded.config, found.opened, found.answers, found.aside))


def prepare(loaded: LoadedConfig, *, scratch: Path | None = None) -> Prepared:
    """Survey the table, resolve the config and encode all rows; those too many for memory go to disk below `scratch`.

    Raises ConfigError or DataError.
    """
    return encode(fit(survey(loaded)), scratch)


@dataclass(frozen=True)
class Fitted:
    """A survey, with the encoder that was fitted to its training rows, and the config resolved for it."""

    survey: Survey
    encoder: Encoder
    target: AnyTarget
    config: Config
    class_weight: dict[str, float] | None
    storage: Storage
    bytes: int
    """The encoded rows' size in the network's own type."""

    def weights(self) -> Floats | None:
        """Each row's weight (N,), its own times its class's, of mean 1 over the training rows; raises DataError."""
        answers, parts = self.survey.answers, self.survey.parts
        weights = row_weights(
            self.survey.weights, answers.values, answers.classes, self.class_weight
        )
        if weights is None:
            return None
        column = self.config.dataset.sample_weight
        check_parts(weights, parts, f"{self.survey.table.name}, column '{column}'")
        return np.asarray(weights / weights[parts["train"]].mean())


def fit(surveyed: Survey) -> Fitted:
    """Fit the encoder and the target to the training rows, and resolve the config; raises ConfigError or DataError."""
    loaded, config = surveyed.loaded, surveyed.loaded.config
    answers, table, train = surveyed.answers, surveyed.table, surveyed.parts["train"]
    task, wishes = answers.task, config.dataset.preprocessing
    if task == "classification":
        check_classes(answers, table, train)
    planned = plans(loaded, surveyed.profile)
    encoder = fit_encoder(
        table,
        planned,
        surveyed.part("train"),
        unit_rows=isinstance(wishes.numeric, L2Rows),
        rng=generator(config.split_seed, Purpose.SPLIT, epoch=1),
        used=surveyed.used,
    )
    roles = {
        name: planned[name].role if name in planned else "ignored"
        for name in surveyed.profile.findings
    }
    resolved = resolve(loaded, task, answers.wanted, surveyed.profile.features, roles, encoder)
    total, precision = sum(map(len, surveyed.parts.values())), resolved.training.precision
    storage, size = storage_of(total, encoder.width, precision, config.dataset.storage)
    if storage == "disk" and resolved.training.batch_size == "full":
        raise loaded.error(
            ("training", "batch_size"),
            f"is full, but the {total} encoded rows ({size / 1e6:.3g} MB) are kept on disk; "
            "give it a number such as 1024, or set dataset.storage to memory",
        )
    trained = answers.values[train] if task == "classification" else np.empty(0, np.int32)
    return Fitted(
        surveyed,
        encoder,
        answers.target(train, wishes.target, table),
        resolved,
        class_weights(loaded, answers.classes, trained),
        storage,
        size,
    )


def encode(fitted: Fitted, scratch: Path | None) -> Prepared:
    """Encode every row that is in a part; raises DataError."""
    surveyed, encoder, resolved, target = (
        fitted.survey,
        fitted.encoder,
        fitted.config,
        fitted.target,
    )
    table, answers, parts, dtype = (
        surveyed.table,
        surveyed.answers,
        surveyed.parts,
        resolved.training.precision,
    )
    storage = fitted.storage
    folder = (scratch or Path.cwd()) if storage == "disk" else None
    outputs = outputs_of(resolved, answers.wanted, encoder)
    labels = isinstance(target, Classes)
    narrow = "uint8" if storage == "disk" and labels else dtype
    y = answers.encode(target, outputs, narrow, table)
    weights = fitted.weights()
    if weights is not None:
        weights = weights.astype(dtype)
    with ExitStack() as open_stores:
        stores: dict[Part, RowStore] = {}
        for part, own in parts.items():
            if len(own):
                stores[part] = open_stores.enter_context(
                    RowStore(len(own), encoder.width, dtype, folder)
                )
        for chunk, own_rows in table.selected(encoder.column_types, surveyed.used):
            x, _ = encoder.encode(chunk, dtype)
            numbers = surveyed.part_numbers[own_rows]
            for part, store in stores.items():
                store.append(x[numbers == PARTS.index(part)])
        rows = {
            part: store.finish(y[parts[part]], None if weights is None else weights[parts[part]])
            for part, store in stores.items()
        }
    return Prepared(
        config=resolved,
        survey=surveyed,
        encoder=encoder,
        target=target,
        outputs=outputs,
        class_weight=fitted.class_weight,
        rows=rows,
        storage=storage,
        bytes=fitted.bytes,
        warnings=[
            *surveyed.profile.warnings(surveyed.loaded.config.dataset.roles),
            *advance_warnings(resolved, encoder, answers, y[parts["train"]]),
        ],
    )


def _weights(column: Column, name: str, answers: Answers, table: Table) -> Floats:
    """A column's weights (N,), 0 where a row is dropped, whose cell may be anything."""
    kept = np.arange(len(column)) if answers.dropped is None else np.flatnonzero(~answers.dropped)
    weights = np.zeros(len(column))
    weights[kept] = column_weights(column.take(kept), name, lambda row: table.where(int(kept[row])))
    return weights


def _aside(config: Config) -> dict[str, CellType]:
    """The columns that are needed whole, and what they are read as."""
    dataset, split = config.dataset, config.dataset.split
    wanted: dict[str, CellType] = {}
    for name, kind in ((split.group, "text"), (split.column, "text"), (split.time, "any")):
        if name:
            wanted[name] = kind  # type: ignore[assignment]
    if dataset.sample_weight:
        wanted[dataset.sample_weight] = "number"
    for name in dataset.targets:
        wanted[name] = "text" if config.task == "classification" else "any"
    return wanted
