"""The report of `bpnet verify`: whether a run's training comes out again, and how it differs."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from bpnet.messages import MAX_PROBLEMS
from bpnet.reports.tables import table
from bpnet.workflows.verify import Verification


def verify_lines(result: Verification) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from table(["compared", "content"], [list(one) for one in result.compared.items()])
    yield ""
    yield from (f"note: {note}" for note in result.notes)
    if result.same_machine:
        how = "bit for bit, on the same machine"
    else:
        how = (
            f"within {result.tolerance:g} of the largest number of each tensor or column, since "
            f"{' and '.join(result.changed)} differ from those in run.json"
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
    else:
        largest = result.largest
        yield (
            f"The largest difference is {largest.absolute:.3g} ({largest.share:.2g} of the largest "
            f"number), in {largest.where}."
        )


def verify_data(result: Verification) -> dict[str, Any]:
    """Return the result for `--json`."""
    return {"agrees": result.agrees, **asdict(result), "run": str(result.run)}
