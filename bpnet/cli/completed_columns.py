"""Columns of a table or of a run's model, as completions of options that name one."""

from collections.abc import Sequence
from contextlib import suppress

from bpnet.errors import BpnetError
from bpnet.paths import is_file


def columns(verb: str, given: Sequence[str]) -> list[str]:
    """Return the columns that an option of a verb may name; none if they cannot be read.

    `given` are the verb's arguments: a table for `init`, else a run.
    """
    if not given or given[0] == "-":
        return []
    with suppress(BpnetError, OSError, ValueError):
        if verb == "init":
            from bpnet.data.reading import open_table

            return open_table(given[0]).columns
        from pathlib import Path

        from bpnet.models.saved_ensemble import read_descriptions
        from bpnet.runs.directory import best_of_study

        run = best_of_study(Path(given[0]))
        folder = run if is_file(run / "model.json") else run / "model"
        names = (name for one in read_descriptions(folder) for name in one.encoder.features)
        return list(dict.fromkeys(names))
    return []
