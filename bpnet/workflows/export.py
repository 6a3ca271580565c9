"""Export: a run's model as a file that predicts without bpnet, once it is seen to agree."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from bpnet.data.targets import Quantities
from bpnet.engine.component import Array
from bpnet.errors import RunError, UsageError
from bpnet.integrations.export.cells import Outputs
from bpnet.models.ensemble import Ensemble
from bpnet.models.run_model import open_run_model
from bpnet.runs import files
from bpnet.workflows.golden_rows import GoldenRows, golden_rows

ExportFormat = Literal["onnx", "python"]
SUFFIXES: dict[ExportFormat, str] = {"onnx": ".onnx", "python": ".py"}
"""How the file of each format is named."""

TOLERANCE = 1e-5
"""The largest difference of a probability; of a quantity, in units of its scaling or its size."""


@dataclass(frozen=True)
class Export:
    """What was written, and how closely it agrees with `predict` on the golden rows."""

    path: Path
    golden: Path
    format: ExportFormat
    rows: int
    of_table: int
    largest: float
    """The largest difference from what the model predicts, as `TOLERANCE` counts it."""
    size: int
    inputs: dict[str, str]
    """The kind of each column's cells: number, date or text."""
    outputs: list[str]
    notes: list[str]


def export(
    run: Path, output: Path | None = None, form: str | None = None, replica: str = "all"
) -> Export:
    """Write a run's model to a file, and golden rows beside it; raises UsageError or RunError.

    Nothing is written unless the file agrees with `predict` on all golden rows.
    """
    chosen, path = _chosen(run, output, form)
    _require(chosen)
    opened = open_run_model(run)
    model = opened.model.select(replica)
    golden = golden_rows(run, model)
    content, outputs = _made(chosen, model, golden, path)
    largest = _largest_difference(model, golden, outputs, path)
    beside = path.with_name(f"{path.stem}.golden.jsonl")
    files.write_text(beside, golden.lines())
    files.write_bytes(path, content)
    return Export(
        path,
        beside,
        chosen,
        len(golden),
        golden.of_table,
        largest,
        len(content),
        {feature.name: feature.kind for feature in golden.features},
        list(golden.outputs),
        opened.notes,
    )


def _chosen(run: Path, output: Path | None, form: str | None) -> tuple[ExportFormat, Path]:
    """Return the format and the file; raises UsageError if they contradict."""
    for each, suffix in SUFFIXES.items():
        if output is None and form in (None, each):
            return each, run / f"model{suffix}"
        if output is not None and output.suffix.lower() == suffix and form in (None, each):
            return each, output
    allowed = [suffix for each, suffix in SUFFIXES.items() if form in (None, each)]
    raise UsageError(
        f"--output {output}: the name of an exported model{f' as {form}' if form else ''} ends in "
        f"{' or '.join(allowed)}"
    )


def _require(form: ExportFormat) -> None:
    """Raise UsageError if a package that the format needs is missing, before anything is read."""
    if form == "onnx":
        from bpnet.integrations.export.graph import onnx  # deferred: the format may need none
        from bpnet.integrations.export.runtime import onnxruntime

        onnx()
        onnxruntime()


def _made(
    form: ExportFormat, model: Ensemble, golden: GoldenRows, path: Path
) -> tuple[bytes, Outputs]:
    """Return the file, and what it answers for the golden rows."""
    # deferred: each format has its own packages
    if form == "python":
        from bpnet.integrations.export.python_file import python_file
        from bpnet.integrations.export.python_process import run_python_file

        content = python_file(model, golden.seen, path.name)
        return content, run_python_file(content, golden.cells)
    from bpnet.integrations.export.onnx_model import onnx_file
    from bpnet.integrations.export.runtime import OnnxSession

    content = onnx_file(model, golden.seen)
    return content, OnnxSession(content).run(golden.cells)


def _largest_difference(model: Ensemble, golden: GoldenRows, outputs: Outputs, path: Path) -> float:
    """Return the largest difference from the golden rows; raises RunError if it is too large."""
    *labels, numbers = list(golden.outputs)
    expected, given = golden.outputs[numbers], outputs[numbers]
    unit: Array = np.ones_like(expected)
    target = model.description.target
    if isinstance(target, Quantities):
        unit = np.maximum(target.divisors, np.abs(expected))
    with np.errstate(all="ignore"):
        differences = np.abs(given - expected) / unit
    differences = np.where(np.isnan(differences), np.inf, differences)  # (N, K)
    wrong = differences.max(axis=1) > TOLERANCE
    for name in labels:  # of probabilities as near as that, either label is right
        other = golden.outputs[name] != outputs[name]
        wrong |= (other.reshape(len(wrong), -1) & ~_undecided(model, expected)).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        cells = {name: values[row] for name, values in golden.cells.items()}
        raise RunError(
            f"{path}: is not written, for the exported model differs from `bpnet predict` in "
            f"{int(wrong.sum())} of {len(wrong)} rows, by {float(differences.max()):.2g} at most "
            f"(allowed are {TOLERANCE:g}); the first: {cells}"
        )
    return float(differences.max())


def _undecided(model: Ensemble, p: Array) -> Array:
    """Return the mask of labels (N, 1 or L) whose probabilities are too near to tell them apart."""
    if model.thresholds is not None or not model.description.classes:
        limits = np.array(model.thresholds or [0.5])
        if model.description.classes:
            positive = model.description.target.positive_number  # type: ignore[union-attr]
            p = p[:, [positive]]
        return np.asarray(np.abs(p - limits) <= TOLERANCE)
    best = np.sort(p, axis=1)[:, -2:]
    return np.asarray(best[:, 1:] - best[:, :1] <= 2 * TOLERANCE)
