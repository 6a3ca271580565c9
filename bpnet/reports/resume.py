"""The report of a resumed training: that of the verb which began it."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from bpnet.messages import shell_path
from bpnet.reports.cv import cv_lines
from bpnet.reports.grid import grid_lines
from bpnet.reports.train import train_data, train_lines
from bpnet.reports.train_folds import folds_data, folds_lines
from bpnet.workflows.cv import CVResult
from bpnet.workflows.grid import GridResult
from bpnet.workflows.resume import Resumed
from bpnet.workflows.train_folds import FoldsResult


def resume_data(result: Resumed) -> dict[str, Any]:
    """Return the result for `--json`."""
    if isinstance(result, FoldsResult):
        return folds_data(result)
    return asdict(result) if isinstance(result, CVResult | GridResult) else train_data(result)


def resume_lines(result: Resumed) -> Iterable[str]:
    """Return the lines of the report."""
    if isinstance(result, FoldsResult):
        return folds_lines(result)
    config = shell_path(result.run / "config.yaml")
    if isinstance(result, CVResult):
        return cv_lines(result, config)
    return grid_lines(result) if isinstance(result, GridResult) else train_lines(result, config)
