"""The model in a checkpoint: the one that a training would keep if it ended now."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from bpnet.engine.component import Array
from bpnet.errors import RunError
from bpnet.models.description import Description
from bpnet.models.model import Model
from bpnet.runs.files import json_text


def model_state(model: Model, kept: tuple[Array, Array], finite: Array) -> dict[str, Any]:
    """Return the part of a checkpoint from which `model_of` makes a model.

    `kept` are the parameters (R, P) and statistics (R, S) that the training would keep now, and
    `finite` is the mask (R,) of the replicas that have not diverged.
    """
    return {
        "description": json_text(model.description),
        "parameters": kept[0],
        "statistics": kept[1],
        "finite": finite,
    }


def description_of(state: Mapping[str, Any]) -> Description:
    """Return the description of the model in a state; raises ValidationError."""
    return TypeAdapter(Description).validate_json(state["description"])


def model_of(state: Mapping[str, Any], path: Path) -> Model:
    """Return the model of a state that was read from `path`; raises RunError."""
    try:
        description = description_of(state)
        # before anything is allocated for the description
        needed = sum(math.prod(shape) for shape in description.shapes().values())
        if needed != state["parameters"].size + state["statistics"].size:
            raise ValueError(f"its description asks for {needed} numbers")
        network = description.network(draws=False)
        network.parameters.load(state["parameters"])
        network.statistics.load(state["statistics"])
    except (ValidationError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise RunError(f"{path}: its model cannot be read: {error}; train again") from None
    network.awaits_rows = False
    network.rows_apart = True
    finite = np.flatnonzero(state["finite"]).tolist()
    return Model(description, network).select(finite or range(len(description.seeds)))
