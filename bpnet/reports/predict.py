"""The report of `bpnet predict`: a summary of the rows that are flagged."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpnet.workflows.predict import Summary

_MEANINGS = {
    "unseen": "categories that did not occur in training",
    "imputed": "missing values that were filled in",
    "outside": "numbers far outside the training range",
}


def flags_text(summary: "Summary") -> str:
    """Return the number of rows flagged, with how often each flag was set."""
    kinds = ", ".join(f"{_MEANINGS[kind]}: {count}" for kind, count in summary.kinds.items())
    return f"{summary.flagged} of {summary.rows} rows are flagged: {kinds}"
