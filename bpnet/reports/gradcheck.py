"""The report of `bpnet gradcheck`: each parameter's largest disagreement."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bpnet.reports.text import counted, table

if TYPE_CHECKING:
    from bpnet.workflows.gradcheck import GradientReport


def gradient_check_lines(report: "GradientReport") -> Iterator[str]:
    """Each parameter's largest disagreement, and the verdict."""
    yield f"{counted(report.rows, 'row')}, float64, tolerance {report.tolerance:g}\n"
    yield from table(
        [
            "parameter",
            "entries",
            "largest relative error",
            "at",
            "backpropagation",
            "central differences",
        ],
        [
            [
                check.name,
                str(check.checked),
                f"{check.relative_error:.2e}",
                str(list(check.index[1:])),
                f"{check.analytic:.10g}",
                f"{check.numeric:.10g}",
            ]
            for check in report.checks
        ],
        numbers=True,
    )
    yield ""
    for text in report.notes:
        yield f"note: {text}"
    yield "the gradients agree" if report.agrees else "the gradients DIFFER"
