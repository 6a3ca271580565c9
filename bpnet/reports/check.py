"""The report of a check: what training would do, as lines of text."""

from collections.abc import Iterator, Sequence

from bpnet.checks.columns import ColumnDescription
from bpnet.checks.duplicates import SharedRows
from bpnet.checks.leaks import FEWEST_ROWS, Leak
from bpnet.messages import quoted_list
from bpnet.reports.text import counted, duration, table
from bpnet.workflows.check import Format, Inspection

MOST_COLUMNS = 40
"""Of more columns than these, those that are used are told by role."""

MOST_CLASSES = 12


def check_lines(found: Inspection) -> list[str]:
    """All of an inspection, section by section."""
    cost = found.cost
    parts = ", ".join(f"{count:,} {part}" for part, count in found.parts.items() if count)
    dropped = found.rows - sum(found.parts.values())
    without = f"; {dropped} without a target are dropped" if dropped else ""
    lines = [
        f"{found.table}: {counted(found.rows, 'row')}: {parts}{without}",
        *_format_lines(found.format),
        f"{found.task} of {quoted_list(found.targets)}: {found.why}",
        "",
        *column_lines(found.columns),
        "",
        *_target_lines(found),
    ]
    if warnings := warning_lines(found):
        lines += ["", *(f"warning: {text}" for text in warnings)]
    if notes := list(_notes(found)):
        lines += ["", *(f"note: {text}" for text in notes)]
    where = "in memory" if cost.storage == "memory" else "on disk"
    return [
        *lines,
        "",
        f"network: {counted(found.inputs, 'input')}, {counted(found.outputs, 'output')}, "
        f"{counted(found.parameters, 'parameter')}",
        f"memory:  about {_bytes(cost.encoded_bytes)} of encoded rows, {where}; "
        f"about {_bytes(cost.parameter_bytes)} for the parameters and their training",
        f"time:    about {duration(cost.seconds_per_epoch)} an epoch, {duration(cost.seconds)} for "
        f"{counted(cost.epochs, 'epoch')}",
    ]


def column_lines(columns: Sequence[ColumnDescription]) -> list[str]:
    """A line for each column; of many columns a line for each role, and for each that is left out."""
    if len(columns) <= MOST_COLUMNS:
        rows = [[c.name, c.role, _gaps(c), _values(c), _use(c)] for c in columns]
        return table(["column", "role", "missing", "values", ""], rows)
    lines = []
    for role in ("numeric", "categorical", "boolean", "date"):
        own = [c for c in columns if c.role == role]
        if own:
            gaps = sum(c.missing > 0 for c in own)
            told = f"{gaps} of them with gaps, " if gaps else ""
            lines.append(
                f"{counted(len(own), f'{role} column')}: {told}{counted(sum(c.inputs for c in own), 'input')}"
            )
    return [*lines, *(f"{c.name}: {_use(c)}" for c in columns if c.role == "ignored")]


def warning_lines(found: Inspection) -> list[str]:
    """What training would warn of, and what it would not see: leaks and duplicates."""
    return [
        *found.warnings,
        *map(_leak, found.leaks),
        *(
            f"the columns {quoted_list(names)} hold the same: leave all but one out of dataset.features"
            for names in found.equal_columns
        ),
        *map(_shared, found.shared_rows),
    ]


def _format_lines(read: Format) -> list[str]:
    told = [f"{counted(read.files, 'file')}"] if read.files > 1 else []
    if read.separator not in (None, ","):
        told.append(f"separator {read.separator!r}")
    if read.decimal not in (None, "."):
        told.append(f"decimal mark {read.decimal!r}")
    if read.thousands:
        told.append(f"thousands mark {read.thousands!r}")
    if read.encoding:
        told.append(f"encoding {read.encoding}")
    return [f"read with: {', '.join(told)}"] if told else []


def _target_lines(found: Inspection) -> list[str]:
    if found.spreads:
        rows = [
            [name, part, *(f"{value:.6g}" for value in (s.mean, s.deviation, s.lowest, s.highest))]
            for part, spreads in found.spreads.items()
            for name, s in spreads.items()
        ]
        return table(["target", "part", "mean", "deviation", "lowest", "highest"], rows)
    commonest = sorted(found.counts["train"], key=lambda name: -found.counts["train"][name])
    shown = [name for name in found.counts["train"] if name in commonest[:MOST_CLASSES]]
    rows = [
        [
            name,
            *(
                f"{own[name]:,} ({own[name] / found.parts[part]:.1%})"
                for part, own in found.counts.items()
            ),
        ]
        for name in shown
    ]
    left = len(commonest) - len(shown)
    what = "class" if found.task == "classification" else "label"
    return [*table([what, *found.counts], rows), *([f"and {left} less common"] if left else [])]


def _gaps(column: ColumnDescription) -> str:
    return "" if not column.missing else f"{100 * column.missing:.3g} %"


def _values(column: ColumnDescription) -> str:
    if isinstance(column.lowest, str):
        return f"{column.lowest} … {column.highest}"
    if column.lowest is not None:
        return f"{column.lowest:.6g} … {column.highest:.6g}"
    return counted(column.levels or 0, "level")


def _use(column: ColumnDescription) -> str:
    if column.role == "ignored":
        return f"left out: {column.reason}"
    return counted(column.inputs, "input") + (", constant" if column.constant else "")


def _leak(leak: Leak) -> str:
    told = {
        "accuracy": f"is right in {100 * leak.value:.4g} % of rows held out",
        "correlation": f"has a correlation of {leak.value:.5g} with it",
        "r2": f"has an R² of {leak.value:.5g} on rows held out",
    }[leak.measure]
    return (
        f"column '{leak.column}' alone gives '{leak.target}' away: it {told}; if it is not known when a prediction is "
        f"made, set dataset.roles.{leak.column} to ignored"
    )


def _shared(shared: SharedRows) -> str:
    pairs = ", ".join(f"{first} and {second}" for first, second in shared.examples)
    return (
        f"{counted(shared.rows, f'{shared.second} row')} with the features of a {shared.first} row (rows {pairs}): the "
        "figures may flatter the network; remove the duplicates, or keep them in one part with dataset.split.group"
    )


def _notes(found: Inspection) -> Iterator[str]:
    looked_at = found.looked_at
    if looked_at.columns < FEWEST_ROWS:
        yield f"{counted(looked_at.columns, 'training row')} are too few to look for leaks"
    elif looked_at.columns < found.parts["train"]:
        yield f"leaks and equal columns were looked for in {looked_at.columns:,} training rows, drawn at random"
    if sum(looked_at.parts.values()) < sum(found.parts.values()):
        most = max(looked_at.parts.values())
        yield f"equal rows were looked for in at most {most:,} rows of each part, drawn at random"


def _bytes(size: int) -> str:
    return (
        f"{size / 1e9:.2g} GB"
        if size >= 1e9
        else f"{size / 1e6:.3g} MB"
        if size >= 1e6
        else f"{size / 1e3:.3g} kB"
    )
