"""The page of `bpnet report`: runs in words, tables and figures."""

import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from bpnet.messages import counted, named, shell_path
from bpnet.reports.compare import (
    conclusions,
    not_judged,
    paired_rows,
    run_verdict,
    threshold_note,
)
from bpnet.reports.eval import metric_label
from bpnet.reports.page.page import Document, Page, PageTable, Section
from bpnet.reports.text import CLASS_WEIGHT_NOTE, duration, score_text
from bpnet.reports.thresholds import thresholds_text
from bpnet.runs.entry import BY_HALF
from bpnet.scoring.metrics import metric_range, metric_title

if TYPE_CHECKING:
    from bpnet.workflows.report import Report, RunReport

_MOST_SCORES = 3
_PARTS = {"train": "training", "out_of_fold": "out of fold"}
_ENDINGS = {
    "running": "It is still in training, and this page shows what it has so far.",
    "died": "Its training was cut off, and this page shows what it had.",
    "interrupted": "Its training was interrupted, and this page shows what it had.",
    "failed": "Its training ended with an error, and this page shows what it had.",
    "diverged": "Its training diverged: the loss became infinite.",
}
_STOPS = {
    "epochs": "It trained for all of its {}",
    "early_stopping": "It stopped early after {}, since it no longer got better",
    "budget": "Its time budget ended it after {}",
}


def report_page(report: "Report") -> Page:
    """Return the page of runs."""
    sections = [_section(run) for run in report.runs]
    if len(report.runs) == 1:
        return Page(f"Report of {report.runs[0].name}", sections=sections)
    return Page(
        f"Report of {counted(len(report.runs), 'run')}",
        list(_compared(report)),
        _side_by_side(report),
        [report.curves] if report.curves else [],
        sections,
    )


def _compared(report: "Report") -> Iterator[str]:
    """Yield which of several runs is better, where that can be told."""
    result = report.comparison
    if result is None:
        tasks = {run.task for run in report.runs}
        different = (
            "They are not all of one task, so that their scores cannot be compared here; "
            "bpnet compare compares those that are."
        )
        yield different if len(tasks) > 1 else f"They are not compared: {report.not_compared}."
        return
    if (reason := not_judged(result)) is not None:
        yield reason
        return
    found = " ".join(conclusions(result, [run.name for run in report.runs]))
    yield f"{found} That is the verdict of the paired bootstrap on the same {paired_rows(result)}."
    if (decided := threshold_note(result, [run.name for run in report.runs])) is not None:
        yield _sentence(decided)


def report_warnings(report: "Report") -> list[str]:
    """Return what the report lacks, and the warnings about its runs."""
    return [
        f"{run.name}: {text}"
        for run in report.runs
        for text in (*(f"without {reason}" for reason in run.left_out), *run.warnings)
    ]


def _section(run: "RunReport") -> Section:
    tables = [table for table in (_scores(run), _estimates(run), _final_metrics(run)) if table]
    left_out = [f"Not shown: {reason}" for reason in run.left_out]
    return Section(
        run.name,
        [*_paragraphs(run), *left_out],
        tables,
        run.figures,
        [
            Document("The config, with every default written out", run.config or "not readable"),
            Document("The environment", _environment(run)),
            Document("How to reproduce it", _reproduction(run)),
        ],
    )


def _paragraphs(run: "RunReport") -> Iterator[str]:
    """Yield what was trained, how good it is, and what to do next."""
    yield " ".join(_trained(run))
    yield " ".join(_good(run))
    yield " ".join(["Next:", *_next(run)])
    if run.scored and run.scored.compared.comparisons and _class_weighted(run):
        yield f"Note: {CLASS_WEIGHT_NOTE}."
    for warning in run.warnings:
        yield f"Note: {warning}."
    if run.no_layers is not None:
        yield f"There is no figure of layers over epochs: {run.no_layers}"


def _trained(run: "RunReport") -> Iterator[str]:
    kind = run.run.get("kind")
    what = {"grid": "The best run of a grid", "folds": "An ensemble on folds"}.get(
        str(kind), "A training"
    )
    if run.run.get("folds"):
        what = f"A cross-validation of {counted(len(run.run['folds']), 'fold')}"
    columns = ""
    if run.model is not None:
        features = run.model.description.encoder.features
        columns = f" from {counted(len(features), 'column')}"
    table = PurePath(run.table).name or "its table"
    target = named("column", run.targets, 6) if run.targets else "its target"
    yield f"{what}: {run.task or 'a task'} of the {target}{columns} of {table}."
    if run.model is not None:
        sizes = [
            sum(math.prod(shape[1:]) for shape in member.description.shapes().values())
            for member in run.model.members
        ]
        size = (
            f"{min(sizes):,}" if min(sizes) == max(sizes) else f"{min(sizes):,} to {max(sizes):,}"
        )
        networks = counted(run.model.networks, "network")
        yield f"{networks}{' each' if run.model.networks > 1 else ''} with {size} parameters."
    rows = run.run.get("rows")
    if isinstance(rows, dict) and rows:
        parts = ", ".join(f"{n:,} {_PARTS.get(str(p), str(p))}" for p, n in rows.items())
        yield f"Rows: {parts}."
    if run.status in _ENDINGS:
        yield _ENDINGS[run.status]
    elif isinstance(run.run.get("epochs"), int):
        epochs = counted(run.run["epochs"], "epoch")
        stop = _STOPS.get(str(run.run.get("stop_reason")), "It trained for {}").format(epochs)
        yield f"{stop}, and keeps the weights of epoch {run.run.get('best_epoch')}."
    if isinstance(run.run.get("seconds"), int | float):
        yield f"It took {duration(run.run['seconds'])}."


def _good(run: "RunReport") -> Iterator[str]:
    if run.scored is not None:
        positive = getattr(run.scored.scores, "positive", None)
        shown = [
            f"{metric_label(score.name, positive)} {score_text(score.value)}"
            + (
                f" (95 % interval {score_text(score.low)} … {score_text(score.high)})"
                if score.low is not None
                else ""
            )
            for score in run.scored.scores.figures[:_MOST_SCORES]
            if score.value is not None
        ]
        yield f"On {run.scored.part}: {'; '.join(shown)}."
        yield from (_sentence(text) for text in run.scored.notes)
        if run.thresholds:
            yield _sentence(_decided(run))
        yield from (_sentence(text) for text in run.scored.compared.verdict)
        return
    part = next((part for part in ("out_of_fold", "test") if _values(run.metrics, part)), None)
    if part is None:
        yield "How good it is cannot be said here."
        return
    metrics = list(_values(run.metrics, part).items())[:_MOST_SCORES]
    text = "; ".join(f"{metric_title(name)} {score_text(value)}" for name, value in metrics)
    where = "on rows of the other folds" if run.run.get("folds") else _PARTS.get(part, part)
    yield f"{_sentence(where)[:-1]}: {text}."
    if run.thresholds:
        yield _sentence(f"{BY_HALF}, and {_decided(run)}")


def _decided(run: "RunReport") -> str:
    """Return by which thresholds a run predicts."""
    whose = ", the baselines' too," if run.scored and run.scored.compared.baselines else ""
    which = thresholds_text(run.thresholds)
    return f"predictions{whose} are by the threshold {which}, as the model keeps it"


def _next(run: "RunReport") -> Iterator[str]:
    path = shell_path(run.folder)
    if run.status in ("died", "interrupted"):
        yield f"bpnet resume {path} goes on with the training."
        return
    advice = run.run.get("advice")
    if isinstance(advice, list) and advice:
        yield from (_sentence(str(text)) for text in advice)
        return
    if run.scored and any(one.outcome != "better" for one in run.scored.compared.comparisons):
        errors = any(figure.kind == "surest" and figure.panels for figure in run.figures)
        first = ", and the surest errors below are the rows to look at first"
        yield (
            f"bpnet check {shell_path(run.folder / 'config.yaml')} looks for what holds a network "
            f"back{first if errors else ''}."
        )
        return
    if run.model is None:
        yield f"bpnet train {shell_path(run.folder / 'config.yaml')} trains on all rows."
        return
    yield f"bpnet predict {path} NEW.csv predicts for new rows."


def _sentence(text: str) -> str:
    """Return a text that begins with a capital and ends with a full stop."""
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _class_weighted(run: "RunReport") -> bool:
    weights = run.model.description.class_weight if run.model else None
    return bool(weights) and len(set((weights or {}).values())) > 1


def _scores(run: "RunReport") -> PageTable | None:
    """Return the table of metrics beside the baselines'."""
    if run.scored is None:
        return None
    positive = getattr(run.scored.scores, "positive", None)
    baselines = run.scored.compared.baselines
    return PageTable(
        f"Scores on {run.scored.part}",
        ["metric", "network", "95 % from", "to", *(baseline.name for baseline in baselines)],
        [
            [
                metric_label(score.name, positive),
                _without_noise(score.value),
                score.low,
                score.high,
                *(_without_noise(baseline.figures.get(score.name)) for baseline in baselines),
            ]
            for score in run.scored.scores.figures
        ],
    )


def _without_noise(value: float | None) -> float | None:
    """Return a score; 0 for what is left of a difference of equal numbers by rounding."""
    return 0.0 if value is not None and abs(value) < sys.float_info.epsilon else value


def _estimates(run: "RunReport") -> PageTable | None:
    """Return the table of a cross-validation's estimates."""
    values = _values(run.metrics, "test")
    if not run.run.get("folds") or not values:
        return None
    spread = _values(run.metrics.get("deviation"), "test")
    interval = run.metrics.get("interval")
    ends = interval.get("test") if isinstance(interval, dict) else None
    ends = ends if isinstance(ends, dict) else {}
    return PageTable(
        "Estimates over the folds" + (f": {BY_HALF}" if run.thresholds else ""),
        ["metric", "mean", "deviation", "95 % from", "to"],
        [
            [metric_title(name), value, spread.get(name), *(ends.get(name) or (None, None))]
            for name, value in values.items()
        ],
    )


def _final_metrics(run: "RunReport") -> PageTable | None:
    """Return the table of the final metrics by part, as metrics.json has them."""
    if run.run.get("folds"):
        return None
    parts = [
        part
        for part in ("train", "validation", "out_of_fold", "test")
        if _values(run.metrics, part)
    ]
    names = list(dict.fromkeys(name for part in parts for name in _values(run.metrics, part)))
    if not names:
        return None
    return PageTable(
        "Final metrics of the training, as metrics.json has them"
        + (f": {BY_HALF}" if run.thresholds else ""),
        ["metric", *(_PARTS.get(part, part) for part in parts)],
        [
            [metric_title(name), *(_values(run.metrics, part).get(name) for part in parts)]
            for name in names
        ],
    )


def _values(metrics: Any, part: str) -> dict[str, float | None]:
    """Return the metrics of a part, by name, from JSON that may be damaged."""
    values = metrics.get(part) if isinstance(metrics, Mapping) else None
    if not isinstance(values, dict):
        return {}
    return {str(k): v for k, v in values.items() if v is None or isinstance(v, int | float)}


def _side_by_side(report: "Report") -> PageTable:
    """Return the table of all runs with their scores, and what the comparison says of each."""
    runs, result = report.runs, report.comparison
    verdicts = ["" if result is None else run_verdict(result, k) for k in range(len(runs))]
    judged = any(verdicts)
    scores = [_main_scores(run) for run in runs]
    names = list(dict.fromkeys(name for each in scores for name in each))
    return PageTable(
        "Runs and their scores",
        ["run", "status", *(["compared"] if judged else []), "rows", *names],
        [
            [
                run.name,
                "done" if run.status == "finished" else run.status,
                *([verdict] if judged else []),
                run.scored.part if run.scored else "",
                *(each.get(name) for name in names),
            ]
            for run, verdict, each in zip(runs, verdicts, scores, strict=True)
        ],
    )


def _main_scores(run: "RunReport") -> dict[str, float | None]:
    if run.scored is not None:
        return {metric_title(score.name): score.value for score in run.scored.scores.figures}
    part = "out_of_fold" if _values(run.metrics, "out_of_fold") else "test"
    return {
        metric_title(name): value
        for name, value in _values(run.metrics, part).items()
        if name != "loss" and math.isfinite(metric_range(name)[0] + 1)
    }


def _environment(run: "RunReport") -> str:
    versions = run.run.get("versions")
    lines = [f"{k} {v}" for k, v in (versions if isinstance(versions, dict) else {}).items()]
    lines.append(f"platform {run.run.get('platform', 'unknown')}")
    blas = run.run.get("blas")
    if isinstance(blas, dict):
        lines.append("BLAS " + ", ".join(f"{k} {v}" for k, v in blas.items()))
    lines += [f"started {run.run.get('started')}", f"finished {run.run.get('finished')}"]
    return "\n".join(lines)


def _reproduction(run: "RunReport") -> str:
    command = run.run.get("command")
    typed = " ".join(map(shell_path, command)) if isinstance(command, list) else "unknown"
    path = shell_path(run.folder)
    return "\n".join(
        [
            "It was trained by",
            f"  {typed}",
            "and its config with every default trains the same weights again, bit for bit on the",
            "same machine:",
            f"  bpnet train {shell_path(run.folder / 'config.yaml')}",
            "This does so in a temporary place, and compares:",
            f"  bpnet verify {path}",
            "",
            f"seed {run.run.get('seed')}",
            f"table {run.table}",
            f"SHA-256 of the table {run.run.get('data_sha256')}",
        ]
    )
