"""The files of DVCLive, which DVC and its plugins for editors read.

Their form: https://dvc.org/doc/dvclive/how-it-works
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bpnet.integrations.trackers.tracker import Series, TrackedRun, Tracker
from bpnet.models.model_card import QuotedText
from bpnet.runs import files

FOLDER = "dvclive"
_PLOTS = Path("plots", "metrics")


class LiveFolder(Tracker):
    """The folder `dvclive/` of a run: metrics.json, params.yaml, dvc.yaml, and a TSV a curve."""

    def __init__(self, run: TrackedRun) -> None:
        self._folder = run.folder / FOLDER
        (self._folder / _PLOTS).mkdir(parents=True, exist_ok=True)
        self._rows: dict[Path, list[str]] = {}
        self._begun: set[Series] = set()
        self._latest: dict[str, Any] = {}
        _write_yaml(self._folder / "params.yaml", _nested(run.settings))
        described = {
            "params": ["params.yaml"],
            "metrics": ["metrics.json"],
            "plots": [{_PLOTS.as_posix(): {"x": "step"}}],
        }
        _write_yaml(self._folder / "dvc.yaml", described)

    def epoch(self, series: Series, epoch: int, values: Mapping[str, float]) -> None:
        """Take the values of an epoch by name."""
        if series not in self._begun:
            self._begun.add(series)
            self._cut(series, values, epoch)
        for name, value in values.items():
            path = self._path(series, name)
            self._rows.setdefault(path, []).append(f"{epoch}\t{value!r}\n")
        if not series.name:
            self._latest = {_part_first(name): value for name, value in values.items()}
            self._latest["step"] = epoch

    def flush(self) -> None:
        """Append the rows that are waiting, and write the latest values."""
        for path, rows in self._rows.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            header = "" if path.exists() else f"step\t{path.stem}\n"
            with open(path, "a", encoding="utf-8") as file:
                file.write(header + "".join(rows))
        self._rows.clear()
        if self._latest:
            path = self._folder / "metrics.json"
            files.write_text(path, files.json_text(_nested(self._latest)) + "\n", flush=False)

    def end(self, status: str, scores: Mapping[str, float]) -> None:
        """Write the final scores among the latest values."""
        final = {f"final/{_part_first(name)}": value for name, value in scores.items()}
        self._latest = {**self._latest, **final}
        self.flush()

    def _path(self, series: Series, name: str) -> Path:
        return self._folder / _PLOTS / series.name / f"{_part_first(name)}.tsv"

    def _cut(self, series: Series, values: Mapping[str, float], epoch: int) -> None:
        """Drop the rows of an epoch and later ones, and a torn one, of a training cut off."""
        for name in values:
            path = self._path(series, name)
            if path.exists():
                header, *rows = path.read_text("utf-8").splitlines(keepends=True)
                kept = [row for row in rows if row.endswith("\n") and _step(row) < epoch]
                files.write_text(path, "".join([header, *kept]), flush=False)


def _step(row: str) -> float:
    cell = row.partition("\t")[0]
    return int(cell) if cell.isdecimal() else math.inf


def _part_first(name: str) -> str:
    """Return DVCLive's name of a value: train/loss for loss/train."""
    metric, _, part = name.partition("/")
    return f"{part}/{metric}" if part else metric


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as mappings, one for each part of their names."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        *outer, last = name.replace("/", ".").split(".")
        place = nested
        for word in outer:
            place = place.setdefault(word, {})
        place[last] = value
    return nested


def _write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    text = yaml.dump(content, Dumper=QuotedText, sort_keys=False, allow_unicode=True)
    files.write_text(path, text, flush=False)
