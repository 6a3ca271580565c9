"""A buffer for encoded rows, to be used for one chunk after another."""

import numpy as np

from bpnet.engine.component import Array


class InputBuffer:
    """Memory for the inputs of a chunk's rows; those of the next chunk overwrite them.

    The system clears new memory first, which can take longer than to encode the rows.
    """

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)

    def inputs(self, rows: int, width: int, dtype: str) -> Array:
        """Return an array (N, I) in column order, since it is written column by column."""
        size = rows * width * np.dtype(dtype).itemsize
        if size > len(self._bytes):
            # a little more, for chunks differ in their rows
            self._bytes = np.empty(size + size // 8, np.uint8)
        return self._bytes[:size].view(dtype).reshape(width, rows).T
