"""The report of `bpnet runs`: a table of runs that fits the terminal."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bpnet.messages import counted, on_one_line, shell_path
from bpnet.reports.study import study_data, study_line
from bpnet.reports.tables import aligned, display_width, shortened
from bpnet.reports.text import rounded, score_text
from bpnet.runs.config_values import Value, value_text
from bpnet.runs.entry import BY_HALF, RunEntry, is_score
from bpnet.runs.query import short_names
from bpnet.workflows.runs import RunsList

_GAP = 2
_LONGEST_CELL = 24
_MOST_COLUMNS = 8
"""Keys in which runs differ that are shown at most, however wide the terminal is."""
_MOST_SCORES = 3
_MOST_NAMED = 3
_AGES = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def runs_lines(listed: RunsList, width: int, now: datetime | None = None) -> Iterator[str]:
    """Yield the table, at most `width` columns wide, and what to type next."""
    runs = listed.runs
    studies = [study_line(one) for one in listed.studies]
    if not runs:
        yield from studies or _nothing(listed)
        return
    table, left_out = _table(listed, width, now or datetime.now(UTC))
    yield from table
    if studies:
        yield from ("", "searches:", *studies)
    notes = list(_notes(listed, left_out))
    if notes:
        yield ""
        yield from notes


def _nothing(listed: RunsList) -> Iterator[str]:
    if listed.total:
        yield f"none of the {counted(listed.total, 'run')} in {listed.folder} meets all conditions"
    elif listed.is_run:
        yield f"{listed.folder} is a run itself: bpnet show {shell_path(listed.folder)}"
    else:
        yield f"there are no runs in {listed.folder}; `bpnet train CONFIG` makes one"


def _notes(listed: RunsList, left_out: Sequence[str]) -> Iterator[str]:
    if listed.total > len(listed.runs):
        yield f"{len(listed.runs):,} of {counted(listed.total, 'run')}"
    kept = [on_one_line(run.name) for run in listed.runs if run.thresholds]
    if kept and listed.scores:
        names = ", ".join(kept[:_MOST_NAMED])
        rest = f" and {len(kept) - _MOST_NAMED} more" if len(kept) > _MOST_NAMED else ""
        verb = "keeps" if len(kept) == 1 else "keep"
        yield f"{BY_HALF}; {names}{rest} {verb} another: bpnet eval RUN"
    if left_out:
        names = ", ".join(left_out[:_MOST_NAMED])
        more = len(left_out) - _MOST_NAMED
        also = f" and {more} more" if more > 0 else ""
        yield f"not shown: {names}{also} (--columns KEY,KEY shows others)"


def runs_warnings(listed: RunsList) -> list[str]:
    """Return why runs are damaged: the first problem of each."""
    return [run.problems[0] for run in listed.runs if run.problems]


def runs_data(listed: RunsList) -> dict[str, Any]:
    """Return the list for `--json`, with all that is known of each run."""
    return {
        "folder": str(listed.folder),
        "total": listed.total,
        "columns": [*listed.scores, *listed.columns],
        "studies": [study_data(one) for one in listed.studies],
        "runs": [
            {
                "run": str(run.folder),
                "name": run.name,
                "status": run.status,
                "problems": run.problems,
                "kind": run.kind,
                "dataset": run.data,
                "started": run.run.get("started"),
                "seconds": run.run.get("seconds"),
                "score": run.main_score,
                "metrics": run.scores,
                "thresholds": list(run.thresholds),
                "columns": {key: run.values.get(key) for key in listed.columns},
            }
            for run in listed.runs
        ],
    }


def _table(listed: RunsList, width: int, now: datetime) -> tuple[list[str], list[str]]:
    """Return the lines of the table, and the keys that there was no room for."""
    runs = listed.runs
    names = shortened([on_one_line(run.name) for run in runs], max(20, width // 3))
    fixed = [
        ["run", *names],
        ["status", *(run.status for run in runs)],
        ["age", *(age_text(run, now) for run in runs)],
        ["data", *shortened([on_one_line(run.data or "") for run in runs], 20)],
    ]
    known = {key for run in runs for key in run.config} if not listed.asked else set[str]()
    heads = short_names(listed.columns, known)
    cells = [(heads[key], _cells(runs, key)) for key in listed.columns]
    others = [[*_two_lines(head, _width(column)), *column] for head, column in cells]
    keyed = dict(zip(listed.columns, others, strict=True))
    columns = [["", *column] for column in fixed]
    room = width - sum(map(_width, columns)) - _GAP * (len(columns) - 1)
    if listed.asked:  # before the scores, which nobody has asked for
        asked, room, left_out = _fitting(keyed, room, len(keyed))
        scores, _, no_scores = _fitting(_scores(listed, room), room, _MOST_SCORES)
    else:
        scores, room, no_scores = _fitting(_scores(listed, room), room, _MOST_SCORES)
        asked, room, left_out = _fitting(keyed, room, _MOST_COLUMNS)
    left_out = [*no_scores, *left_out]
    rows = list(zip(*columns, *scores, *asked, strict=True))
    if not any(rows[0]):
        rows = rows[1:]
    lines = aligned(rows, numbers=False)
    return lines, left_out


def _fitting(
    columns: Mapping[str, list[str]], room: int, most: int
) -> tuple[list[list[str]], int, list[str]]:
    """Return the columns that fit, at most `most`, the room that is left, and all other keys."""
    shown: list[list[str]] = []
    left_out = []
    for number, (key, column) in enumerate(columns.items()):
        needed = _width(column) + _GAP
        if needed > room or number >= most:
            left_out.append(key)
            continue
        room -= needed
        shown.append(column)
    return shown, room, left_out


def _scores(listed: RunsList, room: int) -> dict[str, list[str]]:
    """Return a column for each metric, or one for all of them, if there is no room for so many.

    That one has the metric that sums up each run.
    """
    runs, count = listed.runs, Counter(run.main_score for run in listed.runs)
    keys = sorted(listed.scores, key=lambda key: (key in count, -count[key]))
    columns = {key: [*_score_head(key), *_cells(runs, key)] for key in keys}
    needed = sum(_width(column) + _GAP for column in columns.values())
    if len(columns) == 1 or (needed <= room and len(columns) <= _MOST_SCORES):
        return columns
    texts = [_cell(run.values.get(run.main_score or ""), scored=True) for run in runs]
    widest = max(map(len, texts))
    cells = [
        f"{text:>{widest}} {run.main_score.replace('.', ' ')}" if run.main_score else ""
        for text, run in zip(texts, runs, strict=True)
    ]
    others = {key: column for key, column in columns.items() if key not in count}
    together = {**others, "score": ["", "score", *cells]}
    fits = sum(_width(column) + _GAP for column in together.values()) <= room
    return together if fits else columns


def _score_head(key: str) -> tuple[str, str]:
    """Return the head of a metric in two lines: its part, and its name."""
    part, _, name = key.rpartition(".")
    return part, name


def _two_lines(head: str, width: int) -> tuple[str, str]:
    """Return a head in two lines, divided after a dot or underscore, if its column is narrower."""
    if display_width(head) <= width:
        return "", head
    places = [k + 1 for k, mark in enumerate(head[:-1]) if mark in "._"]
    place = min(places, key=lambda k: max(k, len(head) - k), default=0)
    return head[:place], head[place:]


def _cells(runs: Sequence[RunEntry], key: str) -> list[str]:
    """Return the values of a key, with the numbers aligned right."""
    values = [run.values.get(key) for run in runs]
    texts = [_cell(value, scored=is_score(key)) for value in values]
    cells = shortened([on_one_line(text) for text in texts], _LONGEST_CELL)
    numbers = [isinstance(value, int | float) for value in values if value is not None]
    if numbers and all(numbers):
        widest = max(map(display_width, cells))
        cells = [" " * (widest - display_width(cell)) + cell for cell in cells]
    return cells


def _cell(value: Value, *, scored: bool) -> str:
    if value is None:
        return ""
    if scored and isinstance(value, float):
        return score_text(value, bounded=value < 1)
    return rounded(value, 4) if isinstance(value, float) else value_text(value)


def _width(column: Sequence[str]) -> int:
    return max(map(display_width, column))


def age_text(run: RunEntry, now: datetime) -> str:
    """Return how long ago a run began: 42 s, 5 min, 3 h or 12 d."""
    if run.started is None:
        return ""
    seconds = max((now - run.started).total_seconds(), 0)
    size, unit = next(((s, u) for s, u in _AGES if seconds >= s), (1, "s"))
    return f"{int(seconds // size)} {unit}"
