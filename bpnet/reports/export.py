"""The result of `bpnet export`: the file, its inputs and outputs, and how closely it agrees."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from bpnet.messages import byte_size, counted
from bpnet.workflows.export import Export

_FORMATS = {"onnx": "ONNX", "python": "Python"}
_MOST_COLUMNS = 12
_KINDS = {"number": "number", "date": "days since 1970-01-01", "text": "text"}


def export_lines(result: Export) -> Iterator[str]:
    """Yield the lines of the report."""
    of_table = f", {result.of_table} of the run's table" if result.of_table else ""
    yield f"{'Model:':<15}{result.path} ({_FORMATS[result.format]}, {byte_size(result.size)})"
    rows = counted(result.rows, "row")
    yield f"{'Golden rows:':<15}{result.golden} ({rows}{of_table})"
    yield f"{'Agreement:':<15}all {rows}, to {max(result.largest, 1e-16):.0e}"
    inputs = [f"{name} ({_KINDS[kind]})" for name, kind in result.inputs.items()]
    for k, text in enumerate(inputs[:_MOST_COLUMNS]):
        yield f"{'Inputs:' if k == 0 else '':<15}{text}"
    if len(inputs) > _MOST_COLUMNS:
        yield f"{'':<15}and {len(inputs) - _MOST_COLUMNS} more"
    yield f"{'Outputs:':<15}{', '.join(result.outputs)}"


def export_data(result: Export) -> dict[str, Any]:
    """Return the result for `--json`."""
    return {**asdict(result), "path": str(result.path), "golden": str(result.golden)}
