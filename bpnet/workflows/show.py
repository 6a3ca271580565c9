"""A run as its files describe it: data, network, training, result, files, and what to do next."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from bpnet.engine.network import layout_of
from bpnet.errors import RunError
from bpnet.models.description import Description
from bpnet.models.run_model import read_run_descriptions
from bpnet.models.saved_ensemble import read_choices
from bpnet.models.threshold_choice import ThresholdChoice
from bpnet.paths import exists, is_file
from bpnet.runs import directory, files
from bpnet.runs.checkpoints import Checkpoints
from bpnet.runs.config_values import layers_text
from bpnet.runs.curve import LossCurve, read_curve
from bpnet.runs.directory import RunPaths
from bpnet.runs.entry import SCORED_PARTS, RunEntry, read_entry
from bpnet.workflows.next_commands import alarm_settings, next_commands


@dataclass(frozen=True)
class ShownLayer:
    """A layer: its kind, its shape, its activation, and the number of its parameters."""

    kind: str
    inputs: int
    outputs: int
    activation: str | None
    parameters: int


@dataclass(frozen=True)
class ShownNetwork:
    """Networks of one architecture: those of a run, or of one member of its ensemble."""

    name: str
    inputs: int
    layers: list[ShownLayer]
    hidden: str
    """A summary of the hidden layers."""
    parameters: int
    networks: int
    weight: float | None = None
    """The weight of the member in the blend."""
    kept_epoch: int | None = None
    epochs: int | None = None


@dataclass(frozen=True)
class ShownTarget:
    """The target: its columns, and its classes if it has some."""

    task: str
    names: list[str]
    classes: list[str] | None


@dataclass(frozen=True)
class ShownRun:
    """A run; what it lacks is None or empty."""

    entry: RunEntry
    table: str | None
    """The path of its table, relative to the working folder."""
    table_is_there: bool
    rows: dict[str, int]
    folds: int | None
    """The number of folds, over all repetitions, of a cross-validation."""
    target: ShownTarget | None
    features: int | None
    networks: list[ShownNetwork]
    stop_reason: str | None
    epochs: int | None
    kept_epoch: int | None
    curve: LossCurve | None
    checkpoints: int
    constant: dict[str, float]
    """The loss of the best constant prediction, by part."""
    points: int | None
    """The number of points of the grid that the run is of."""
    alarms: list[str]
    remarks: list[str]
    files: dict[str, int]
    """The bytes of each file, and of each folder."""
    next: list[str]
    """Commands that can be typed."""
    problems: list[str] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)
    """How many processes trained it together, at first and after each resume; none of one."""
    thresholds: dict[str, float] = field(default_factory=dict)
    """Those that the model keeps, by class or label; none where they are ½, as in metrics.json."""
    thresholds_chosen: dict[str, ThresholdChoice | None] = field(default_factory=dict)
    """What they were chosen by, None where they were given; none if the model does not tell."""

    def data(self) -> dict[str, Any]:
        """Return everything as plain data."""
        shown = {**vars(self)}
        entry: RunEntry = shown.pop("entry")
        return {
            "run": str(entry.folder),
            "status": entry.status,
            "kind": entry.kind,
            "version": entry.values["version"],
            "started": entry.run.get("started"),
            "seconds": entry.run.get("seconds"),
            **{key: _plain(value) for key, value in shown.items()},
            "metrics": entry.scores,
            "config": dict(entry.config),
        }


def show(path: Path) -> ShownRun:
    """Read what the files of a run say; nothing is trained, and no table is read.

    Files that cannot be read are problems of the result. Raises RunError if the path is not a run.
    """
    paths = directory.open_run(path)
    entry = read_entry(paths.folder)
    problems = list(entry.problems)
    descriptions: list[Description] = []
    thresholds: dict[str, float] = {}
    choices: dict[str, ThresholdChoice | None] = {}
    try:
        descriptions = read_run_descriptions(paths)
        thresholds, choices = read_choices(paths.model)
    except RunError as error:
        problems += error.problems
    run, table = entry.run, _table(entry)
    diagnosis = _diagnosis(paths)
    alarms, remarks = _advice(diagnosis, run)
    return ShownRun(
        entry=entry,
        table=None if table is None else os.path.relpath(table) if exists(table) else str(table),
        table_is_there=table is not None and exists(table),
        rows={part: n for part, n in _mapping(run.get("rows")).items() if isinstance(n, int)},
        folds=len(run["folds"]) if isinstance(run.get("folds"), list) else None,
        target=_target(descriptions, entry),
        features=len(descriptions[0].encoder.features) if descriptions else None,
        networks=_networks(descriptions, run),
        stop_reason=_text(run.get("stop_reason")),
        epochs=_number(run.get("epochs")),
        kept_epoch=_number(run.get("best_epoch")),
        curve=read_curve(paths),
        checkpoints=len(Checkpoints(paths.checkpoints).numbers()),
        constant=_constant(diagnosis, entry),
        points=_points(paths),
        alarms=alarms,
        remarks=remarks,
        files=_files(paths.folder),
        next=list(next_commands(paths, entry, alarm_settings(diagnosis))),
        problems=problems,
        processes=_processes(run),
        thresholds=thresholds,
        thresholds_chosen=choices,
    )


def _processes(run: Mapping[str, Any]) -> list[int]:
    """Return how many processes trained at first, and after each resume; nothing of one."""
    begun, resumed = _number(run.get("processes")) or 1, run.get("resumed")
    others = [_mapping(one) for one in resumed] if isinstance(resumed, list) else []
    each = [begun, *(_number(one.get("processes")) or begun for one in others)]
    return each if max(each) > 1 else []


def _networks(descriptions: Sequence[Description], run: Mapping[str, Any]) -> list[ShownNetwork]:
    """Return the networks of each member, with what run.json tells of it."""
    members = run.get("members")
    told = [one for one in members if isinstance(one, dict)] if isinstance(members, list) else []
    used = [one for one in told if one.get("weight")]
    told = used if len(used) == len(descriptions) else told
    if len(told) != len(descriptions):
        told = [{}] * len(descriptions)
    networks = [
        _network(description, member)
        for description, member in zip(descriptions, told, strict=True)
    ]
    if len({(one.hidden, one.inputs, one.parameters, one.name) for one in networks}) == 1:
        # those of the folds of a cross-validation
        return [replace(networks[0], networks=sum(one.networks for one in networks))]
    return networks


def _network(description: Description, member: Mapping[str, Any]) -> ShownNetwork:
    layout = layout_of(description.layers, description.encoder.width)
    counts = [0] * len(description.layers)
    for name, parameter in layout.parameters.items():
        size = 1
        for length in parameter.shape:
            size *= length
        counts[int(name.split(".")[1])] += size
    layers = []
    for k, layer in enumerate(description.layers):
        activation = getattr(getattr(layer, "activation", None), "kind", None)
        if k == len(description.layers) - 1:
            activation = description.output_activation.kind
        layers.append(
            ShownLayer(layer.kind, layout.widths[k], layout.widths[k + 1], activation, counts[k])
        )
    weight = member.get("weight")
    return ShownNetwork(
        name=str(member.get("name") or ""),
        inputs=description.encoder.width,
        layers=layers,
        hidden=layers_text([asdict(layer) for layer in description.layers[:-1]]),
        parameters=sum(counts),
        networks=len(description.seeds),
        weight=float(weight) if isinstance(weight, int | float) else None,
        kept_epoch=_number(member.get("best_epoch")),
        epochs=_number(member.get("epochs")),
    )


def _target(descriptions: Sequence[Description], entry: RunEntry) -> ShownTarget | None:
    if descriptions:
        first = descriptions[0]
        return ShownTarget(first.task, first.target.names, first.classes)
    name, task = entry.config.get("dataset.target"), entry.config.get("task")
    return ShownTarget(str(task or ""), [name], None) if isinstance(name, str) else None


def _table(entry: RunEntry) -> str | Path | None:
    """Return the path of the table, or its address."""
    path = entry.config.get("dataset.path") or entry.config.get("dataset.path.train")
    if not isinstance(path, str):
        return None
    beside = entry.folder / path
    return beside if path != "-" and exists(beside) else path


def _diagnosis(paths: RunPaths) -> Mapping[str, Any]:
    """Return the content of diagnosis.json; nothing if it cannot be read."""
    try:
        return _mapping(files.read_json(paths.diagnosis)) if is_file(paths.diagnosis) else {}
    except RunError:
        return {}


def _advice(diagnosis: Mapping[str, Any], run: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the doctor's alarms and remarks."""
    findings = diagnosis.get("findings")
    remarks = [
        str(one.get("text"))
        for one in (findings if isinstance(findings, list) else [])
        if isinstance(one, dict) and one.get("kind") == "remark"
    ]
    advice = run.get("advice")
    return [str(one) for one in advice] if isinstance(advice, list) else [], remarks


def _constant(diagnosis: Mapping[str, Any], entry: RunEntry) -> dict[str, float]:
    """Return the loss of the best constant prediction on each part, where a run has saved it."""
    value = _mapping(entry.metrics.get("constant")).get("constant")
    if isinstance(value, int | float):
        return {"out_of_fold": float(value)}
    of_parts = _mapping(diagnosis.get("constant"))
    return {
        part: float(value)
        for part in SCORED_PARTS
        if isinstance(value := of_parts.get(part), int | float)
    }


def _points(paths: RunPaths) -> int | None:
    path = paths.folder / "grid.csv"
    if not is_file(path):
        return None
    try:
        with files.open_text(path) as file:
            return sum(1 for line in files.short_lines(file, path) if line.strip()) - 1
    except RunError:
        return None


def _files(folder: Path) -> dict[str, int]:
    """Return the bytes of each file of a run, and of each folder in it."""
    sizes: dict[str, int] = {}
    for place, _, names in os.walk(folder):
        inner = Path(place).relative_to(folder).parts[:1]
        for name in names:
            try:
                size = os.lstat(Path(place) / name).st_size
            except OSError:
                continue
            key = f"{inner[0]}/" if inner else name
            if not key.startswith("."):
                sizes[key] = sizes.get(key, 0) + size
    return dict(sorted(sizes.items()))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _plain(value: object) -> Any:
    """Return a value of which dataclasses in lists and mappings are mappings, too."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value  # type: ignore[call-overload]
