"""Evaluating: the figures of a trained run on its own test rows, or on any table with the target, beside baselines."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bpnet.config.loading import load as load_config
from bpnet.config.schema import Config
from bpnet.config.source import Source, read
from bpnet.data.encoding import Encoder
from bpnet.data.encoding.cell_errors import Where
from bpnet.data.reading import Table, open_table
from bpnet.data.reading.chunk import CellType
from bpnet.data.reading.column import Column, Floats
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.data.splitting import PARTS, PartNumbers
from bpnet.data.targets import (
    AnyTarget,
    Classes,
    Labels,
    Quantities,
    binary_values,
    regression_values,
)
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows
from bpnet.engine.randomness import Purpose, generator
from bpnet.errors import ConfigError, DataError, RunError
from bpnet.messages import did_you_mean
from bpnet.models.ensemble import Ensemble, Inputs, load_ensemble
from bpnet.models.model import Model
from bpnet.models.training_metrics import measure_replicas
from bpnet.preparation.dataset import open_dataset
from bpnet.preparation.row_store import MOST_IN_MEMORY
from bpnet.preparation.sample_weights import column_weights, row_weights
from bpnet.runs import directory, files
from bpnet.runs.splits import read_splits

if TYPE_CHECKING:
    from bpnet.scoring.scores import Classification, Multilabel, Regression

AnyScores: TypeAlias = "Classification | Multilabel | Regression"

_MOST_BASELINE_ROWS = 50_000


@dataclass(frozen=True)
class BaselineScores:
    """A baseline's figures on the same rows, and what to know of its fit."""

    name: str
    figures: dict[str, float | None]
    note: str | None


@dataclass(frozen=True)
class Evaluation:
    """What was evaluated, the loss that training minimized, penalty included, scikit-learn's scores, and baselines.

    `verdict` says of each baseline that the network does not clearly beat by how much.
    """

    data: str
    rows: int
    networks: int
    loss: float
    """The mean of the networks' own."""
    scores: AnyScores
    baselines: list[BaselineScores]
    verdict: list[str]
    warnings: list[str]


@dataclass(frozen=True)
class _Known:
    """Rows whose targets are known: class numbers (N,), labels or quantities (N, K), inputs and weights."""

    values: Array
    x: Inputs
    weights: Floats | None
    """Each row's own times its class's."""
    own_weights: Floats | None
    where: Where


def evaluate(
    run: Path,
    data: str | None,
    *,
    baselines: bool = True,
    replica: str = "all",
    resamples: int = 1000,
) -> Evaluation:
    """Evaluate a run on a table, or on its own test rows; raises RunError or DataError."""
    model = load_ensemble(directory.model_folder(run)).select(replica)
    own: tuple[Table, PartNumbers] | None = None
    warnings: list[str] = []
    is_run = (run / "run.json").is_file()
    if is_run and directory.RunPaths(run).folds_csv.is_file():
        if data is None:
            raise DataError(
                f"{run}: is a cross-validation, whose figures are in metrics.json; name a table: bpnet eval {run} DATA"
            )
        is_run = False
        warnings.append(
            "no baselines: the run is a cross-validation, whose networks had different rows to train on"
        )
    if data is None or (baselines and is_run):
        try:
            own = _own_rows(run, f"; name a table: bpnet eval {run} DATA" if data is None else "")
        except (DataError, RunError) as error:
            if data is None:
                raise
            warnings.append(
                f"no baselines, for the rows that trained are not at hand: {error.problems[0]}"
            )
    if data is not None:
        table = open_table(data, model.description.reading)
        chosen, name = np.ones(len(table), bool), table.name
        if directory.data_sha256(run) == table.digest:
            warnings.append(
                f"{name} is the table that the run was trained on: rows that it learnt from make figures look better"
            )
    else:
        assert own is not None
        table, parts = own
        chosen, name = parts == PARTS.index("test"), "the run's test part"
        if not chosen.any():
            raise DataError(
                f"{run}: the run held out no test rows (dataset.split); name a table: bpnet eval {run} DATA"
            )
    known = _read(model, table, chosen, warnings)
    scored = _Scored(model, known, resamples)
    found: list[BaselineScores] = []
    verdict: list[str] = []
    if baselines and own is not None:
        if _one_hot_bytes(model.description.encoder, len(known.values)) > MOST_IN_MEMORY:
            warnings.append(f"no baselines: {len(known.values)} rows are too many to compare on")
        else:
            train = np.flatnonzero(own[1] == PARTS.index("train"))
            if len(train) > _MOST_BASELINE_ROWS:
                told = f"{_MOST_BASELINE_ROWS:,} of {len(train):,} training rows, evenly spaced"
                warnings.append(f"the baselines are fitted to {told}")
                train = train[np.linspace(0, len(train) - 1, _MOST_BASELINE_ROWS).astype(np.intp)]
            mask = np.zeros(len(own[1]), bool)
            mask[train] = True
            found, verdict = scored.against(_read(model, own[0], mask, []))
    return Evaluation(
        data=name,
        rows=int(chosen.sum()),
        networks=model.networks,
        loss=scored.loss,
        scores=scored.scores,
        baselines=found,
        verdict=verdict,
        warnings=warnings,
    )


def own_table(paths: directory.RunPaths, advice: str = "") -> Table:
    """The table the run was trained on; raises, with the advice, where it is gone or is no longer what it was."""
    try:
        source = read(paths.config)
        config = load_config(source)
    except ConfigError as error:
        raise RunError([f"{problem}; restore it{advice}" for problem in error.problems]) from None
    table = _opened(config, source, paths, advice)
    content = files.read_json(paths.run)
    trained_on = content.get("data_sha256") if isinstance(content, dict) else None
    if trained_on is None:
        raise RunError(
            f"{paths.run}: lacks data_sha256, by which the table is known; restore it{advice}"
        )
    if table.digest != trained_on:
        raise DataError(
            f"{table.name}: the file has changed since the run was trained on it, so its rows are not known now; "
            f"restore it{advice}"
        )
    return table


def _opened(config: Config, source: Source, paths: directory.RunPaths, advice: str) -> Table:
    if config.dataset.path == "-":
        raise DataError(
            f"{paths.folder}: the run was trained on standard input, which is not kept{advice}"
        )
    try:
        return open_dataset(config, source, paths.folder).table
    except DataError as error:
        raise DataError(
            [f"{problem}; the run was trained on it{advice}" for problem in error.problems]
        ) from None


def _own_rows(run: Path, advice: str) -> tuple[Table, PartNumbers]:
    """The table the run was trained on, and the part of each of its rows."""
    paths = directory.open_run(run)
    paths.require("config.yaml", "splits.csv")
    table = own_table(paths, advice)
    return table, read_splits(paths.splits, len(table))


def _read(model: Ensemble, table: Table, chosen: Array, warnings: list[str]) -> _Known:
    """The chosen rows, encoded; raises DataError where a column is missing or a cell does not fit."""
    description = model.description
    target = description.target
    for name in target.names:
        if name not in table.columns:
            raise DataError(
                f"{table.name}: there is no column '{name}', the target to compare with (bpnet predict needs none)"
                f"{did_you_mean(name, table.columns)}"
            )
    model.check_columns(table)
    weighted = description.sample_weight
    if weighted is not None and weighted not in table.columns:
        warnings.append(
            f"{table.name} has no column '{weighted}': every row weighs the same in the loss"
        )
        weighted = None
    kind: CellType = "text" if isinstance(target, Classes | Labels) else "number"
    wanted: dict[str, CellType] = {
        **dict.fromkeys(target.names, kind),
        **({weighted: "number"} if weighted else {}),
    }
    rows = np.flatnonzero(chosen)
    aside = {name: column.take(rows) for name, column in whole_columns(table, wanted).items()}

    def where(row: int) -> str:
        return table.where(int(rows[row]))

    values = _values(model, aside, where)
    own = column_weights(aside[weighted], weighted, where) if weighted else None
    weights = row_weights(own, values, description.classes or [], description.class_weight)
    if weights is not None and not weights.sum() > 0:
        raise DataError(
            f"{table.name}, column '{weighted}': the weights are all 0; at least one row must count"
        )
    x = [
        np.empty((len(rows), own.description.encoder.width), description.precision)
        for own in model.members
    ]
    filled = 0
    for chunk, own_rows in table.selected(model.wanted, chosen):
        for whole, part in zip(x, model.encode(chunk)[0], strict=True):
            whole[filled : filled + len(own_rows)] = part
        filled += len(own_rows)
    return _Known(values, x, weights, own, where)


def _values(model: Ensemble, columns: Mapping[str, Column], where: Where) -> Array:
    target = model.description.target
    if isinstance(target, Classes):
        return target.numbers(columns[target.name], where)
    if isinstance(target, Labels):
        return np.column_stack([binary_values(columns[name], name, where) for name in target.names])
    return np.column_stack([regression_values(columns[name], name, where) for name in target.names])


def score(
    target: AnyTarget, true: Array, predicted: Floats, rng: np.random.Generator, resamples: int
) -> AnyScores:
    """Score predictions (N, K) against class numbers (N,), labels or quantities (N, K)."""
    from bpnet.scoring.scores import (
        score_classes,
        score_labels,
        score_quantities,
    )  # takes a second to import

    if isinstance(target, Classes):
        return score_classes(true, predicted, target.classes, rng, resamples)
    if isinstance(target, Labels):
        return score_labels(true, predicted, target.names, rng, resamples)
    return score_quantities(true, predicted, target.names, rng, resamples)


class _Scored:
    """A model's figures on known rows."""

    def __init__(self, model: Ensemble, known: _Known, resamples: int) -> None:
        self._model, self._known, self._resamples = model, known, resamples
        weights = (
            None if known.weights is None else known.weights.astype(model.description.precision)
        )
        losses = [
            measure_replicas(member, Rows(x, _encoded(member, known), weights))["loss"]
            for member, x in zip(model.members, known.x, strict=True)
        ]
        self.loss = float(np.concatenate(losses).mean())
        self._predicted = model.combine(model.predict_each(known.x))
        if not np.isfinite(self.loss) or not np.isfinite(self._predicted).all():
            raise RunError(
                "the model's loss on these rows is not finite; its weights, or the table's values, are too large"
            )
        self.scores = self._score(self._predicted, resamples)

    def _score(self, predicted: Floats, resamples: int) -> AnyScores:
        return score(
            self._model.description.target,
            self._known.values,
            predicted,
            self._generator(1),
            resamples,
        )

    def _generator(self, number: int) -> np.random.Generator:
        return generator(self._model.description.seeds[0], Purpose.RESAMPLING, number)

    def against(self, train: _Known) -> tuple[list[BaselineScores], list[str]]:
        """Baselines fitted to the training rows, on the rows that the model was scored on, and the verdict."""
        from bpnet.scoring.baselines import fit_baselines, verdict

        description, encoder = self._model.description, self._model.description.encoder
        fitted = fit_baselines(
            description.task,
            one_hot_codes(encoder, train.x[0]),
            train.values,
            train.own_weights,  # a majority that class weights made would be none
            one_hot_codes(encoder, self._known.x[0]),
            len(description.classes) if description.classes else None,
        )
        scores = [self._score(baseline.predicted, 2) for baseline in fitted]
        return [
            BaselineScores(
                baseline.name,
                {figure.name: figure.value for figure in score.figures},
                baseline.note,
            )
            for baseline, score in zip(fitted, scores, strict=True)
        ], verdict(
            description.task, self._known.values, self._predicted, fitted, self._generator(2)
        )


def one_hot_codes(encoder: Encoder, x: Array) -> Floats:
    """The inputs (N, I) with the numbers of levels, which only an embedding can read, as one-hot columns."""
    wide = [np.delete(x, [position for position, _ in encoder.embedded], axis=1).astype(np.float64)]
    for position, column in encoder.embedded:
        wide.append(np.zeros((len(x), column.code_count)))
        wide[-1][np.arange(len(x)), x[:, position].astype(np.intp)] = 1
    return np.hstack(wide)


def _one_hot_bytes(encoder: Encoder, rows: int) -> int:
    """What so many rows, and those that the baselines are fitted to, need at once."""
    width = encoder.width + sum(column.code_count for _, column in encoder.embedded)
    return 8 * width * max(rows, _MOST_BASELINE_ROWS if encoder.embedded else 0)


def _encoded(model: Model, known: _Known) -> Array:
    target, dtype, values = model.description.target, model.description.precision, known.values
    if isinstance(target, Classes):
        return target.encode(values, model.network.outputs, dtype)
    if isinstance(target, Quantities):
        return target.encode(values, dtype, known.where)
    return values.astype(dtype)
