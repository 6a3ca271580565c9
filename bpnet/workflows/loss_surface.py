"""The loss of a run's network over one or two of its weights, and the way its training took."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.data.reading.column import Floats
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows
from bpnet.engine.losses import SquaredError
from bpnet.errors import RunError, UsageError
from bpnet.figures.loss_surface import LossSurface
from bpnet.messages import did_you_mean
from bpnet.models.checkpoint_model import model_of
from bpnet.models.model import Model
from bpnet.models.training_metrics import training_evaluator
from bpnet.preparation.prepare import prepare_opened
from bpnet.preparation.preset import one_network, open_with_preset
from bpnet.runs.directory import RunPaths
from bpnet.runs.snapshots import Snapshots
from bpnet.workflows.training_table import reopen_table

VALUES, SIDE = 101, 41
"""Values of a single weight, and of each of two."""
MOST_ROWS = 2000
_FEW_ROWS = 8
_MARGIN = 0.3


def loss_surface(
    paths: RunPaths, loaded: LoadedConfig, command: str, weights: Sequence[str] | None = None
) -> LossSurface:
    """Return the loss of the run's first network over weights, by default those that moved most.

    `weights` are one or two names, such as layers.0.weight[0,1], and `command` is what is typed
    again with a table on standard input. Raises UsageError if there is no
    such weight, RunError or DataError if the run is not as it should be.
    """
    snapshots = Snapshots(paths.snapshots)
    epochs = snapshots.epochs()
    if len(epochs) < 2:
        raise RunError(f"{paths.snapshots}: has no snapshots of a training; restore them")
    models = [
        model_of(snapshots.read(epoch)["model"], snapshots.path(epoch)).select([0])
        for epoch in epochs
    ]
    thetas = np.stack([model.network.theta[0] for model in models])
    model = models[-1]
    names = parameter_names(model)
    if thetas.shape[1] != len(names):
        raise RunError(f"{paths.snapshots}: the snapshots are of different networks; train again")
    columns = _columns(names, thetas, weights)
    rows = _rows(paths, loaded, command)
    evaluator = training_evaluator(model, rows)

    def loss(theta: Array) -> float:
        model.network.theta[0] = theta
        return float(evaluator.evaluate()["loss"][0])

    path_losses = np.array([loss(theta) for theta in thetas])
    axes = [_axis(thetas[:, column], len(columns)) for column in columns]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)  # (A, 1) or (A, B, 2)
    losses = np.empty(points.shape[:-1])
    for place in np.ndindex(losses.shape):
        theta = thetas[-1].copy()
        theta[columns] = points[place]
        losses[place] = loss(theta)
    losses[~np.isfinite(losses)] = np.nan
    outputs, errors = _outputs(model, rows, thetas)
    return LossSurface(
        [names[column] for column in columns],
        axes,
        losses,
        epochs,
        thetas[:, columns].astype(float),
        path_losses,
        len(rows),
        len(names),
        outputs,
        errors,
    )


def parameter_names(model: Model) -> list[str]:
    """Return a name for each column of theta, such as layers.0.weight[0,1]."""
    names = []
    for name, view in model.network.parameters.views.items():
        for place in np.ndindex(view.shape[1:]):
            names.append(f"{name}[{','.join(map(str, place))}]")
    return names


def _columns(names: Sequence[str], thetas: Array, weights: Sequence[str] | None) -> list[int]:
    """Return the columns of the weights that are named, or of those that moved most."""
    if weights is None:
        moved = np.abs(thetas[-1] - thetas[0])
        return sorted(np.argsort(-moved, kind="stable")[:2].tolist())
    if not 1 <= len(weights) <= 2 or len(set(weights)) < len(weights):
        raise UsageError(
            f"--weight {' '.join(weights)}: name one weight, or two different ones, "
            f"such as {names[0]}"
        )
    for name in weights:
        if name not in names:
            raise UsageError(
                f"--weight {name}: there is no such weight; the first is {names[0]}, "
                f"the last {names[-1]}{did_you_mean(name, names)}"
            )
    return [names.index(name) for name in weights]


def _rows(paths: RunPaths, loaded: LoadedConfig, command: str) -> Rows:
    """Return the training rows, or the first of them where there are many."""
    reopen_table(paths, command=command)
    opened = open_with_preset(loaded)
    rows = prepare_opened(replace(opened, loaded=one_network(opened.loaded))).rows["train"]
    return rows.picked(slice(MOST_ROWS)) if len(rows) > MOST_ROWS else rows.picked(slice(None))


def _axis(path: Array, weights: int) -> Floats:
    """Return values around a weight's path; of a single one as many on both sides of its end."""
    if weights == 1:
        reach = (1 + _MARGIN) * float(np.abs(path - path[-1]).max()) or 1.0
        return np.linspace(float(path[-1]) - reach, float(path[-1]) + reach, VALUES)
    low, high = float(path.min()), float(path.max())
    margin = _MARGIN * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, SIDE)


def _outputs(model: Model, rows: Rows, thetas: Array) -> tuple[Floats | None, Floats | None]:
    """Return outputs and errors (S, N) of few rows, if the loss compares one output's squares."""
    network = model.network
    if len(rows) > _FEW_ROWS or network.outputs != 1:
        return None, None
    if not isinstance(model.description.loss, SquaredError):
        return None, None
    outputs = []
    for theta in thetas:
        network.theta[0] = theta
        outputs.append(network.predict(rows.x)[0, :, 0].astype(float))
    values = np.stack(outputs)
    return values, values - np.asarray(rows.y, float)[:, 0]
