"""The curves of a run, from its logs: of a network, members, folds, or the points of a grid."""

import csv
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.engine.component import Array
from bpnet.figures.curves import Curve
from bpnet.figures.grid import GridPoint
from bpnet.figures.layers import LayerMeasures
from bpnet.figures.spread import NetworkScore
from bpnet.paths import is_file
from bpnet.runs import files
from bpnet.runs.directory import RunPaths
from bpnet.runs.log_columns import read_log

_KEYS = ("point", "member", "repeat", "fold", "replica")
"""Columns that say which training a row of a log is of."""
_NO_METRICS = {"epoch", "step", "seconds", *_KEYS}
_PREFIXES = {"val_": "validation", "oof_": "out-of-fold"}
_RANKED_BY = "ranked_by_"
_GRID_COLUMNS = ("rank", "run", "networks", "survivors", "stop_reason", "best_epoch")


def run_curves(paths: RunPaths, run: Mapping[str, Any]) -> tuple[list[Curve], list[str]]:
    """Return the curves of a run, given its run.json, and notes on them.

    Raises RunError if it has no log, or a damaged one.
    """
    if is_file(paths.folds_csv):
        folds = {_place(fold): fold.get("best_epoch") for fold in _dicts(run.get("folds"))}
        return _curves(read_log(paths.folds_csv), {}, folds), []
    points = _grid_rows(paths)
    if points and is_file(paths.replicas_csv):
        log = read_log(paths.replicas_csv)
        if "member" not in log:
            return _grid_curves(log, points)
    paths.require("metrics.csv")
    log = read_log(paths.metrics_csv)
    members = _dicts(run.get("members"))
    if members and "member" in log:
        names = {
            ("member", k): str(member.get("name") or f"member {k}")
            for k, member in enumerate(members, start=1)
        }
        kept = {(k,): member.get("best_epoch") for k, member in enumerate(members, start=1)}
        return _curves(log, names, kept), []
    several = any(name.endswith("_deviation") for name in log)
    notes = ["the lines are means over the networks that were still training"] if several else []
    return _curves(log, {}, {(): None if several else run.get("best_epoch")}), notes


def _place(fold: Mapping[str, Any]) -> tuple[Any, ...]:
    return (fold.get("repeat"), fold.get("fold"))


def _dicts(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list in JSON, which may be damaged."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _curves(
    log: Mapping[str, Floats],
    names: Mapping[tuple[str, int], str],
    kept: Mapping[tuple[Any, ...], Any],
) -> list[Curve]:
    """Return the curves of a log, for each combination of the keys it has."""
    keys = [name for name in _KEYS if name in log]
    if not keys:
        return _of_source("run", log, np.ones(len(log["epoch"]), bool), kept.get(()))
    table = np.column_stack([log[name] for name in keys]).astype(int)
    varied = [k for k, name in enumerate(keys) if len(np.unique(table[:, k])) > 1] or [-1]
    curves = []
    for values in np.unique(table, axis=0):
        mask = (table == values).all(axis=1)
        parts = [names.get((keys[k], int(values[k])), f"{keys[k]} {values[k]}") for k in varied]
        epoch = kept.get(tuple(int(value) for value in values))
        curves += _of_source(", ".join(parts), log, mask, epoch)
    return curves


def _grid_curves(
    log: Mapping[str, Floats], points: Sequence[Mapping[str, str]]
) -> tuple[list[Curve], list[str]]:
    """Return the curves of a grid: of each point the first network that did not diverge."""
    curves = []
    several = False
    for point in points:
        networks = (point.get("survivors") or point.get("networks") or "").split()
        if not networks or not re.fullmatch("[0-9]{1,9}", networks[0]):
            continue
        several |= len(networks) > 1
        mask = log["replica"] == int(networks[0])
        best = point.get("best_epoch", "")
        kept = int(best) if re.fullmatch("[0-9]{1,9}", best) else None
        curves += _of_source(_point_name(point), log, mask, kept)
    return curves, ["of each point the first network is drawn"] if several else []


def _of_source(source: str, log: Mapping[str, Floats], mask: Array, kept: Any) -> list[Curve]:
    epochs = log["epoch"][mask].astype(int)
    curves = []
    for name, values in log.items():
        if name in _NO_METRICS or name.endswith("_deviation"):
            continue
        prefix = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), "")
        curves.append(
            Curve(
                source,
                name.removeprefix(prefix),
                _PREFIXES.get(prefix, "training"),
                epochs,
                values[mask],
                kept if isinstance(kept, int) else None,
            )
        )
    return curves


def grid_points(paths: RunPaths) -> tuple[list[GridPoint], str]:
    """Return the points of a grid, best first, and the metric that ranks them."""
    rows = _grid_rows(paths)
    ranked = next((name for name in rows[0] if name.startswith(_RANKED_BY)), "") if rows else ""
    points = []
    for row in rows:
        settings = _settings(row)
        others = {k: v for k, v in row.items() if k not in settings and k not in _GRID_COLUMNS}
        score = others.pop(ranked, "")
        try:
            points.append(GridPoint(settings, float(score) if score else None, others))
        except ValueError:
            points.append(GridPoint(settings, None, others))
    return points, ranked.removeprefix(_RANKED_BY).replace("_", " ")


def _grid_rows(paths: RunPaths) -> list[dict[str, str]]:
    path = paths.folder / "grid.csv"
    if not is_file(path):
        return []
    with files.open_text(path) as file:
        return list(csv.DictReader(files.short_lines(file, path)))


def _settings(row: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a row of grid.csv: the columns before that of the metric."""
    names = [name for name in row if name != "rank"]
    end = next((k for k, name in enumerate(names) if name.startswith(_RANKED_BY)), 0)
    return {name: row[name] for name in names[:end]}


def _point_name(row: Mapping[str, str]) -> str:
    settings = _settings(row).items()
    return ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in settings)


def network_scores(paths: RunPaths, run: Mapping[str, Any]) -> list[NetworkScore]:
    """Return the final metrics of each network of a run; none of a single network."""
    metrics = files.read_json(paths.metrics_json) if is_file(paths.metrics_json) else {}
    metrics = metrics if isinstance(metrics, dict) else {}
    scores = []
    for number, network in enumerate(_dicts(metrics.get("replicas")), start=1):
        for part in ("train", "validation", "test"):
            scores += _scores(f"network {number}", part, network.get(part))
    for fold in _dicts(metrics.get("folds")):
        repeat = fold.get("repeat")
        name = f"fold {fold.get('fold')}" + (f", repeat {repeat}" if repeat != 1 else "")
        scores += _scores(name, "test", fold.get("test"))
    if scores or not is_file(paths.replicas_csv) or is_file(paths.folder / "grid.csv"):
        return scores
    return _of_members(read_log(paths.replicas_csv), _dicts(run.get("members")))


def _scores(network: str, part: str, values: Any) -> list[NetworkScore]:
    numbers = values.items() if isinstance(values, dict) else ()
    return [
        NetworkScore(network, name, part, float(value))
        for name, value in numbers
        if isinstance(value, int | float)
    ]


def _of_members(
    log: Mapping[str, Floats], members: Sequence[Mapping[str, Any]]
) -> list[NetworkScore]:
    """Return the metrics of the networks of members, at the epoch whose weights are kept."""
    scores = []
    for k, member in enumerate(members, start=1):
        if "member" not in log or not isinstance(member.get("best_epoch"), int):
            continue
        rows = np.flatnonzero((log["member"] == k) & (log["epoch"] == member["best_epoch"]))
        name = member.get("name") or f"member {k}"
        for row in rows:
            for column, values in log.items():
                if column.startswith("val_"):
                    network = f"{name}, network {int(log['replica'][row])}"
                    metric = column.removeprefix("val_")
                    scores.append(NetworkScore(network, metric, name, float(values[row])))
    return scores


def layer_measures(paths: RunPaths) -> list[LayerMeasures]:
    """Return what the doctor measured of each layer, at each of its looks."""
    content = files.read_json(paths.diagnosis) if is_file(paths.diagnosis) else {}
    looks = _dicts(content.get("looks")) if isinstance(content, dict) else []
    measured = []
    for look in looks:
        for layer in _dicts(look.get("layers")):
            values = {name: _number(layer.get(name)) for name in ("mean", "spread", "saturated")}
            values |= {name: _number(layer.get(name)) for name in ("dead", "update_ratio")}
            norm, weights = _number(layer.get("gradient_norm")), _number(layer.get("weights"))
            values["gradient"] = norm / weights**0.5 if norm is not None and weights else None
            name = f"{layer.get('layer')} {layer.get('kind')}"
            epoch = look.get("epoch")
            if isinstance(epoch, int):
                measured.append(LayerMeasures(epoch, name, values))
    return measured


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
