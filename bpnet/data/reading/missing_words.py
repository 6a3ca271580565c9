"""The option that names words for a missing value, as it is typed."""

import re
from collections.abc import Iterable

from bpnet.data.reading.column import Column
from bpnet.data.reading.number_format import GAPS
from bpnet.messages import MAX_PROBLEMS, set_option


def missing_option(texts: Iterable[str], column: Column) -> str:
    """Return `--set dataset.reading.missing=[…]` with the words that are set already, and others.

    Of many texts the first few are named.
    """
    words = [
        *sorted(column.number_format.missing - GAPS),
        *list(dict.fromkeys(texts))[:MAX_PROBLEMS],
    ]
    return set_option("dataset.reading.missing", f"[{', '.join(map(yaml_word, words))}]")


def yaml_word(word: str) -> str:
    """Return a word as an item of a YAML list, in quotes where it may be read as something else."""
    plain = re.fullmatch(r"[^\W\d_]([\w ./-]*[\w./-])?", word)
    if plain and word.lower() not in ("null", "true", "false"):
        return word
    return "'" + word.replace("'", "''") + "'"
