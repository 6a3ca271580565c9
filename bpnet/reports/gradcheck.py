"""The report of `bpnet gradcheck`: each parameter's largest relative error."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bpnet.messages import counted
from bpnet.reports.tables import table

if TYPE_CHECKING:
    from bpnet.workflows.gradcheck import GradientReport

_HEADER = [
    "parameter",
    "entries",
    "largest relative error",
    "at",
    "backpropagation",
    "central differences",
]


def gradcheck_lines(report: "GradientReport") -> Iterator[str]:
    """Yield each parameter's largest relative error, and whether all agree."""
    yield f"{counted(report.rows, 'row')}, float64, tolerance {report.tolerance:g}\n"
    rows = [
        [
            check.name,
            str(check.checked),
            f"{check.relative_error:.2e}",
            str(list(check.index[1:])),
            f"{check.analytic:.10g}",
            f"{check.numeric:.10g}",
        ]
        for check in report.checks
    ]
    yield from table(_HEADER, rows, numbers=True)
    yield ""
    for text in report.notes:
        yield f"note: {text}"
    yield "the gradients agree" if report.agrees else "the gradients DIFFER"


def disagreement(report: "GradientReport") -> str:
    """Return the parameter with the largest relative error, with both of its gradients."""
    worst = report.worst
    return (
        f"{worst.name}{list(worst.index[1:])}: backpropagation gives {worst.analytic:.10g}, "
        f"but central differences give {worst.numeric:.10g}: "
        f"relative error {worst.relative_error:.2g}, tolerance {report.tolerance:g}"
    )
