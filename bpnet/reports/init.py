"""The text of a first config: what the table holds as comments, the settings as keys."""

from collections.abc import Mapping, Sequence

import yaml

from bpnet.config.yaml_tree import Dumper
from bpnet.messages import counted, quoted_list, shell_path, shell_quoted
from bpnet.reports.check import column_lines
from bpnet.reports.tables import table
from bpnet.workflows.init import Draft, DraftSettings, SmallSettings
from bpnet.workflows.list_columns import ColumnList

IMBALANCE = 5
"""A class that is this many times as common as another deserves a comment."""

_NAME_WIDTH, _EXAMPLES_WIDTH = 24, 20
"""Columns for a name, and for examples of values, where the columns are listed."""

_COMMENT_WIDTH = 76
"""Columns for the text of a comment, after `#` and the indent."""


def config_text(draft: Draft, file: str) -> str:
    """Return a config that trains without changes; `file` is the name it will have."""
    return "\n".join([*_heading(draft, file), "", *_keys(draft)]) + "\n"


def init_lines(draft: Draft, file: str) -> list[str]:
    """Return what was found in the table, and what to type next."""
    features = sum(column.role != "ignored" for column in draft.columns)
    return [
        f"{file}: {draft.task}, {counted(draft.rows, 'row')}, {counted(features, 'feature')}",
        f"Next: bpnet {'trace' if draft.small else 'check'} {shell_path(file)}",
    ]


def listing_lines(listed: ColumnList, data: str, settings: Sequence[str]) -> list[str]:
    """Return a line for each column that may be the target, and the command that names one."""
    rows = [
        [
            _printable(_cut(column.name, _NAME_WIDTH)),
            column.role,
            f"{100 * column.missing:.3g} %" if column.missing else "",
            column.as_target,
            _printable(_cut(", ".join(column.examples), _EXAMPLES_WIDTH)),
        ]
        for column in listed.columns
    ]
    given = "".join(f" --set {shell_quoted(setting)}" for setting in settings)
    return [
        f"{listed.table}: {counted(len(rows), 'column')}, by {counted(listed.rows, 'row')}",
        "",
        *table(["column", "role", "missing", "as the target", "for example"], rows),
        "",
        "Give the column to predict; if it is the one below:",
        f"Next: bpnet init {shell_path(data)} --target {shell_quoted(listed.suggestion)}{given}",
    ]


def draft_warnings(draft: Draft) -> list[str]:
    """Return the columns that are left out, and the rows that will be dropped."""
    if not draft.without_target:
        return draft.warnings
    rows = counted(draft.without_target, "row")
    return [
        *draft.warnings,
        f"{rows} without a target will be dropped (dataset.drop_missing_targets)",
    ]


def _heading(draft: Draft, file: str) -> list[str]:
    """Return the comments at the top: the task, what to type, and every column."""
    classes = f" into {len(draft.classes)} classes" if draft.classes else ""
    rows = counted(draft.rows, "row")
    lines = [
        f"{draft.task} of {quoted_list(draft.targets)}{classes}: {draft.why}",
        "",
        f"  bpnet check {shell_path(file)}",
        f"  bpnet train {shell_path(file)}",
        *([f"  bpnet trace {shell_path(file)} --steps 3"] if draft.small else []),
        "",
        f"{rows}. The columns, as the {counted(draft.training_rows, 'training row')} show them:",
        "",
        *(f"  {line}" for line in column_lines(draft.columns, _COMMENT_WIDTH)),
    ]
    return [_comment(line) for line in lines]


def _keys(draft: Draft) -> list[str]:
    """Return the keys, those that have a good default as comments."""
    task = f"task: {draft.given_task}" if draft.given_task else f"# task: {draft.task}"
    return [
        task,
        "# seed: 0   # of the split, the first weights and the order of the rows",
        "",
        "dataset:",
        *_dataset_keys(draft),
        "",
        *(
            [*_preset_keys(draft), "", *map(_comment, _plain_network(draft.settings))]
            if draft.small is None
            else _small_network(draft.small)
        ),
    ]


def _small_network(small: SmallSettings) -> list[str]:
    """Return the keys of a network that is small enough to be traced number by number."""
    full = small.batch_size == "full"
    return [
        "architecture:",
        f"  hidden: [{small.units}]   # units; 2 to 4 are few enough to follow each number",
        "  activation: tanh",
        "",
        "training:",
        "  optimizer: gradient_descent   # or momentum, adam, …: trace shows what each keeps",
        f"  learning_rate: {small.learning_rate:g}",
        f"  batch_size: {small.batch_size}   # "
        + ("all training rows in each step" if full else "rows of a step; or full, all of them"),
        f"  epochs: {small.epochs}",
        "  precision: float64   # as in the trace, to the last digit",
    ]


def _preset_keys(draft: Draft) -> list[str]:
    """Return the preset, what it trains on this table, and the keys one would change."""
    rows = counted(draft.training_rows, "training row")
    trains = f"networks for {rows}"
    folds = "# replicas: 4   # networks, whose mean predicts"
    if draft.folds:
        trains = f"{counted(draft.members, 'kind')} of network, {draft.folds} folds of {rows}"
        folds = (
            f"# folds: {draft.folds}   # networks of each kind; each holds out another part of the "
            "rows"
        )
    calibration = ["# calibration: temperature   # of the probabilities; or isotonic, none"]
    return [
        f"preset: {draft.preset}   # {trains}",
        "#   fast: one kind of network, the quickest; best: more networks; bpnet guide ensembles",
        folds,
        *(calibration if draft.task != "regression" else []),
        f"# training: {{epochs: {draft.epochs}}}   "
        "# at most: early stopping usually ends training sooner",
    ]


def _plain_network(settings: DraftSettings) -> list[str]:
    """Return the keys of one network whose every setting is in sight."""
    early = f"early_stopping: {{patience: {settings.patience}}}"
    return [
        "One network to tune by hand, in place of the preset:",
        f"architecture: {{hidden: {list(settings.hidden)}, activation: {settings.activation}, "
        f"dropout: {settings.dropout:g}}}",
        "training:",
        f"  epochs: {settings.epochs}",
        f"  batch_size: {settings.batch_size}",
        f"  optimizer: {{kind: adamw, weight_decay: {settings.weight_decay:g}}}",
        f"  learning_rate: {settings.learning_rate:g}",
        f"  {early}",
        "  schedule: constant   # or cosine, reduce_on_plateau, one_cycle, …",
    ]


def _dataset_keys(draft: Draft) -> list[str]:
    target = draft.targets[0] if len(draft.targets) == 1 else draft.targets
    keys = {"path": draft.path, "target": target, **draft.chosen}
    lines = [f"  {line}" for line in _yaml_lines(keys)]
    if draft.without_target and "drop_missing_targets" not in draft.chosen:
        rows = counted(draft.without_target, "row")
        lines.append(f"  drop_missing_targets: true   # {rows} without a target")
    lines += [
        _split_key(draft),
        "  # roles: {NAME: categorical}   # or numeric, boolean, date, ignored",
        "  # preprocessing: {missing: impute}   # and how columns are encoded as inputs",
    ]
    if draft.classes:
        lines.append(f"  # class_weight: balanced   # {_balance(draft.classes)}")
    return lines


def _split_key(draft: Draft) -> str:
    if draft.folds:
        return "  # split: {test: 0.15}   # share that is held out; or by group, time or column"
    return "  # split: {validation: 0.15, test: 0.15}   # shares; or by group, time or column"


def _balance(classes: Mapping[str, int]) -> str:
    """Return how unequal the classes are, or what balanced class weights do."""
    rarest = min(classes, key=lambda name: classes[name])
    commonest = max(classes, key=lambda name: classes[name])
    ratio = classes[commonest] / max(classes[rarest], 1)
    if ratio < IMBALANCE:
        return "weigh each class the same, rather than each row"
    return _printable(f"'{commonest}' is {ratio:.0f} times as common as '{rarest}'")


def _yaml_lines(keys: Mapping[str, object]) -> list[str]:
    """Return the keys as YAML, each on a line of its own."""
    text = yaml.dump(
        keys,
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=10_000,
    )
    return text.splitlines()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _comment(line: str) -> str:
    return f"# {_printable(line)}".rstrip()


def _printable(text: str) -> str:
    """Return the text on one line: a column's name may hold a line break, a comment may not."""
    return "".join(character if character.isprintable() else " " for character in text)
