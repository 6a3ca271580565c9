"""draws.csv: the settings of each draw of a pack, how its training ended, and its weight."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bpnet.runs import files
from bpnet.workflows.combine_members import Candidate


def write_draws(path: Path, candidates: Sequence[Candidate]) -> None:
    """Write a line for each draw, and for each member without a pack.

    The loss is that of held-out rows: log loss, or the squared error in units of the target's
    variance.
    """
    keys = list(dict.fromkeys(key for one in candidates for key in one.member.settings))

    def line(one: Candidate) -> list[Any]:
        member = one.member
        return [
            member.position + 1,
            "" if member.draw is None else member.draw,
            *(_cell(member.settings.get(key, "")) for key in keys),
            one.loss,
            member.best_epoch,
            member.epochs,
            member.stop_reason,
            one.weight,
        ]

    header = ["member", "draw", *keys, "loss", "best_epoch", "epochs", "stop_reason", "weight"]
    files.write_csv(path, header, map(line, candidates))


def _cell(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else json.dumps(value)
