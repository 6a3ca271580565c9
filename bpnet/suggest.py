"""Near misses: the allowed word that a mistyped one was probably meant to be."""

import difflib
from collections.abc import Iterable


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word closest to `word`, ignoring case, or None when none is close."""
    by_folded = {choice.casefold(): choice for choice in allowed}
    matches = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return by_folded[matches[0]] if matches else None


def suggest(word: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'epochs'?` to end an error message with, or the empty string."""
    choice = nearest(word, allowed)
    return f"; did you mean '{choice}'?" if choice else ""
