"""The text of a first config: what the table holds as comments, the settings as keys."""

from collections.abc import Mapping

import yaml

from bpnet.config.yaml_tree import Dumper
from bpnet.messages import quoted_list
from bpnet.reports.check import column_lines
from bpnet.reports.text import counted
from bpnet.workflows.init import Draft, Settings

IMBALANCE = 5
"""A class this many times as common as another is worth a word."""


def init_lines(draft: Draft, file: str) -> list[str]:
    """Return what was found in the table, and what to type next."""
    features = sum(column.role != "ignored" for column in draft.columns)
    return [
        f"{file}: {draft.task}, {counted(draft.rows, 'row')}, {counted(features, 'feature')}",
        f"Next: bpnet check {file}",
    ]


def warning_lines(draft: Draft) -> list[str]:
    """Return the columns that are left out, and the rows that will be dropped."""
    if not draft.without_target:
        return draft.warnings
    rows = counted(draft.without_target, "row")
    return [
        *draft.warnings,
        f"{rows} without a target will be dropped (dataset.drop_missing_targets)",
    ]


def config_text(draft: Draft, file: str) -> str:
    """A config that trains as it stands; `file` is what it will be called."""
    return "\n".join([*_heading(draft, file), "", *_keys(draft)]) + "\n"


def _heading(draft: Draft, file: str) -> list[str]:
    classes = f" into {len(draft.classes)} classes" if draft.classes else ""
    told = [
        f"{draft.task} of {quoted_list(draft.targets)}{classes}: {draft.why}",
        "",
        f"  bpnet check {file}",
        f"  bpnet train {file}",
        "",
        f"{counted(draft.rows, 'row')}. The columns, by {counted(draft.training_rows, 'training row')}:",
        "",
        *(f"  {line}" for line in column_lines(draft.columns)),
    ]
    return [_comment(line) for line in told]


def _keys(draft: Draft) -> list[str]:
    settings = draft.settings
    dropped = f"  # {counted(draft.without_target, 'row')} without a target"
    balance = _imbalance(draft.classes)
    target = draft.targets[0] if len(draft.targets) == 1 else draft.targets
    return [
        *(["task: " + draft.given_task] if draft.given_task else ["# task: " + draft.task]),
        "# seed: 0                      # decides the split, the first weights and the order of the rows",
        "",
        "dataset:",
        *_indented({"path": draft.path, "target": target, **draft.chosen}),
        *(
            [f"  drop_missing_targets: true{dropped}"]
            if draft.without_target and "drop_missing_targets" not in draft.chosen
            else []
        ),
        "  # split: {validation: 0.15, test: 0.15}   # shares; or group, time or column: NAME decides",
        "  # roles: {NAME: categorical}              # or numeric, boolean, date, ignored",
        "  # preprocessing: {numeric: standardize, categorical: one_hot, missing: impute}",
        *([f"  # class_weight: balanced                  # {balance}"] if draft.classes else []),
        "",
        "architecture:",
        "  layers:",
        *(line for units in settings.hidden for line in _layer(units, settings)),
        "",
        "training:",
        f"  epochs: {settings.epochs}                   # at most; early stopping ends it sooner",
        f"  batch_size: {settings.batch_size}",
        f"  optimizer: {{kind: adamw, weight_decay: {settings.weight_decay:g}}}",
        f"  learning_rate: {settings.learning_rate:g}",
        f"  early_stopping: {{patience: {settings.patience}}}  # epochs without a better validation loss",
        "  # schedule: constant            # or cosine, reduce_on_plateau, one_cycle, …",
    ]


def _layer(units: int, settings: Settings) -> list[str]:
    return [
        f"    - {{kind: dense, units: {units}, activation: {settings.activation}}}",
        f"    - {{kind: dropout, rate: {settings.dropout:g}}}   # the share of units left out of each step",
    ]


def _imbalance(classes: Mapping[str, int]) -> str:
    if not classes:
        return ""
    rarest, commonest = (
        min(classes, key=lambda name: classes[name]),
        max(classes, key=lambda name: classes[name]),
    )
    ratio = classes[commonest] / max(classes[rarest], 1)
    if ratio < IMBALANCE:
        return "each class counts the same; by default each row does"
    told = f"'{commonest}' is {ratio:.0f} times as common as '{rarest}'; this lets each class count the same"
    return _printable(told)


def _indented(keys: Mapping[str, object]) -> list[str]:
    """Keys as YAML, each on its own line, two spaces in."""
    text = yaml.dump(
        keys,
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=10_000,
    )
    return [f"  {line}" for line in text.splitlines()]


def _comment(line: str) -> str:
    return f"# {_printable(line)}".rstrip()


def _printable(text: str) -> str:
    """The text on one line: a column's name may hold anything, a comment may not."""
    return "".join(character if character.isprintable() else " " for character in text)
