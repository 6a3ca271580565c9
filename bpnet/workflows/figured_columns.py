"""The figures about a run's columns: importance, partial dependence and the decision map."""

from collections.abc import Sequence
from dataclasses import dataclass

from bpnet.errors import UsageError
from bpnet.figures.animation import animated
from bpnet.figures.decision import SIDE, decision_figure
from bpnet.figures.figure import Figure
from bpnet.figures.inspection import dependence_figure, importance_figure
from bpnet.inspection.budget import WORK
from bpnet.inspection.decision import decision_map
from bpnet.inspection.importance import Importance
from bpnet.inspection.predictor import Predictor
from bpnet.messages import counted, did_you_mean, quoted_list, shell_path
from bpnet.models.checkpoint_model import model_of
from bpnet.models.ensemble import Ensemble
from bpnet.models.threads import shared_work
from bpnet.runs.directory import RunPaths
from bpnet.runs.snapshots import Snapshots
from bpnet.workflows.inspect_run import (
    InspectedModel,
    budget_of,
    dependence_of,
    importance_of,
    most_important,
    read_rows,
)
from bpnet.workflows.inspected_rows import choose_inspected_rows

MOST_FRAMES, FRAME_SIDE = 40, 20
"""Frames of an animation, and values of a number or a date in each."""
WORK_OF_FIGURES = 2e10
"""Multiplications that these figures take at most, about: a fifth of those of `bpnet eval`."""

_ROWS = {
    "test": "test rows",
    "out_of_fold": "out-of-fold rows",
    "validation": "validation rows, which chose the epoch",
    "table": "rows that trained the network, too, since it held out none",
}


@dataclass(frozen=True)
class ColumnFigures:
    """A run's model with rows to ask it about, and the importance of its columns."""

    asked: InspectedModel
    importance: Importance
    command: str
    """What measures the importance with more work."""

    @property
    def notes(self) -> list[str]:
        """What rows these are."""
        rows = len(self.asked.predictor.rows)
        drawn = f", drawn from {self.asked.of_rows:,}" if rows < self.asked.of_rows else ""
        return [f"{rows:,} {_ROWS[self.asked.chosen.rows_of]}{drawn}"]

    def importance_figure(self) -> Figure:
        """Return the importance of the columns."""
        groups = self.asked.groups
        drawn = [] if groups is None else [groups.drawn.note]
        return importance_figure(self.importance, [*self.notes, *drawn, *self._rougher])

    @property
    def _rougher(self) -> list[str]:
        """A note where `bpnet eval` measures the importance more closely."""
        budget = budget_of(self.asked.predictor.model, self.asked.chosen, WORK)
        rows, shuffles = self.importance.rows, self.importance.shuffles
        columns = len(self.importance.columns)
        if (budget.rows, budget.shuffles, budget.columns) == (rows, shuffles, columns):
            return []
        return [
            f"{self.command} measures it more closely, with {counted(budget.shuffles, 'shuffle')} "
            f"of {counted(budget.rows, 'row')}: where an interval ends near 0, the two may differ"
        ]

    def dependence_figure(self) -> Figure:
        """Return the partial dependence on the most important columns."""
        names = most_important(self.importance)
        target = self.asked.predictor.model.description.target
        with shared_work():
            dependences = [dependence_of(self.asked, name, WORK_OF_FIGURES) for name in names]
        return dependence_figure(dependences, target, self.notes)

    def decision_figure(self, columns: Sequence[str] | None, side: int = SIDE) -> Figure:
        """Return the map over two columns, by default the most important ones.

        Of a number or a date it has `side` values.

        Raises UsageError if the model does not read them.
        """
        x, y = self._map_columns(columns)
        return self._decision(self.asked.predictor, x, y, side, self.notes)

    def decision_animation(self, columns: Sequence[str] | None, snapshots: Snapshots) -> Figure:
        """Return the map with a frame for each snapshot of the training.

        Raises UsageError if the model does not read the columns, or the run has no snapshots.
        """
        epochs = snapshots.epochs()
        if len(epochs) < 2:
            raise UsageError(
                f"{snapshots.folder.parent}: --animate needs snapshots of the training, which "
                "this run has not kept: train with --set training.snapshots=30"
            )
        if len(epochs) > MOST_FRAMES:
            epochs = [
                epochs[k * (len(epochs) - 1) // (MOST_FRAMES - 1)] for k in range(MOST_FRAMES)
            ]
        x, y = self._map_columns(columns)
        notes = [*self.notes, "the networks are those of the training, before any calibration"]
        frames = []
        for epoch in epochs:
            model = model_of(snapshots.read(epoch)["model"], snapshots.path(epoch))
            predictor = Predictor(Ensemble([model]), self.asked.predictor.rows)
            frames.append(self._decision(predictor, x, y, FRAME_SIDE, notes))
        return animated(frames, epochs)

    def _decision(
        self, predictor: Predictor, x: str, y: str, side: int, notes: Sequence[str]
    ) -> Figure:
        with shared_work():
            drawn = decision_map(predictor, x, y, side)
        target, thresholds = (
            predictor.model.description.target,
            self.asked.predictor.model.thresholds,
        )
        return decision_figure(drawn, target, self.asked.true, notes, thresholds)

    def _map_columns(self, columns: Sequence[str] | None) -> tuple[str, str]:
        """Return the columns of a map; raises UsageError."""
        features = list(self.asked.predictor.rows.cells)
        names = list(columns or self._two_columns(features))
        for name in names:
            if name not in features:
                raise UsageError(
                    f"--column {name}: must be a column that the model reads"
                    f"{did_you_mean(name, features)}; the columns are {quoted_list(features)}"
                )
        if len(set(names)) != 2:
            raise UsageError(
                f"a decision map is over two columns, not {counted(len(set(names)), 'column')}; "
                "give --column twice"
            )
        return names[0], names[1]

    def _two_columns(self, features: Sequence[str]) -> list[str]:
        """Return the two most important columns, those with a number on the axis first."""
        first = [*most_important(self.importance, 2), *features]
        return list(dict.fromkeys(first))[:2]


def ask_columns(paths: RunPaths, model: Ensemble, command: str, *, held_out: bool) -> ColumnFigures:
    """Read rows of a run's table, and measure the importance of the columns on them.

    They are held-out rows, or all of them where the run has `held_out` none; `command` is what is
    typed again with a table on standard input. Raises RunError or DataError.
    """
    warnings: list[str] = []
    chosen = choose_inspected_rows(
        paths.folder,
        None,
        model.description.reading,
        model,
        all_rows=not held_out,
        option="--importance",
        warnings=warnings,
        command=command,
    )
    asked = read_rows(model, chosen, WORK_OF_FIGURES, warnings)
    with shared_work():
        closely = f"bpnet eval {shell_path(paths.folder)} --importance"
        return ColumnFigures(asked, importance_of(asked, WORK_OF_FIGURES), closely)
