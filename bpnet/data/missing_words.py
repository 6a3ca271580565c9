"""Words for a missing value, and the options that name them, as they are typed."""

import re
from collections.abc import Iterable, Sequence

from bpnet.messages import MAX_PROBLEMS, quoted_cell, set_option

GAPS = frozenset(("NA", "<NA>", "NaN", "nan", "NaT", "NULL", "#N/A"))
"""Words, exactly so, by which R, pandas, databases and spreadsheets write a missing value, also of
a text."""

MISSING_WORDS = (
    *("na", "n/a", "<na>", "nan", "nat", "null", "none", "#n/a"),
    *("?", "-", "–", "—"),
)
"""Words, in any case, for a missing number, date, yes or no; in a column of text they are
categories, except for GAPS."""


def missing_option(texts: Iterable[str], missing: frozenset[str]) -> str:
    """Return `--set dataset.reading.missing=[…]` with the words that are set already, and others.

    Of many texts the first few are named.
    """
    words = [*sorted(missing - GAPS), *list(dict.fromkeys(texts))[:MAX_PROBLEMS]]
    return set_option("dataset.reading.missing", yaml_words(words))


def not_missing_advice(word: str) -> str:
    """Return what to set if a word that usually means a missing value is a value; else nothing."""
    if word not in GAPS:
        return ""
    option = set_option("dataset.reading.not_missing", yaml_words([word]))
    return f"; if {quoted_cell(word)} is a value: {option}"


def yaml_words(words: Sequence[str]) -> str:
    """Return words as a YAML list, in quotes where they may be read as something else."""
    return f"[{', '.join(map(_yaml_word, words))}]"


def _yaml_word(word: str) -> str:
    plain = re.fullmatch(r"[^\W\d_]([\w ./-]*[\w./-])?", word)
    if plain and word.lower() not in ("null", "true", "false"):
        return word
    return "'" + word.replace("'", "''") + "'"
