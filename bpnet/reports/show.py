"""The report of `bpnet show`: a run on one screen."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from textwrap import wrap
from typing import Any

from bpnet.data.reading.data_frame import IN_MEMORY
from bpnet.messages import byte_size, counted, on_one_line, shell_path
from bpnet.reports.progress import curve
from bpnet.reports.runs import age_text
from bpnet.reports.saved_scores import saved_score_lines
from bpnet.reports.tables import shortened, table
from bpnet.reports.text import MAX_WIDTH, duration, rounded
from bpnet.reports.train import STOP_REASONS
from bpnet.runs.config_values import value_text
from bpnet.workflows.show import ShownNetwork, ShownRun

_INDENT = 11
_CURVE_WIDTH = 40
_MOST_CLASSES = 8
_MOST_MEMBERS = 12
_MOST_LAYERS = 12
_LONGEST_NAME = 40
_KINDS = {"cv": "cross-validation", "grid": "grid"}
_SETTINGS = (
    ("preset", "preset {}"),
    ("training.optimizer", "{}"),
    ("training.learning_rate", "learning rate {}"),
    ("training.schedule", "schedule {}"),
    ("training.batch_size", "batches of {}"),
    ("training.loss", "loss {}"),
    ("training.l2", "l2 {}"),
)
_NOT_KEPT = {"-": "standard input", IN_MEMORY: "a table in Python's memory"}
"""Tables that are not there, by their paths."""
_ENDED = ("done", "diverged", "damaged")
_MEANINGS = {
    "running": "in training",
    "died": "died: its process ended before it could save",
    "interrupted": "interrupted, and saved",
    "failed": "failed: an error ended its training",
    "diverged": "diverged: the loss was no longer a finite number",
    "damaged": "damaged: files of it cannot be read",
}


def show_lines(shown: ShownRun, now: datetime | None = None) -> Iterator[str]:
    """Yield the run section by section."""
    yield _headline(shown, now or datetime.now(UTC))
    yield ""
    yield from _section("Data", _data_parts(shown))
    yield from _network_lines(shown)
    yield from _section("Training", _training_parts(shown))
    if shown.curve is not None:
        loss = shown.curve
        lowest = f"{rounded(loss.losses[loss.lowest], 3)} in epoch {loss.epochs[loss.lowest]}"
        yield (
            f"{loss.column:<{_INDENT}}{curve(loss.losses, _CURVE_WIDTH, logarithmic=True)} "
            f"{rounded(loss.losses[0], 3)}, lowest {lowest}"
        )
    yield from saved_score_lines(shown)
    for title, texts in (("advice", shown.alarms), ("remarks", shown.remarks)):
        if texts:
            yield f"\nThe doctor's {title}:"
            yield from (f"- {text}" for text in texts)
    yield ""
    yield from _section("Files", _file_parts(shown))
    for k, command in enumerate(shown.next):
        yield f"{'Next:' if k == 0 else '':<{_INDENT}}{command}"


def show_warnings(shown: ShownRun) -> list[str]:
    """Return why files cannot be read, and that the table is gone."""
    gone = []
    if shown.table is not None and not shown.table_is_there and _is_path(shown.table):
        gone = [
            f"its table is not there: {shown.table}; name another where a command takes DATA, or "
            f"train again with --set dataset.path=FILE"
        ]
    return [*shown.problems, *gone]


def _is_path(table: str) -> bool:
    return table != "-" and ":" not in table and not set(table) & set("*?[")


def _section(title: str, parts: Sequence[str]) -> list[str]:
    """Return parts of a text, separated by semicolons, in lines under one title."""
    if not parts:
        return []
    width = MAX_WIDTH - _INDENT
    lines = [
        line
        for part in parts
        for line in wrap(part, width, break_long_words=False, break_on_hyphens=False) or [""]
    ]
    return [f"{title if k == 0 else '':<{_INDENT}}{line}".rstrip() for k, line in enumerate(lines)]


def _headline(shown: ShownRun, now: datetime) -> str:
    entry = shown.entry
    status = _MEANINGS.get(entry.status, entry.status)
    age = age_text(entry, now)
    version = entry.values["version"]
    parts = [
        _what(shown),
        f"begun {age} ago" if age else "",
        f"by bpnet {version}" if version else "",
    ]
    return f"{shell_path(entry.folder)}: {status}; {', '.join(filter(None, parts))}"


def _what(shown: ShownRun) -> str:
    kind = shown.entry.kind
    if kind in _KINDS:
        points = f" of {counted(shown.points, 'point')}" if shown.points else ""
        return f"a {_KINDS[kind]}{points}"
    networks = sum(network.networks for network in shown.networks)
    if kind == "folds":
        return f"an ensemble of {counted(networks, 'network')}" if networks else "an ensemble"
    return f"{networks} networks" if networks > 1 else "one network"


def _data_parts(shown: ShownRun) -> list[str]:
    rows = ", ".join(f"{n:,} {part}" for part, n in shown.rows.items() if n)
    inline = "written in its config" if shown.entry.config else "an unknown table"
    table_name = _NOT_KEPT.get(shown.table or "") or on_one_line(shown.table or inline)
    parts = [f"{table_name}{f': {rows} rows' if rows else ''}"]
    if shown.folds is not None:
        parts[0] += f" ({counted(shown.folds, 'fold')})"
    columns = []
    if shown.features is not None:
        columns.append(counted(shown.features, "feature"))
    roles = shown.entry.config.get("dataset.roles")
    if isinstance(roles, str):
        columns.append(f"(columns: {roles})")
    target = shown.target
    if target is not None:
        names = ", ".join(_short(target.names, _MOST_CLASSES))
        classes = ""
        if target.classes:
            classes = f": {', '.join(_short(target.classes, _MOST_CLASSES))}"
        count = f"{len(target.classes)} classes" if target.classes else target.task
        columns.append(f"-> {names}{f' ({count}{classes})' if count else ''}")
    if columns:
        parts.append(" ".join(columns))
    return parts


def _short(names: Sequence[str], most: int) -> list[str]:
    shown = shortened([on_one_line(name) for name in names[:most]], _LONGEST_NAME)
    return shown if len(names) <= most else [*shown, f"{len(names) - most} more"]


def _network_lines(shown: ShownRun) -> Iterator[str]:
    networks = shown.networks
    if not networks:
        hidden = shown.entry.config.get("architecture.layers")
        members = shown.entry.config.get("members")
        if isinstance(members, int):
            hidden = counted(members, "member")
        if hidden:
            none = "the run keeps no model" if shown.entry.status == "done" else "no model yet"
            yield from _section("Network", [f"{hidden}; {none}"])
        return
    total = sum(network.parameters * network.networks for network in networks)
    first = networks[0]
    if len(networks) == 1:
        count = counted(first.parameters, "parameter")
        several = f", {first.networks} networks" if first.networks > 1 else ""
        yield from _section("Network", [f"{counted(first.inputs, 'input')}, {count}{several}"])
        yield from (f"{'':<{_INDENT}}{line}" for line in _layer_table(first))
        return
    every = sum(network.networks for network in networks)
    yield from _section(
        "Network",
        [
            f"{counted(len(networks), 'member')}, {counted(every, 'network')}, "
            f"{counted(total, 'parameter')}"
        ],
    )
    rows = [
        [
            shortened([on_one_line(network.name)], 16)[0],
            shortened([network.hidden], 32)[0],
            f"{network.parameters:,}",
            str(network.networks),
            "" if network.weight is None else rounded(network.weight, 2),
            "" if network.kept_epoch is None else str(network.kept_epoch),
        ]
        for network in networks[:_MOST_MEMBERS]
    ]
    header = ["member", "hidden layers", "parameters", "networks", "weight", "epoch"]
    yield from table(header, rows)
    if len(networks) > _MOST_MEMBERS:
        yield f"and {len(networks) - _MOST_MEMBERS} more; all: --json"


def _layer_table(network: ShownNetwork) -> list[str]:
    rows = [
        [
            layer.kind,
            f"{layer.inputs} -> {layer.outputs}",
            "" if layer.activation in (None, "identity") else str(layer.activation),
            f"{layer.parameters:,}",
        ]
        for layer in network.layers
    ]
    left = len(rows) - _MOST_LAYERS
    if left > 1:
        rows = [*rows[: _MOST_LAYERS // 2], [f"… {left} more", "", "", ""], *rows[-6:]]
    return table(["layer", "shape", "activation", "parameters"], rows)


def _training_parts(shown: ShownRun) -> list[str]:
    entry, config = shown.entry, shown.entry.config
    done = shown.epochs
    if done is None and shown.curve is not None:
        done = shown.curve.epochs[-1]
    most = config.get("training.epochs")
    parts = []
    if done is not None:
        of = f" of {most:,}" if isinstance(most, int) and most != done else ""
        parts.append(f"{done:,}{of} {'epoch' if done == 1 and not of else 'epochs'}")
    elif len(shown.networks) != 1 and isinstance(most, int):
        parts.append(f"at most {counted(most, 'epoch')}")
    elif shown.networks and shown.networks[0].epochs is not None:
        parts.append(counted(shown.networks[0].epochs, "epoch"))
    seconds = entry.run.get("seconds")
    if isinstance(seconds, int | float):
        parts.append(f"in {duration(seconds)}")
    kept = shown.kept_epoch
    if kept is None and len(shown.networks) == 1:
        kept = shown.networks[0].kept_epoch
    first = " ".join(parts)
    endings = [
        f"the weights of epoch {kept} are kept" if kept is not None else "",
        STOP_REASONS.get(shown.stop_reason or "", ""),
        "" if entry.status in _ENDED else f"{counted(shown.checkpoints, 'checkpoint')} kept",
    ]
    summary = "; ".join(filter(None, [first, *endings]))
    settings = [
        text.format(value_text(config[key]))
        for key, text in _SETTINGS
        if config.get(key) not in (None, 0, 0.0)
    ]
    for key in ("seed", "folds", "replicas"):
        if config.get(key) not in (None, 1) or (key == "seed" and key in config):
            settings.append(f"{key} {value_text(config.get(key))}")
    numbers = [str(n) for n, _ in groupby(shown.processes)]
    processes = f"by {', then '.join(numbers)} processes together" if numbers else ""
    return [part for part in (summary, processes, ", ".join(settings)) if part]


def _file_parts(shown: ShownRun) -> list[str]:
    listed = ", ".join(f"{on_one_line(name)} {byte_size(n)}" for name, n in shown.files.items())
    total = byte_size(sum(shown.files.values()))
    return [f"{listed}; {total} in all"] if listed else []


def show_data(shown: ShownRun) -> dict[str, Any]:
    """Return the run for `--json`."""
    return shown.data()
