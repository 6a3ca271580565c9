"""The report of `bpnet check`: what training would do with a table, and what may go wrong."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from bpnet.checks.columns import ColumnDescription
from bpnet.checks.duplicates import SharedRows
from bpnet.checks.leaks import MIN_ROWS, Leak
from bpnet.data.roles import GIVEN_REASON
from bpnet.messages import counted, quoted_list, set_option
from bpnet.reports.tables import table
from bpnet.reports.text import MAX_WIDTH, default_layers_note, duration, rounded
from bpnet.workflows.check import DatasetCheck, TableFormat
from bpnet.workflows.training_cost import Cost

MAX_COLUMNS = 40
"""With more columns than these, those that are used are summed up by role."""

LARGEST_WHOLE = 1e12
"""Whole numbers below it are shown to the last digit."""

SHARE_THAT_MATTERS = 0.01
"""Of fewer rows in two parts a metric such as the accuracy depends by less than a hundredth."""

MAX_CLASSES = 12
"""Of more classes than these, only the most common are shown."""


def check_lines(check: DatasetCheck, *, all_columns: bool = False) -> list[str]:
    """Return the whole report: rows and task, columns, targets, warnings, notes and cost.

    Of more than 40 columns, those of each role are summed up, unless `all_columns` are asked for.
    """
    summed = len(check.columns) > MAX_COLUMNS and not all_columns
    sections = [
        _table_lines(check),
        _time_lines(check),
        _role_lines(check.columns) if summed else _columns_table(check.columns),
        _input_lines(check.columns),
        _target_lines(check),
        [f"warning: {text}" for text in warning_lines(check)],
        [f"note: {text}" for text in _notes(check)],
        _cost_lines(check),
    ]
    lines: list[str] = []
    for section in filter(None, sections):
        lines += ["", *section] if lines else section
    return lines


def column_lines(columns: Sequence[ColumnDescription], width: int = 80) -> list[str]:
    """Return a line for each column, or of many columns for each role; then why some are left out.

    The reasons are wrapped at `width`, the table is not.
    """
    reasons = [
        line
        for column in columns
        if column.role == "ignored"
        for line in wrap(
            f"'{column.name}' is left out: {column.reason}", width, subsequent_indent="  "
        )
    ]
    if len(columns) > MAX_COLUMNS:
        return [*_role_lines(columns), *reasons]
    lines = _columns_table(columns)
    return [*lines, "", *reasons] if reasons else lines


def _columns_table(columns: Sequence[ColumnDescription]) -> list[str]:
    rows = [[c.name, c.role, _missing_text(c), _values_text(c), _use_text(c)] for c in columns]
    return table(["column", "role", "missing", "values", "becomes"], rows)


def warning_lines(check: DatasetCheck) -> list[str]:
    """Return the warnings of training, and the leaks and duplicates it would not notice."""
    return [
        *check.warnings,
        *map(_leak_text, check.leaks),
        *(
            f"the columns {quoted_list(names)} hold the same values; use one of them: "
            + " ".join(set_option("dataset.roles", "ignored", name) for name in names[1:4])
            for names in check.equal_columns
        ),
        *_shared_rows_warnings(check),
        *(str(finding) for finding in check.findings if finding.level == "warning"),
    ]


def _table_lines(check: DatasetCheck) -> list[str]:
    """Return the rows of each part, how the file is read, and the task with its reason."""
    parts = ", ".join(f"{count:,} {part}" for part, count in check.parts.items() if count)
    dropped = check.rows - sum(check.parts.values())
    without = (
        f"; {dropped} without a target {'is' if dropped == 1 else 'are'} dropped" if dropped else ""
    )
    return [
        f"{check.table}: {counted(check.rows, 'row')}: {parts}{without}",
        *_format_lines(check.format),
        f"{check.task} of {quoted_list(check.targets)}: {check.why}",
        *_preset_lines(check),
    ]


def _preset_lines(check: DatasetCheck) -> list[str]:
    """Return which preset completes the config, and what it trains for this number of rows."""
    if check.preset is None:
        if not check.default_layers:
            return []
        return wrap(default_layers_note(check.networks), MAX_WIDTH)
    why = "" if check.preset_given else " (the config has no other settings)"
    trains = "one network"
    if check.folds:
        kinds = counted(len(check.members), "kind")
        trains = f"{kinds} of network, {check.folds} folds"
    elif check.networks > 1:
        trains = counted(check.networks, "network")
    return [f"preset {check.preset}{why}: {trains}"]


def _time_lines(check: DatasetCheck) -> list[str]:
    """Return the first and the last time of each part, where the rows are split by time."""
    rows = [[part, times.first, times.last] for part, times in check.times.items()]
    return table(["rows", "from", "to"], rows) if rows else []


def _format_lines(read: TableFormat) -> list[str]:
    """Return a line on how the file is read, where that is unusual."""
    unusual = [f"{counted(read.files, 'file')}"] if read.files > 1 else []
    if read.separator not in (None, ","):
        unusual.append(f"separator {read.separator!r}")
    if read.decimal not in (None, "."):
        unusual.append(f"decimal mark {read.decimal!r}")
    if read.thousands:
        unusual.append(f"thousands mark {read.thousands!r}")
    if read.encoding:
        unusual.append(f"encoding {read.encoding}")
    return [f"read with: {', '.join(unusual)}"] if unusual else []


def _role_lines(columns: Sequence[ColumnDescription]) -> list[str]:
    """Return a line for each role: its columns, those with missing values, and their inputs."""
    lines = []
    for role in ("numeric", "categorical", "boolean", "date"):
        with_role = [column for column in columns if column.role == role]
        if with_role:
            missing = sum(column.missing > 0 for column in with_role)
            some = f", {missing} with missing values" if missing else ""
            inputs = counted(sum(column.inputs for column in with_role), "input")
            lines.append(f"{counted(len(with_role), f'{role} column')}{some}: {inputs}")
    left_out = sum(column.role == "ignored" for column in columns)
    return [*lines, f"{counted(left_out, 'column')} left out"] if left_out else lines


def _input_lines(columns: Sequence[ColumnDescription]) -> list[str]:
    """Return a line on the numbers of inputs where they differ from those of the values."""
    indicated = any(column.indicator for column in columns)
    # a single one, beside the indicator, is that of an ordinal or of two categories
    pooled = any(
        1 < column.inputs - column.indicator < (column.levels or 0)
        for column in columns
        if column.role == "categorical"
    )
    reasons = [
        *(["missing values add an input"] if indicated else []),
        *(["rare categories share one"] if pooled else []),
    ]
    return [f"inputs: {'; '.join(reasons)}"] if reasons else []


def _target_lines(check: DatasetCheck) -> list[str]:
    """Return the rows of each class or label, or the spread of each quantity, in each part."""
    if check.spreads:
        rows = [
            [name, part, *map(_number_text, (s.mean, s.deviation, s.lowest, s.highest))]
            for part, spreads in check.spreads.items()
            for name, s in spreads.items()
        ]
        return table(["target", "part", "mean", "deviation", "lowest", "highest"], rows)
    train = check.counts["train"]
    commonest = sorted(train, key=lambda name: -train[name])[:MAX_CLASSES]
    shown = [name for name in train if name in commonest]
    rows = [
        [
            f"{name} (positive)" if name == check.positive else name,
            *(
                f"{counts[name]:,} ({counts[name] / check.parts[part]:.1%})"
                for part, counts in check.counts.items()
            ),
        ]
        for name in shown
    ]
    left = len(train) - len(shown)
    noun = "class" if check.task == "classification" else "label"
    lines = table([noun, *check.counts], rows)
    return [*lines, f"and {left} less common"] if left else lines


def _cost_lines(check: DatasetCheck) -> list[str]:
    """Return the size of the networks, and the memory and time that training takes."""
    cost = check.cost
    outputs = counted(check.outputs, "output")
    if not check.members:
        return [
            f"network: {counted(check.inputs, 'input')}, {outputs}, "
            f"{counted(check.parameters, 'parameter')}",
            *_memory_lines([cost]),
            f"time:    about {duration(cost.seconds_per_epoch)} an epoch, "
            f"{duration(cost.seconds)} for {counted(cost.epochs, 'epoch')}",
        ]
    members = check.members
    rows = [
        [
            member.name or "all",
            *(f"{number:,}" for number in (member.networks, member.inputs, member.parameters)),
            f"{member.cost.epochs:,}",
            duration(member.cost.seconds),
        ]
        for member in members
    ]
    parameters = sum(member.networks * member.parameters for member in members)
    header = ["member", "networks", "inputs", "parameters of each", "epochs", "time"]
    return [
        *table(header, rows, numbers=True),
        "",
        f"network: {check.networks} of {check.folds} folds, {outputs}; "
        f"{counted(parameters, 'parameter')} in all",
        *_memory_lines([member.cost for member in members]),
        f"time:    at most about {duration(check.seconds)}; early stopping usually ends it sooner",
    ]


def _memory_lines(costs: Sequence[Cost]) -> list[str]:
    """Return the memory that training takes: that of the largest member, for each has its turn."""
    encoded = max(costs, key=lambda cost: cost.encoded_bytes)
    where = "in memory" if encoded.storage == "memory" else "on disk"
    parameters = max(cost.parameter_bytes for cost in costs)
    return [
        f"memory:  about {_size_text(encoded.encoded_bytes)} for the encoded rows, {where}",
        f"         about {_size_text(parameters)} for the parameters and their training",
    ]


def _missing_text(column: ColumnDescription) -> str:
    return "" if not column.missing else f"{100 * column.missing:.3g} %"


def _values_text(column: ColumnDescription) -> str:
    """Return the range of numbers or days, or the number of categories or other values."""
    if isinstance(column.lowest, str):
        return f"{column.lowest} … {column.highest}"
    if column.lowest is not None:
        assert isinstance(column.highest, float)
        return f"{_number_text(column.lowest)} … {_number_text(column.highest)}"
    return counted(column.levels or 0, "category" if column.role == "categorical" else "value")


def _number_text(value: float) -> str:
    """Return a number to six digits, a whole one to all of them unless it is very large."""
    whole = value.is_integer() and abs(value) < LARGEST_WHOLE
    return f"{value:.0f}" if whole else rounded(value, 6)


def _use_text(column: ColumnDescription) -> str:
    if column.role == "ignored":
        # the reasons that the config does not give are warnings
        return "left out (dataset.roles)" if column.reason == GIVEN_REASON else "left out"
    return counted(column.inputs, "input") + (", constant" if column.constant else "")


def _leak_text(leak: Leak) -> str:
    evidence = {
        "accuracy": f"by itself it predicts {100 * leak.value:.4g} % of the held-out rows right",
        "correlation": f"its correlation with '{leak.target}' is {leak.value:.5g}",
        "r2": f"by itself it predicts the held-out rows with an R² of {leak.value:.5g}",
    }[leak.measure]
    return (
        f"column '{leak.column}' gives '{leak.target}' away: {evidence}; if it is not known when a "
        f"prediction is made: {set_option('dataset.roles', 'ignored', leak.column)}"
    )


def _few_shared_rows(check: DatasetCheck) -> bool:
    """Return whether the rows in two parts are too few to change a metric of either."""
    looked_at = check.looked_at.parts
    return all(
        shared.rows < SHARE_THAT_MATTERS * looked_at[shared.second] for shared in check.shared_rows
    )


def _shared_rows_text(shared_rows: Sequence[SharedRows]) -> str:
    """Return the number of rows that are in two parts, with examples."""
    facts: list[str] = []
    for shared in shared_rows:
        have = "has" if shared.rows == 1 else "have"
        alike = "" if facts else f"{have} the same cells in every column "
        pairs = ", ".join(f"{first} and {second}" for first, second in shared.examples)
        rows = counted(shared.rows, f"{shared.second} row")
        facts.append(f"{rows} {alike}as a {shared.first} row (rows {pairs})")
    return ", ".join(facts)


def _shared_rows_warnings(check: DatasetCheck) -> Iterator[str]:
    """Yield one warning on the rows that are in two parts, if they matter."""
    if not _few_shared_rows(check):
        yield (
            f"{_shared_rows_text(check.shared_rows)}, so that the metrics may be too good; "
            "remove the duplicates from the table, or keep the rows of the same customer, place "
            "or the like in one part: --set dataset.split.group=COLUMN"
        )


def _notes(check: DatasetCheck) -> Iterator[str]:
    """Yield which checks were left out, or made on a sample of the rows."""
    looked_at = check.looked_at
    if looked_at.columns < MIN_ROWS:
        is_or_are = "is" if looked_at.columns == 1 else "are"
        yield f"{counted(looked_at.columns, 'training row')} {is_or_are} too few to look for leaks"
    elif looked_at.columns < check.parts["train"]:
        yield (
            f"leaks and equal columns were looked for in {looked_at.columns:,} training rows, "
            "drawn at random"
        )
    if sum(looked_at.parts.values()) < sum(check.parts.values()):
        most = max(looked_at.parts.values())
        yield f"equal rows were looked for in at most {most:,} rows of each part, drawn at random"
    if check.shared_rows and _few_shared_rows(check):
        yield (
            f"{_shared_rows_text(check.shared_rows)}, too few to change the metrics much; "
            "they may be equal by chance"
        )
    yield from (str(finding) for finding in check.findings if finding.level == "note")


def _size_text(size: int) -> str:
    if size >= 1e9:
        return f"{size / 1e9:.2g} GB"
    if size >= 1e6:
        return f"{size / 1e6:.3g} MB"
    return f"{size / 1e3:.3g} kB" if size >= 1000 else counted(size, "byte")
