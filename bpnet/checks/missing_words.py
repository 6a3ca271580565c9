"""Words that mean a missing value: found in a table before training, and those that are read so."""

from collections.abc import Sequence
from dataclasses import dataclass

from bpnet.data.cell_kinds import MAX_INTEGER_CLASSES
from bpnet.data.encoding.columns import CategoricalColumn
from bpnet.data.missing_word_detection import gap_words, missing_words, words_among_dates
from bpnet.data.missing_words import not_missing_advice, yaml_words
from bpnet.data.reading import Table
from bpnet.data.spelling import number_spelling
from bpnet.data.targets import Classes
from bpnet.messages import named, quoted_cell, quoted_list
from bpnet.preparation.fit import FittedDataset

_FEWEST_NUMBERS = 3
"""Different numbers that a feature has at least, if a word among them means a missing value."""


@dataclass(frozen=True)
class MissingWords:
    """Words that seem to mean a missing value among the numbers or dates of some columns."""

    words: list[str]
    columns: list[str]
    kinds: str
    """What the columns hold besides: numbers, dates, or both."""

    @property
    def assignment(self) -> str:
        """The setting that makes them missing values."""
        return f"dataset.reading.missing={yaml_words(self.words)}"

    @property
    def warning(self) -> str:
        """The words read as missing values, and their places."""
        one = len(self.words) == 1
        return (
            f"{quoted_list(self.words)} among the {self.kinds} of {named('column', self.columns)} "
            f"{'is' if one else 'are'} read as a missing value (dataset.reading.missing)"
        )


def find_missing_words(
    table: Table, features: Sequence[str], targets: Sequence[str]
) -> MissingWords | None:
    """Return the words that seem to mean missing values in the first rows, if there are any.

    Among the few numbers of a target, a word may be a class.
    """
    chunk = next(iter(table.chunks(dict.fromkeys([*features, *targets], "text"))))
    words: dict[str, None] = {}
    kinds: dict[str, None] = {}
    columns, of_targets = [], set(targets)
    for name in [*features, *targets]:
        column, is_target = chunk.column(name), name in of_targets
        fewest = MAX_INTEGER_CLASSES + 1 if is_target else _FEWEST_NUMBERS
        kind, found = "numbers", missing_words(column, fewest)
        if not found and not is_target:
            kind, found = "dates", words_among_dates(column, fewest)
        if found:
            words |= dict.fromkeys(found)
            kinds[kind] = None
            columns.append(name)
    return MissingWords(list(words), columns, " or ".join(kinds)) if words else None


def gap_warnings(fitted: FittedDataset) -> list[str]:
    """Return which words of texts are read as missing values, and how to keep them as values.

    The first rows are looked at.
    """
    columns, target = fitted.encoder.columns, fitted.target
    texts = [column.name for column in columns if isinstance(column, CategoricalColumn)]
    if isinstance(target, Classes) and not all(map(_is_number_or_boolean, target.classes)):
        texts.append(target.name)
    if not texts:
        return []
    chunk = next(iter(fitted.split.table.chunks(dict.fromkeys(texts, "text"))))
    columns_of: dict[str, list[str]] = {}
    for name in texts:
        for word in gap_words(chunk.column(name)):
            columns_of.setdefault(word, []).append(name)
    return [
        f"{quoted_cell(word)} in {named('column', names)} is read as a missing value"
        f"{not_missing_advice(word)}"
        for word, names in columns_of.items()
    ]


def _is_number_or_boolean(text: str) -> bool:
    return number_spelling(text) is not None or text in ("true", "false")
