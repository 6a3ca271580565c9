"""The report of `bpnet verify`: whether a run's training comes out again, and how it differs."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from bpnet.messages import MAX_PROBLEMS
from bpnet.reports.tables import table
from bpnet.runs.comparison import Difference
from bpnet.workflows.verify import Verification


def verify_lines(result: Verification) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from table(["compared", "content"], [list(one) for one in result.compared.items()])
    yield ""
    if result.of_grid:
        yield "The whole grid was trained again, and the run of the same number is compared."
    yield from (f"note: {note}" for note in result.notes)
    changed = " and ".join(result.changed)
    if result.same_machine:
        how = "bit for bit, on the same machine"
    else:
        how = (
            f"all splits, and final metrics within {result.tolerance:g} of the larger of 1 and "
            f"their value, since {changed} {'is' if len(result.changed) == 1 else 'are'} not as in "
            "run.json"
        )
    if result.agrees:
        yield f"{result.run} agrees with its repetition: {how}."
    else:
        yield f"{result.run} differs from its repetition, compared {how}:"
        yield from (f"- {one}" for one in result.differences[:MAX_PROBLEMS])
        if len(result.differences) > MAX_PROBLEMS:
            yield f"- and {len(result.differences) - MAX_PROBLEMS} more"
    if result.largest is None:
        yield "No number differs at all."
    elif result.same_machine:
        yield f"The largest difference is {_described(result.largest)}."
    elif result.largest_of_weights is None:
        yield "No weight differs at all."
    else:
        yield (
            f"The weights' largest difference is {_described(result.largest_of_weights)}; they "
            "need not agree, since a training drifts where rounding differs."
        )


def _described(largest: Difference) -> str:
    return f"{largest.absolute:.3g} ({largest.share:.2g} of the largest number), in {largest.where}"


def verify_data(result: Verification) -> dict[str, Any]:
    """Return the result for `--json`."""
    return {"agrees": result.agrees, **asdict(result), "run": str(result.run)}
