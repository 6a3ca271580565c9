"""Foreseeing: what about a prepared table should be known before it trains."""

import numpy as np

from bpnet.config.schema import Config, Split
from bpnet.data.encoding import Encoder
from bpnet.engine.component import Array
from bpnet.messages import quoted_list
from bpnet.preparation.target_values import Answers


def advance_warnings(
    config: Config, encoder: Encoder, answers: Answers, trained: Array
) -> list[str]:
    """A sentence for each thing that is harmless but surely not meant; `trained` (M, O) are the encoded targets."""
    return [
        *(_constants(encoder) if len(trained) > 1 else []),
        *_few(config.dataset.split, answers),
        *_unreachable(config, trained),
    ]


def _constants(encoder: Encoder) -> list[str]:
    constant = [column.name for column in encoder.columns if column.constant]
    if not constant or encoder.unit_rows:  # by which a constant column comes to vary
        return []
    one = len(constant) == 1
    return [
        f"{'column' if one else 'columns'} {quoted_list(constant)} {'has' if one else 'have'} the same value in every "
        "training row: harmless, but nothing can be learnt from it"
    ]


def _few(split: Split, answers: Answers) -> list[str]:
    if (
        answers.task != "classification"
        or not split.stratify
        or not (split.validation or split.test)
    ):
        return []
    kept = answers.values if answers.dropped is None else answers.values[~answers.dropped]
    counts = np.bincount(kept, minlength=len(answers.classes))
    few = [label for label, n in zip(answers.classes, counts, strict=True) if n < 3]
    return (
        [f"class {quoted_list(few)} has fewer than 3 rows and cannot be in every part of the split"]
        if few
        else []
    )


def _unreachable(config: Config, y: Array) -> list[str]:
    """A warning where the output's activation cannot reach the values of a regression's target."""
    output = config.architecture.output
    if output is None or output.activation is None or config.task != "regression":
        return []
    lowest, highest = _REACH.get(output.activation.kind, (-np.inf, np.inf))
    if lowest <= y.min() and y.max() <= highest:
        return []
    to = f"{lowest:g} to {highest:g}" if np.isfinite(highest) else f"{lowest:g} and above"
    return [
        f"the target goes from {y.min():g} to {y.max():g}, but the output's {output.activation.kind} "
        f"only reaches {to}: use identity, or rescale the target"
    ]


_REACH = {
    "sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, np.inf),
    "softplus": (0.0, np.inf),
    "elu": (-1.0, np.inf),
    "selu": (-1.7581, np.inf),
    "gelu": (-0.17, np.inf),
    "silu": (-0.2785, np.inf),
    "mish": (-0.3089, np.inf),
}
"""The smallest and largest value of each activation that has one."""
