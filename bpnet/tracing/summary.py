"""The table at the end of a trace, with a row for each step."""

from collections.abc import Sequence

import numpy as np

from bpnet.engine.step_trace import StepTrace
from bpnet.tracing.layers import parameter_sign, row_prefix
from bpnet.tracing.structure import Summary

_FEW = 4
"""Outputs, or parameters, up to which there is a column for each."""


def summary(
    steps: Sequence[StepTrace], rows: Sequence[int], *, searches: bool, logits: bool
) -> Summary:
    """Return the table of all steps on rows with these numbers.

    `searches` is True of an optimizer that tries out parameters, which has no gradient; `logits` is
    True where predictions are probabilities.
    """
    first = steps[0]
    columns = ["step", "epoch", "η", "L", *([] if searches else ["|g|"]), "L'"]
    places = list(np.ndindex(first.predictions.shape))
    # those of a trial may be undone
    outputs = places if len(places) <= _FEW and not searches else []
    for row, unit in outputs:
        columns.append(f"{row_prefix(rows, row)}{'p' if logits else 'y'}'[{unit + 1}]")
    entries = [
        (k, name, tuple(int(i) for i in index))
        for k, layer in enumerate(first.layers)
        for name, before in layer.before.items()
        for index in np.ndindex(before.shape)
    ]
    if len(entries) > _FEW:
        entries = []
    for k, name, index in entries:
        indices = ",".join(str(i + 1) for i in index)
        columns.append(f"{parameter_sign(first.layers[k].layer, name)}{k + 1}'[{indices}]")
    table = [
        [
            float(number),
            float(step.epoch),
            step.learning_rate,
            step.loss,
            *([] if step.gradient_norm is None else [step.gradient_norm]),
            step.loss_after,
            *(float(step.predictions_after[place]) for place in outputs),
            *(float(step.layers[k].after[name][index]) for k, name, index in entries),
        ]
        for number, step in enumerate(steps, start=1)
    ]
    return Summary(columns, table)
