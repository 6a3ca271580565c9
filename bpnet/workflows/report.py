"""The report of runs: what each was, how good it is beside simple models, and its figures."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.errors import BpnetError, DataError, RunError
from bpnet.figures.figure import Figure
from bpnet.messages import shell_path
from bpnet.models.ensemble import Ensemble
from bpnet.paths import is_file
from bpnet.runs import files
from bpnet.workflows.compare import RunsComparison, compare_runs_of
from bpnet.workflows.eval_baselines import Compared, compare_with_baselines
from bpnet.workflows.figure_kinds import KINDS
from bpnet.workflows.figured_run import FiguredRun
from bpnet.workflows.plot import joint_curves, noted

if TYPE_CHECKING:  # imports scikit-learn, which takes a second
    from bpnet.scoring.scores import AnyScores

_RESAMPLES = 1000


@dataclass(frozen=True)
class ScoredRun:
    """The scores of a run's model on the rows of its figures, beside those of baselines."""

    part: str
    """The rows, with their number."""
    notes: Sequence[str]
    scores: "AnyScores"
    compared: Compared


@dataclass(frozen=True)
class RunReport:
    """What there is to say of a run.

    `left_out` says which figures could not be made, and why; `no_layers` why there is no figure of
    its layers.
    """

    name: str
    folder: Path
    status: str
    run: Mapping[str, Any]
    """The content of run.json."""
    config: str
    task: str | None
    targets: Sequence[str]
    table: str
    model: Ensemble | None
    scored: ScoredRun | None
    metrics: Mapping[str, Any]
    """The content of metrics.json."""
    thresholds: Mapping[str, float]
    """Those that the model keeps, by class or label; none where they are ½, as they are in
    metrics.json."""
    figures: Sequence[Figure] = ()
    left_out: Sequence[str] = ()
    no_layers: str | None = None
    warnings: Sequence[str] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """The reports of runs, the figure that they share, and their comparison."""

    runs: Sequence[RunReport]
    curves: Figure | None = None
    comparison: RunsComparison | None = None
    not_compared: str | None = None
    """Why several runs are not compared."""


def report(runs: Sequence[Path]) -> Report:
    """Return the report of runs; what cannot be had of one is left out of it, with the reason.

    Raises RunError if one is not a run directory.
    """
    command = " ".join(["bpnet report", *map(shell_path, runs)])
    opened = [FiguredRun(run, command, share=1 / len(runs)) for run in runs]
    reports = [_report_run(run) for run in opened]
    if len(opened) == 1:
        return Report(reports)
    curves, comparison, not_compared = None, None, None
    with contextlib.suppress(BpnetError):  # the run's own report says why
        curves = joint_curves(opened)
    try:
        by_path = dict(zip(runs, opened, strict=True))
        comparison = compare_runs_of(runs, lambda path: by_path[path].opened)
    except BpnetError as error:
        not_compared = error.problems[0]
    return Report(reports, curves, comparison, not_compared)


def _report_run(run: FiguredRun) -> RunReport:
    warnings: list[str] = []
    figures: list[Figure] = []
    problems: dict[str, list[str]] = {}
    misfits: dict[str, str | None] = {}
    for name, kind in KINDS.items():
        try:
            misfits[name] = kind.misfit(run)
            if misfits[name] is None:
                figures.append(noted(run, kind.make(run)))
        except (RunError, DataError) as error:
            problems.setdefault(error.problems[0], []).append(name)
    try:
        config = files.read_text(run.paths.config)
        dataset = run.loaded.config.dataset
        task, targets, table = run.task, run.targets, str(dataset.path)
    except BpnetError as error:
        problems.setdefault(error.problems[0], []).append("config")
        config, task, targets, table = "", None, [], ""
    model, scored, thresholds = None, None, dict[str, float]()
    try:
        thresholds = run.thresholds
        if run.keeps_model:
            model = run.model
            scored = _score(run, warnings)
    except (RunError, DataError) as error:
        problems.setdefault(error.problems[0], []).append("scores")
    return RunReport(
        name=run.name,
        folder=run.paths.folder,
        status=run.status,
        run=run.run,
        config=config,
        task=task,
        targets=targets,
        table=table,
        model=model,
        scored=scored,
        metrics=_metrics(run),
        thresholds=thresholds,
        figures=figures,
        no_layers=misfits.get("layers"),
        left_out=[f"{', '.join(names)}: {problem}" for problem, names in problems.items()],
        warnings=warnings,
    )


def _score(run: FiguredRun, warnings: list[str]) -> ScoredRun | None:
    """Return the scores of a model; None of a cross-validation, whose networks differ in rows."""
    if run.is_cv:
        return None
    seen, groups = run.seen, run.seen.scored.rows.groups
    compared = Compared()
    if seen.part == "test":
        compared = compare_with_baselines(seen.scored, seen.table, warnings)
    return ScoredRun(
        part=seen.predicted.counted,
        notes=[*seen.predicted.notes, *([groups.drawn.note] if groups else [])],
        scores=seen.scored.score(seen.scored.predicted, _RESAMPLES),
        compared=compared,
    )


def _metrics(run: FiguredRun) -> Mapping[str, Any]:
    if not is_file(run.paths.metrics_json):
        return {}
    try:
        content = files.read_json(run.paths.metrics_json)
    except RunError:
        return {}
    return content if isinstance(content, dict) else {}
