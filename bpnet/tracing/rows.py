"""The rows of a trace: how their cells became inputs, targets and weights, number by number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bpnet.data.encoding import Encoder
from bpnet.data.targets import AnyTarget, Classes, Quantities
from bpnet.engine.component import Array
from bpnet.tracing.cells import Cell, scaled, unit_rows
from bpnet.tracing.expressions import Constant, Expression, Holds, Quantity, Symbol
from bpnet.tracing.layers import MAX_UNITS, left_out
from bpnet.tracing.structure import Entry, Number, Place, Remark, Section

MAX_INPUTS = 24
"""The number of inputs of a row that are shown."""
_LONG_NAME = 40
"""The length up to which a name is shown in a label."""


@dataclass(frozen=True)
class RowWeight:
    """What the weight of a row is made of."""

    equation: Expression
    value: float


@dataclass(frozen=True)
class TracedRow:
    """A row of the table: its cells and its target, before they are numbers of the network."""

    number: int
    """Its number in the table, from 1."""
    cells: Sequence[Cell]
    targets: Sequence[float]
    """The number of its class, from 0, or the values of its targets."""
    weight: RowWeight | None
    """None where the config sets no weights."""


def row_section(row: TracedRow, encoder: Encoder, target: AnyTarget, x: Array, t: Array) -> Section:
    """Return how a row of the table became inputs x (I,), targets t (O,) and a weight."""
    entries = [*_inputs(row, encoder, x), *_targets(row, target, t)]
    if row.weight is not None:
        entries.append(
            Number(
                "weight of the row",
                Symbol("w"),
                row.weight.equation,
                row.weight.value,
                Place("rows", row=row.number),
                "its weight, by which its loss is multiplied",
            )
        )
    return Section("rows", f"Row {row.number}", 3, entries)


def output_names(target: AnyTarget, outputs: int) -> list[str]:
    """Return the name of each output: a class, a label or a quantity."""
    if not isinstance(target, Classes):
        return target.names
    return target.classes if outputs > 1 else target.classes[1:]


def short_name(name: str) -> str:
    """Return a name, cut where it is very long."""
    return name if len(name) <= _LONG_NAME else f"{name[: _LONG_NAME - 1]}…"


def _equations(row: TracedRow, encoder: Encoder) -> list[Expression]:
    """Return the equation of each input."""
    equations = [equation for cell in row.cells for equation in cell.equations]
    if encoder.unit_rows:
        numeric = list(encoder.numeric.values())
        scaled_inputs = unit_rows([equations[i] for i in numeric])
        for i, scaled_input in zip(numeric, scaled_inputs, strict=True):
            equations[i] = scaled_input
    return equations


def _inputs(row: TracedRow, encoder: Encoder, x: Array) -> Iterator[Entry]:
    """Yield the equations of a row's inputs x (I,), cell by cell."""
    names, equations, start = encoder.inputs, _equations(row, encoder), 0
    for cell in row.cells:
        text, end = f"{short_name(cell.column)} = {cell.text}", start + len(cell.equations)
        single = end - start == 1
        if start < MAX_INPUTS and not single:
            yield Remark(text)
        for i in range(start, min(end, MAX_INPUTS)):
            yield Number(
                f"input {names[i]}",
                Symbol("x", (i + 1,)),
                equations[i],
                float(x[i]),
                Place("rows", row=row.number, unit=i + 1),
                f"{text} ->" if single else short_name(names[i]),
            )
        start = end
    yield from left_out(max(len(names) - MAX_INPUTS, 0), "inputs", "higher numbers")


def _targets(row: TracedRow, target: AnyTarget, t: Array) -> Iterator[Entry]:
    """Yield the equations of a row's targets t (O,)."""
    names = output_names(target, len(t))
    if isinstance(target, Classes):
        number = int(row.targets[0]) + 1
        label = target.classes[number - 1]
        yield Remark(
            f"{short_name(target.name)} = {short_name(label)}: "
            f"class {number} of {len(target.classes)}"
        )
    for unit in range(min(len(t), MAX_UNITS)):
        equation, label = _target(row, target, names, unit, several=len(t) > 1)
        yield Number(
            f"target {names[unit]}",
            Symbol("t", (unit + 1,)),
            equation,
            float(t[unit]),
            Place("rows", row=row.number, unit=unit + 1),
            label,
        )
    yield from left_out(max(len(t) - MAX_UNITS, 0), "targets", "higher numbers")


def _target(
    row: TracedRow, target: AnyTarget, names: Sequence[str], unit: int, *, several: bool
) -> tuple[Expression, str]:
    """Return the equation of one target, and its label."""
    if isinstance(target, Classes):
        # a single output is that of the second class
        place = Constant(float(unit + 1 if several else 2))
        number = Quantity(Symbol("class"), float(int(row.targets[0]) + 1))
        return Holds(number, "=", place), _titled(names[unit])
    cell = Quantity(Symbol(names[unit], is_name=True), float(row.targets[unit]))
    equation = scaled(target.scales[unit], cell) if isinstance(target, Quantities) else cell
    return equation, f"{_titled(names[unit])} = {row.targets[unit]:.10g} ->"


def _titled(name: str) -> str:
    """Return the name of a target after that word, unless it is the word itself."""
    return name if name.casefold() == "target" else f"target {short_name(name)}"
