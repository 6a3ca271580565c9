"""The folder of a model: an ensemble written into it, and read from it again."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bpnet.data.decisions import Thresholds, decided_names
from bpnet.engine.component import FieldError
from bpnet.errors import RunError
from bpnet.models.combination import Combination
from bpnet.models.description import FORMAT, THRESHOLDS_FORMATS, Description
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import (
    Model,
    begin_model,
    check_format,
    first_problem,
    load_model,
    not_bpnets,
    read_description,
)
from bpnet.models.threshold_choice import ThresholdChoice
from bpnet.paths import is_file
from bpnet.runs import files
from bpnet.runs.entry import THRESHOLDS, THRESHOLDS_CHOSEN

Choices = Sequence[ThresholdChoice | None] | None
"""What each threshold was chosen by, None if it was given; None if it is not known."""


def save_ensemble(ensemble: Ensemble, folder: Path) -> None:
    """Write a model; several members each get a folder inside it."""
    assert ensemble.thresholds is None, "thresholds are kept by save_thresholds"
    members, combination = ensemble.members, ensemble.combination
    if len(members) == 1:
        members[0].described(combination=combination).save(folder)
        return
    begin_model(folder)
    names = [f"member-{k:03d}" for k in range(1, len(members) + 1)]
    for name, member in zip(names, members, strict=True):
        member.save(folder / name)
    content = {"format": FORMAT, "members": names, "combination": combination}
    files.write_json(folder / "model.json", content)


def load_ensemble(folder: Path) -> Ensemble:
    """Read a model, or the models of an ensemble.

    Raises
    ------
    RunError
        A file is missing or damaged, or the members do not fit together.
    """
    path = folder / "model.json"
    content = files.read_json(path)
    if not isinstance(content, dict) or "members" not in content:
        model = load_model(folder)
        ensemble = Ensemble([model], model.description.combination)
        return _with_stored_thresholds(path, content, ensemble)
    check_format(path, content)
    names = _member_names(path, content["members"])
    members = [load_model(folder / name) for name in names]
    first = members[0].description
    for name, member in zip(names, members, strict=True):
        description = member.description
        for field in ("task", "classes", "precision"):
            same_names = description.target.names == first.target.names
            if getattr(description, field) != getattr(first, field) or not same_names:
                raise RunError(
                    f"{folder / name}: its target or {field} differs from that of {names[0]}; "
                    "train again"
                )
    ensemble = Ensemble(members, _combination(path, content.get("combination"), members))
    return _with_stored_thresholds(path, content, ensemble)


def save_thresholds(folder: Path, thresholds: Thresholds, choices: Choices = None) -> None:
    """Keep thresholds in the model of a folder, or remove them; raises RunError.

    Only model.json is written: with thresholds it has a format that older versions refuse.
    """
    path = folder / "model.json"
    content = files.read_json(path)
    for key in (THRESHOLDS, THRESHOLDS_CHOSEN):
        content.pop(key, None)
    if thresholds is not None:
        content["format"] = THRESHOLDS_FORMATS[-1]
        content[THRESHOLDS] = list(thresholds)
        if choices is not None:
            content[THRESHOLDS_CHOSEN] = list(choices)
    elif content["format"] in THRESHOLDS_FORMATS:
        content["format"] = FORMAT
    files.write_json(path, content)


def read_thresholds(folder: Path) -> dict[str, float]:
    """Read the thresholds that a model keeps, by class or label; there are none where they are ½.

    Nothing of its weights is read. A folder without a model has none. Raises RunError.
    """
    return read_choices(folder)[0]


def read_choices(folder: Path) -> tuple[dict[str, float], dict[str, ThresholdChoice | None]]:
    """Read the thresholds as `read_thresholds` does, and what each was chosen by.

    The choices are empty if they are not known.
    """
    path = folder / "model.json"
    if not is_file(path):
        return {}, {}
    content = files.read_json(path)
    if not isinstance(content, dict) or content.get(THRESHOLDS) is None:
        return {}, {}
    names = decided_names(read_descriptions(folder)[0].target)
    thresholds = _stored_thresholds(path, content, names)
    choices = _stored_choices(path, content, names)
    return (
        dict(zip(names, thresholds or (), strict=False)),
        dict(zip(names, choices or (), strict=False)),
    )


def _with_stored_thresholds(path: Path, content: dict[str, Any], ensemble: Ensemble) -> Ensemble:
    """Return the ensemble with the thresholds of model.json; raises RunError if they do not fit."""
    names = ensemble.decided
    thresholds = _stored_thresholds(path, content, names)
    return ensemble.with_thresholds(thresholds, _stored_choices(path, content, names))


def _stored_choices(path: Path, content: dict[str, Any], names: Sequence[str]) -> Choices:
    """Return what the thresholds were chosen by; raises RunError if it does not fit them."""
    choices = content.get(THRESHOLDS_CHOSEN)
    if choices is None:
        return None
    try:
        read = TypeAdapter(list[ThresholdChoice | None]).validate_json(json.dumps(choices))
    except ValidationError as error:
        raise not_bpnets(path, f"{THRESHOLDS_CHOSEN}.{first_problem(error)}") from None
    if len(read) != len(names) or content.get(THRESHOLDS) is None:
        raise not_bpnets(path, f"{THRESHOLDS_CHOSEN}: must have an entry for each threshold")
    return read


def _stored_thresholds(path: Path, content: dict[str, Any], names: Sequence[str]) -> Thresholds:
    """Return the thresholds of model.json; raises RunError if they are not those of the names."""
    thresholds = content.get(THRESHOLDS)
    if thresholds is None:
        return None
    if not (
        isinstance(thresholds, list)
        and len(thresholds) == len(names) > 0
        and all(type(value) in (int, float) and 0 <= value <= 1 for value in thresholds)
    ):
        raise not_bpnets(
            path,
            f"{THRESHOLDS}: must be a number from 0 to 1 for the positive class of two, or for "
            "each label",
        )
    return [float(value) for value in thresholds]


def read_descriptions(folder: Path) -> list[Description]:
    """Read the description of each member of a model, and nothing of its weights.

    Raises
    ------
    RunError
        A file is missing or damaged.
    """
    path = folder / "model.json"
    content = files.read_json(path)
    if not isinstance(content, dict) or "members" not in content:
        return [read_description(folder)]
    check_format(path, content)
    return [read_description(folder / name) for name in _member_names(path, content["members"])]


def _combination(path: Path, content: object, members: Sequence[Model]) -> Combination | None:
    """Return the combination that model.json describes; raises RunError if it does not fit."""
    if content is None:
        return None
    try:
        combination = TypeAdapter(Combination).validate_json(json.dumps(content))
        combination.check(len(members), members[0].description.target)
    except FieldError as error:
        raise not_bpnets(path, f"combination.{error.field}: {error}") from None
    except ValidationError as error:
        raise not_bpnets(path, f"combination.{first_problem(error)}") from None
    return combination


def _member_names(path: Path, names: object) -> list[str]:
    """Return the members' folders that model.json names; raise RunError if they are not proper."""
    if (
        isinstance(names, list)
        and names
        and all(isinstance(n, str) and re.fullmatch(r"member-\d{3,}", n) for n in names)
        and len(set(names)) == len(names)
    ):
        return names
    raise RunError(
        f"{path}: members must be the folders beside this file, such as member-001, each once; "
        "restore it, or train again"
    )
