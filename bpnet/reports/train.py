"""The report of `bpnet train`: what will be trained, and the metrics of each part of the split."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.engine.loop.sharded_rows import ranks_of
from bpnet.messages import counted, shell_path
from bpnet.reports.tables import table
from bpnet.reports.text import closing_lines, rounded
from bpnet.runs.metrics import deviations

if TYPE_CHECKING:
    from bpnet.preparation.encode import EncodedDataset
    from bpnet.workflows.calibrate import CalibrationResult
    from bpnet.workflows.train import TrainResult

STOP_REASONS = {
    "epochs": "all epochs done",
    "early_stopping": "early stopping",
    "target_loss": "target loss reached",
    "converged": "converged",
    "budget": "time budget spent",
}
"""What reports call the reasons for which a training has ended by itself."""


def start_line(name: str, prepared: "EncodedDataset", parameters: int) -> str:
    """Return one line on the rows, features, targets and parameters before training starts."""
    config, target_values = prepared.config, prepared.split.target_values
    rows = ", ".join(f"{len(rows):,} {part}" for part, rows in prepared.parts.items() if len(rows))
    task = f"{len(target_values.classes)} classes" if target_values.classes else config.task
    return (
        f"{name}: {rows} rows; {_features_text(prepared)} -> {', '.join(target_values.names)} "
        f"({task}: {target_values.reason}); {counted(parameters, 'parameter')}"
    )


def storage_note(prepared: "EncodedDataset") -> str | None:
    """Return a note on the disk space that encoded rows take, where they are kept on disk."""
    if prepared.storage != "disk":
        return None
    size = f"{prepared.bytes / 1e6:,.3g} MB"
    return f"{size} of encoded rows are kept on disk while training (dataset.storage)"


def sharing_note(run: Path, prepared: "EncodedDataset") -> str | None:
    """Return a note on the processes that train together, and what to type if one of them dies."""
    ranks = ranks_of(prepared.rows["train"])
    if ranks is None:
        return None
    command = f"mpiexec -n {ranks.size} bpnet resume {shell_path(run)}"
    return f"{ranks.size} processes train together; should one die, all end: then {command}"


def train_lines(result: "TrainResult", config: str = "") -> Iterator[str]:
    """Yield the final metrics of each part, the doctor's advice, and what to type next.

    `config` is the file that its settings are for, if it is not the one that the user has given.
    """
    typed = f", for bpnet train {config}" if config else ""
    epochs = f"{counted(result.epochs, 'epoch')} in {result.seconds:.2f} s"
    ending = STOP_REASONS[result.stop_reason]
    yield f"\n{ending} after {epochs}; kept the weights of {_kept(result)}\n"
    if result.first_weights:
        yield f"{result.first_weights}\n"
    replicas = len(result.replicas)
    spread = deviations([replica.figures for replica in result.replicas]) if replicas > 1 else None
    names = list(next(iter(result.figures.values())))
    rows = [
        [
            part,
            *(
                rounded(metrics[name], 4)
                + (f" ± {rounded(spread[part][name], 2)}" if spread else "")
                for name in names
            ),
        ]
        for part, metrics in result.figures.items()
    ]
    if spread:
        yield f"means of {replicas} replicas ± their standard deviations\n"
    yield from table(["", *names], rows, numbers=True)
    if result.calibration:
        yield f"\n{_calibration_text(result.calibration)}"
    if result.advice:
        yield f"\nThe doctor's advice{typed}:"
        yield from (f"- {line}" for line in result.advice)
    if result.remarks:
        yield f"\nThe doctor's remarks{typed}:"
        yield from (f"- {line}" for line in result.remarks)
    if "test" in result.figures:
        yield from closing_lines("Run directory", result.run, "eval")
    else:
        yield from closing_lines("Run directory", result.run, "predict", "DATA.csv")


def train_data(result: "TrainResult") -> dict[str, Any]:
    """Return the result for `--json`."""
    return {
        "run": str(result.run),
        "stop_reason": result.stop_reason,
        "best_epoch": result.best_epoch,
        "epochs": result.epochs,
        "seconds": result.seconds,
        "metrics": result.figures,
        "advice": result.advice,
        "remarks": result.remarks,
        "findings": result.findings,
        "calibration": asdict(result.calibration) if result.calibration else None,
        "first_weights": result.first_weights,
        "processes": result.processes,
        "replicas": [asdict(replica) for replica in result.replicas],
    }


def _features_text(prepared: "EncodedDataset") -> str:
    """Return the number of features, by role, and of the inputs they are encoded to."""
    counts: dict[str, int] = {}
    for name in prepared.encoder.features:
        role = prepared.config.dataset.roles[name]
        counts[role] = counts.get(role, 0) + 1
    features = counted(len(prepared.encoder.features), "feature")
    if set(counts) == {"numeric"} and prepared.encoder.width == len(prepared.encoder.features):
        return features
    roles = ", ".join(f"{count} {role}" for role, count in counts.items())
    return f"{features} ({roles}) in {counted(prepared.encoder.width, 'input')}"


def _calibration_text(calibration: "CalibrationResult") -> str:
    """Return what the calibration has changed since the metrics were measured."""
    if calibration.temperature is None:
        slopes = ", ".join(f"{slope:.3g}" for slope in calibration.slopes)
        change = f"Predictions keep {slopes} of their difference from the mean"
    else:
        change = f"Scores are divided by a temperature of {calibration.temperature:.3g}"
        if calibration.kind == "isotonic":
            change += ", and each class has a rising curve"
    return (
        f"{change}, fitted to the {counted(calibration.rows, 'validation row')}; the metrics above "
        "are those before. bpnet eval measures the calibrated model."
    )


def _kept(result: "TrainResult") -> str:
    """Return the epochs whose weights were kept: one, or the range over the replicas."""
    epochs = [replica.best_epoch for replica in result.replicas]
    if min(epochs) == max(epochs):
        return f"epoch {epochs[0]}"
    return f"epochs {min(epochs)} to {max(epochs)}"
