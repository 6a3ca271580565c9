"""The report of `bpnet predict`: the rows that are flagged, and those that the model knows."""

from typing import TYPE_CHECKING

from bpnet.messages import counted
from bpnet.reports.thresholds import thresholds_text

if TYPE_CHECKING:
    from bpnet.data.encoding.row_flags import FlagSummary
    from bpnet.workflows.predict import Summary

_MEANINGS = {
    "unseen": "categories that did not occur in training",
    "imputed": "missing values that were filled in",
    "outside": "numbers far outside the training range",
}


def training_note(summary: "Summary") -> list[str]:
    """Return a note on the rows that trained the model, if there are any."""
    if not summary.trained_rows:
        return []
    trained = summary.trained
    if not trained.own:
        are = "is" if trained.rows == 1 else "are"
        return [
            f"note: {trained.rows:,} of {counted(summary.flags.rows, 'row')} of {summary.table} "
            f"{are} equal to rows that trained the model, in every column that it reads"
            f"{trained.by_chance}, and predictions for them look better than for new rows"
        ]
    return [
        f"note: {summary.table} is the table that the run was trained on: {summary.trained_rows:,} "
        f"of its {summary.flags.rows:,} rows trained the model ({summary.splits} lists the parts), "
        "and predictions for them look better than for new rows"
    ]


def threshold_note(summary: "Summary") -> list[str]:
    """Return a note on the threshold that decides, if it is not ½."""
    if not summary.thresholds:
        return []
    return [f"note: predictions are by the threshold {thresholds_text(summary.thresholds)}"]


def flags_text(flags: "FlagSummary") -> list[str]:
    """Return notes on how columns are read, and a sentence with the number of rows flagged."""
    if not flags.flagged:
        return flags.notes
    kinds = ", ".join(f"{_MEANINGS[kind]}: {count}" for kind, count in flags.kinds.items())
    are = "is" if flags.flagged == 1 else "are"
    return [*flags.notes, f"{flags.flagged} of {counted(flags.rows, 'row')} {are} flagged: {kinds}"]
