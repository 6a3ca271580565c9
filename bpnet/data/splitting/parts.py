"""The parts of a split, and the words for them in a table's column."""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from bpnet.errors import DataError
from bpnet.messages import did_you_mean

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
HeldOut = Literal["validation", "test"]
HELD_OUT: tuple[HeldOut, ...] = ("test", "validation")
"""The parts to draw, in the order in which they are drawn."""

Indices = npt.NDArray[np.intp]
PartNumbers = npt.NDArray[np.int8]
"""The part (N,) of each row, as its position in PARTS."""

TRAIN, DROPPED = 0, -1
NUMBERS: dict[HeldOut, int] = {"validation": 1, "test": 2}
_WORDS = {"train": 0, "validation": 1, "val": 1, "valid": 1, "dev": 1, "test": 2}


def names_parts(words: Sequence[str]) -> bool:
    """Return whether all words, in any case, name parts of a split, train among them."""
    numbers = {_WORDS.get(word.strip().casefold(), DROPPED) for word in words}
    return TRAIN in numbers and DROPPED not in numbers and len(numbers) > 1


def parts_from_words(
    codes: Indices, words: Sequence[str], where: Callable[[int], str]
) -> PartNumbers:
    """Return the part (N,) of each row by the words of `dataset.split.column`, in any case.

    `codes` (N,) are positions in `words`, the distinct ones, or -1 for a blank cell; `where`
    returns the place of a row. Raises DataError if a word is not one of train, validation (or
    val, valid, dev) and test, or if there is no training row.
    """
    # the last entry is that of the code -1
    numbers = [*(_WORDS.get(word.strip().casefold(), -1) for word in words), -1]
    parts: PartNumbers = np.array(numbers, np.int8)[codes]
    wrong = int(np.count_nonzero(parts == -1))
    if wrong:
        row = int(np.argmax(parts == -1))
        word = "" if codes[row] < 0 else words[codes[row]].strip()
        shown = f"'{word}'" if word else "blank"
        rows = "row" if wrong == 2 else "rows"  # besides the one that is shown
        others = f" (and {wrong - 1} more such {rows})" if wrong > 1 else ""
        raise DataError(
            f"{where(row)}: the cell of dataset.split.column is {shown}{others}; it must be "
            f"train, validation (or val, valid, dev) or test"
            f"{did_you_mean(word, _WORDS) if word else ''}"
        )
    if not (parts == TRAIN).any():
        raise DataError(
            "dataset.split.column: no row has the word train there; put it in the training rows"
        )
    return parts
