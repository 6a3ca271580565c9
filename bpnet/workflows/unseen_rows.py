"""Unseen rows: for each network of a run on folds, the rows of the table that it held out."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bpnet.config.loading import LoadedConfig, read_config
from bpnet.config.schema import Config
from bpnet.data.splitting import PARTS
from bpnet.engine.component import Array
from bpnet.errors import ConfigError, RunError
from bpnet.models.ensemble import Ensemble
from bpnet.paths import is_file
from bpnet.preparation.preset import open_with_preset
from bpnet.preparation.training_folds import TrainingFolds, draw_rounds, without_validation
from bpnet.runs.directory import RunPaths
from bpnet.runs.run_file import read_run_file
from bpnet.runs.splits import read_folds, read_splits


def unseen_rows(run: RunPaths, model: Ensemble, rows: int) -> list[Array] | None:
    """Return for each member the mask (R, N) of the rows that each of its networks held out.

    They are the `rows` of the run's own table. The networks are known by their seeds, so that the
    model may be a selection of them. Returns None if the run has no folds, or its networks trained
    on all rows. Raises RunError or DataError if the folds cannot be told.
    """
    if is_file(run.folds_csv):
        return _of_cross_validation(run, model, rows)
    loaded = _config(run)
    if loaded.config.folds is None or loaded.config.refit:
        return None
    return _of_folds(run, loaded, model, rows)


def _config(run: RunPaths) -> LoadedConfig:
    try:
        return read_config(run.config)
    except ConfigError as error:
        raise RunError([f"{problem}; restore it" for problem in error.problems]) from None


def _of_cross_validation(run: RunPaths, model: Ensemble, rows: int) -> list[Array]:
    folds = read_folds(run.splits, rows)
    told = read_run_file(run.run).get("folds")
    places = {one["seed"]: (one["repeat"], one["fold"]) for one in told or []}
    masks = []
    for member in model.members:
        each = [places.get(seed) for seed in member.description.seeds]
        if None in each:
            raise RunError(
                f"{run.run}: does not name the fold of each network, so that the rows that it "
                "has not seen are unknown; restore the file, or train again"
            )
        masks.append(np.stack([folds[:, place[0] - 1] == place[1] for place in each if place]))
    return masks


def _of_folds(run: RunPaths, loaded: LoadedConfig, model: Ensemble, rows: int) -> list[Array]:
    """Return the masks of an ensemble on folds, which are drawn again as in its training."""
    opened = open_with_preset(loaded)
    opened = replace(opened, loaded=without_validation(opened.loaded))
    train = np.flatnonzero(read_splits(run.splits, rows) == PARTS.index("train"))
    rounds = draw_rounds(opened, train)
    config = opened.loaded.config
    return [
        np.stack([_held_out(config, rounds, seed, rows) for seed in member.description.seeds])
        for member in model.members
    ]


def _held_out(config: Config, rounds: Sequence[TrainingFolds], seed: int, rows: int) -> Array:
    """Return the mask (N,) of the rows that the network with a seed held out.

    Seeds count through the folds of a member, or of each of its draws, then the members and rounds.
    """
    number = seed - config.seed
    folds = rounds[number // config.networks].folds
    mask = np.zeros(rows, bool)
    mask[folds[number % config.networks_each].parts["test"]] = True
    return mask
