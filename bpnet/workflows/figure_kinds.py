"""The kinds of figures: what each shows, of which runs, and how it is made of a run."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from bpnet.figures.class_figures import confusion_figure, scores_figure
from bpnet.figures.curves import curves_figure
from bpnet.figures.decision import SIDE as MAP_SIDE
from bpnet.figures.figure import Figure
from bpnet.figures.grid import grid_figure
from bpnet.figures.layers import layers_figure
from bpnet.figures.loss_surface import loss_surface_figure
from bpnet.figures.predictions import PredictedClasses, PredictedQuantities
from bpnet.figures.probability_curves import (
    calibration_figure,
    precision_recall_figure,
    roc_figure,
)
from bpnet.figures.residuals import MOST_POINTS as MOST_RESIDUALS
from bpnet.figures.residuals import residuals_figure
from bpnet.figures.spread import spread_figure
from bpnet.figures.surest import surest_figure
from bpnet.figures.vega import MOST_POINTS
from bpnet.messages import shell_path
from bpnet.runs.snapshots import Snapshots
from bpnet.workflows.figured_run import FiguredRun
from bpnet.workflows.loss_surface import loss_surface
from bpnet.workflows.run_curves import grid_points, layer_measures, network_scores
from bpnet.workflows.searched_trials import searched_figure, study_of

_LOOKS = 20
"""Looks of the doctor at a training, in the command that advises them."""


@dataclass(frozen=True)
class FigureKind:
    """A kind of figure.

    `misfit` returns why a run has no such figure, or None; `make` returns the figure, or raises
    RunError or DataError.
    """

    name: str
    shows: str
    misfit: Callable[[FiguredRun], str | None]
    make: Callable[[FiguredRun], Figure]


def _fits(_: FiguredRun) -> str | None:
    return None


def _of_tasks(*tasks: str) -> Callable[[FiguredRun], str | None]:
    """Return the test for figures of some tasks."""

    def misfit(run: FiguredRun) -> str | None:
        return None if run.task in tasks else f"it is for {' and '.join(tasks)}, not {run.task}"

    return misfit


def _no_grid(run: FiguredRun) -> str | None:
    return None if run.is_grid else "it is for the best run of a grid: bpnet train --grid"


def _no_study(run: FiguredRun) -> str | None:
    return None if study_of(run.paths) else "it is for the best run of a study: bpnet search"


def _search(run: FiguredRun) -> Figure:
    study = study_of(run.paths)
    assert study is not None
    return searched_figure(study)


def _one_network(run: FiguredRun) -> str | None:
    several = bool(network_scores(run.paths, run.run))
    return None if several else "it is for runs of several networks (replicas, folds)"


def _no_looks(run: FiguredRun) -> str | None:
    if layer_measures(run.paths):
        return None
    if not run.is_cv and run.loaded.config.folds is None:
        return "the run has no diagnosis.json, which the end of a training writes"
    return f"the doctor looks at single networks only; to train one: {_diagnosed(run)}"


def _diagnosed(run: FiguredRun) -> str:
    """Return the command that trains a single network like those of a run, with looks at it."""
    config = run.loaded.config
    unset = {"members": config.members, "folds": config.folds}
    settings = [f"{key}=null" for key, value in unset.items() if value is not None]
    if settings:  # which needs held-out rows
        settings.append("calibration=none")
    settings.append(f"training.diagnose_every={max(1, config.training.epochs // _LOOKS)}")
    path = shell_path(run.paths.config)
    return " ".join(["bpnet train", path, *(f"--set {setting}" for setting in settings)])


def _no_snapshots(run: FiguredRun) -> str | None:
    if len(Snapshots(run.paths.snapshots).epochs()) > 1:
        return None
    return "the run has kept no snapshots: train with --set training.snapshots=30"


def _no_model(run: FiguredRun) -> str | None:
    return None if run.keeps_model else "the cross-validation keeps no model of its ensembles"


def _none_held_out(run: FiguredRun) -> str | None:
    if not run.held_out:
        return "the run held out no rows, and on rows that it knows a model relies on more"
    return _no_model(run)


def _one_column(run: FiguredRun) -> str | None:
    if run.keeps_model and len(run.model.wanted) < 2:
        return "it is over two columns, and the model reads one"
    return _no_model(run)


def _decision(run: FiguredRun) -> Figure:
    if not run.animate:
        side = math.isqrt(run.points(MAP_SIDE**2))
        return run.columns.decision_figure(run.map_columns, side)
    return run.columns.decision_animation(run.map_columns, Snapshots(run.paths.snapshots))


def _confusion(run: FiguredRun) -> Figure:
    assert isinstance(run.predicted, PredictedClasses)
    return confusion_figure(run.predicted)


def _residuals(run: FiguredRun) -> Figure:
    assert isinstance(run.predicted, PredictedQuantities)
    return residuals_figure(run.predicted, run.points(MOST_RESIDUALS))


def _of_probabilities(make: Callable[..., Figure]) -> Callable[[FiguredRun], Figure]:
    """Return a maker of figures of classes or labels."""

    def figure(run: FiguredRun) -> Figure:
        assert not isinstance(run.predicted, PredictedQuantities)
        return make(run.predicted)

    return figure


def _layers(run: FiguredRun) -> Figure:
    measured = layer_measures(run.paths)
    notes = []
    if len({one.epoch for one in measured}) < 3:
        notes.append(f"to see the epochs between: {_diagnosed(run)}")
    return layers_figure(measured, notes)


_CLASSES = _of_tasks("classification", "multilabel")

KINDS = {
    kind.name: kind
    for kind in (
        FigureKind(
            "curves",
            "loss and metrics over epochs",
            _fits,
            lambda run: curves_figure(*run.curves, most=run.points(MOST_POINTS)),
        ),
        FigureKind(
            "confusion",
            "rows by true and predicted class",
            _of_tasks("classification"),
            _confusion,
        ),
        FigureKind(
            "scores",
            "precision, recall and F1 of each class",
            _CLASSES,
            _of_probabilities(scores_figure),
        ),
        FigureKind("roc", "ROC curves", _CLASSES, _of_probabilities(roc_figure)),
        FigureKind(
            "precision-recall",
            "precision-recall curves",
            _CLASSES,
            _of_probabilities(precision_recall_figure),
        ),
        FigureKind(
            "calibration",
            "how often what is called probable is so",
            _CLASSES,
            _of_probabilities(calibration_figure),
        ),
        FigureKind("residuals", "true minus predicted values", _of_tasks("regression"), _residuals),
        FigureKind(
            "surest", "the errors it was surest of", _fits, lambda run: surest_figure(run.predicted)
        ),
        FigureKind(
            "importance",
            "how much worse it predicts without what a column tells",
            _none_held_out,
            lambda run: run.columns.importance_figure(),
        ),
        FigureKind(
            "dependence",
            "the mean prediction by the value of the most important columns",
            _none_held_out,
            lambda run: run.columns.dependence_figure(),
        ),
        FigureKind(
            "decision",
            "what it predicts over two columns",
            _one_column,
            _decision,
        ),
        FigureKind(
            "replicas",
            "the spread of several networks",
            _one_network,
            lambda run: spread_figure(network_scores(run.paths, run.run)),
        ),
        FigureKind(
            "layers", "activations and gradients of each layer over epochs", _no_looks, _layers
        ),
        FigureKind(
            "loss-surface",
            "the loss over one or two weights, with the path of the training",
            _no_snapshots,
            lambda run: loss_surface_figure(
                loss_surface(run.paths, run.loaded, run.command, run.weights)
            ),
        ),
        FigureKind(
            "grid",
            "the points of a grid by their score",
            _no_grid,
            lambda run: grid_figure(*grid_points(run.paths)),
        ),
        FigureKind("search", "the trials of a search by their score", _no_study, _search),
    )
}


def fitting(run: FiguredRun) -> list[str]:
    """Return the names of the kinds that a run has."""
    return [name for name, kind in KINDS.items() if kind.misfit(run) is None]
