"""One figure of a run, or the curves of several."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bpnet.errors import RunError, UsageError
from bpnet.figures.curves import Curve, curves_figure
from bpnet.figures.figure import Figure
from bpnet.figures.vega import MOST_SERIES
from bpnet.messages import did_you_mean, shell_path
from bpnet.paths import is_dir
from bpnet.runs.directory import open_run
from bpnet.runs.entry import BY_HALF
from bpnet.workflows.figure_kinds import KINDS, fitting
from bpnet.workflows.figured_run import FiguredRun

_OF_TRAINING = ("curves", "replicas", "grid")
"""Figures of what was measured in the training."""


def plot(
    runs: Sequence[Path],
    kind: str,
    weights: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    *,
    animate: bool = False,
) -> Figure:
    """Return a figure of a kind; that of several runs is their curves.

    `weights` names those that a loss surface is drawn over, `columns` those of a decision map,
    which with `animate` has a frame for each snapshot of the training.

    Raises
    ------
    UsageError
        The kind does not fit the run, or there is no such weight or column.
    RunError, DataError
        The run is damaged, or its table is not as it was.
    """
    if weights and kind != "loss-surface":
        raise UsageError(f"--weight is for the figure loss-surface, not for {kind}; leave it out")
    if columns and kind != "decision":
        raise UsageError(f"--column is for the figure decision, not for {kind}; leave it out")
    if animate and kind != "decision":
        raise UsageError(f"--animate is for the figure decision, not for {kind}; leave it out")
    command = " ".join(["bpnet plot", *map(shell_path, runs), kind])
    opened = [FiguredRun(run, command, weights, columns, animate=animate) for run in runs]
    if len(opened) > 1:
        if kind != "curves":
            raise UsageError(
                f"'{kind}' is a figure of one run; of several runs there are curves: "
                f"bpnet plot {' '.join(map(shell_path, runs))} curves"
            )
        return joint_curves(opened)
    run = opened[0]
    misfit = KINDS[kind].misfit(run)
    if misfit is not None:
        raise UsageError(
            f"{run.paths.folder}: there is no figure '{kind}': {misfit}; "
            f"this run has {', '.join(fitting(run))}"
        )
    return noted(run, KINDS[kind].make(run))


def named_figure(runs: Sequence[Path], kind: str | None) -> tuple[list[Path], str]:
    """Return the runs and the kind of figure that words name, of which the last is the kind.

    Raises UsageError if one of them is missing, the order is another, or there is no such kind.
    """
    if kind is None or (not runs and kind in KINDS):
        raise UsageError(
            f"name a run, and then its figure, such as: bpnet plot runs/iris-001 {kind or 'curves'}"
        )
    if kind in KINDS:
        return list(runs), kind
    if any(str(run) in KINDS for run in runs):
        figure = next(str(run) for run in runs if str(run) in KINDS)
        others = [str(run) for run in runs if str(run) != figure]
        words = " ".join(map(shell_path, [*others, kind]))
        raise UsageError(f"the figure comes after the run: bpnet plot {words} {figure}")
    if is_dir(Path(kind)):
        words = " ".join(map(shell_path, [*runs, kind]))
        listed = "curves" if runs else ", ".join(fitting(FiguredRun(Path(kind), "bpnet plot")))
        raise UsageError(
            f"name the figure after the run, such as: bpnet plot {words} curves; there are {listed}"
        )
    raise UsageError(
        f"there is no figure '{kind}'; the figures are {', '.join(KINDS)}"
        f"{did_you_mean(kind, KINDS)}"
    )


def noted(run: FiguredRun, figure: Figure) -> Figure:
    """Return a figure with a note if its run has not ended well, or decides otherwise by now."""
    notes = {
        "running": "the run is in training",
        "died": "the training of the run was cut off",
        "interrupted": "the training of the run was interrupted",
        "failed": "the training of the run ended with an error",
        "diverged": "the training of the run diverged",
    }
    added = [notes[run.status]] if run.status in notes else []
    return replace(figure, notes=[*added, *figure.notes, *_decided_in_training(run, figure)])


def _decided_in_training(run: FiguredRun, figure: Figure) -> list[str]:
    """Return a note if a figure has accuracies of the training, and the model keeps a threshold."""
    try:
        kept = figure.kind in _OF_TRAINING and run.thresholds
    except RunError:  # curves need no model
        return []
    if not kept:
        return []
    names = [*figure.columns, *(cell for row in figure.rows for cell in row)]
    return [BY_HALF] if any(isinstance(one, str) and "accuracy" in one for one in names) else []


def joint_curves(runs: Sequence[FiguredRun]) -> Figure:
    """Return the curves of several runs, under the names of the runs."""
    names = [run.name for run in runs]
    curves: list[Curve] = []
    notes: list[str] = []
    share = max(1, MOST_SERIES // len(runs))
    for k, run in enumerate(runs):
        name = names[k] if names.count(names[k]) == 1 else str(run.paths.folder)
        own, own_notes = run.curves
        sources = list(dict.fromkeys(curve.source for curve in own))
        several = len(sources) > 1
        if len(sources) > share:  # so that each run has some
            notes.append(f"drawn are the first {share} of {len(sources)} of {name}")
            own = [curve for curve in own if curve.source in sources[:share]]
        curves += [
            replace(curve, source=f"{name}: {curve.source}" if several else name) for curve in own
        ]
        notes += [f"{name}: {note}" for note in own_notes]
    if len({run.task for run in runs}) > 1:
        notes.append("the runs are of different tasks, whose losses cannot be compared")
    figure = curves_figure(curves, notes)
    decided = {note: None for run in runs for note in _decided_in_training(run, figure)}
    return replace(figure, notes=[*figure.notes, *decided])


def plots_folder(runs: Sequence[Path]) -> Path:
    """Return the folder for figures of a run, which is made; of several it is the working folder.

    Raises RunError if it cannot be made.
    """
    if len(runs) > 1:
        return Path()
    folder = open_run(runs[0]).folder / "plots"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{folder}: cannot be made: {error.strerror}; name a file elsewhere: -o FILE.svg"
        ) from None
    return folder
