"""Splitting: the training, validation and test rows, drawn from one seed in `split.py`."""

from bpnet.data.splitting.parts import (
    PARTS,
    Indices,
    Part,
    PartNumbers,
    names_parts,
    parts_from_words,
)
from bpnet.data.splitting.split import SplitOptions, split_rows

__all__ = [
    "PARTS",
    "Indices",
    "Part",
    "PartNumbers",
    "SplitOptions",
    "names_parts",
    "parts_from_words",
    "split_rows",
]
