"""The monitored metric, by which epochs are compared: it must be a number for these rows."""

import numpy as np

from bpnet.data.splitting import Part
from bpnet.data.targets import AnyTarget
from bpnet.errors import DataError
from bpnet.messages import quoted_list
from bpnet.preparation.resolved_config import ResolvedConfig
from bpnet.preparation.split import SplitDataset


def check_monitored_metric(
    split: SplitDataset, resolved: ResolvedConfig, target: AnyTarget
) -> None:
    """Raise DataError if the metric of early stopping is undefined for the rows it is measured on.

    That is R² where a target does not vary among them.
    """
    stopping = resolved.config.training.early_stopping
    metric = stopping.monitor if stopping else None
    if metric is None or metric.removeprefix("val_") != "r2":
        return
    validated = metric.startswith("val_") and resolved.config.folds is None
    part: Part = "validation" if validated else "train"
    # encoded, as training compares them: values that differ in the table may be equal there
    targets = split.target_values.encode(
        target, resolved.outputs, resolved.config.training.precision, split.table
    )
    still = np.ptp(targets[split.parts[part]], axis=0) == 0
    names = [name for name, same in zip(split.target_values.names, still, strict=True) if same]
    if not names:
        return
    other = metric.replace("r2", "rmse")
    rows = "training" if part == "train" else part
    raise DataError(
        split.loaded.problem(
            ("training", "early_stopping", "monitor"),
            f"is {metric}, but {quoted_list(names)} {'is' if len(names) == 1 else 'are'} the same "
            f"in all {len(split.parts[part])} {rows} rows, for which R² is not defined: "
            f"no epoch would be better than another; monitor {other}: "
            f"--set training.early_stopping.monitor={other}",
        )
    )
