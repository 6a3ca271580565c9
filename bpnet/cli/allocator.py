"""The allocator: what becomes of memory that bpnet has freed."""

import ctypes
import sys

_M_MMAP_THRESHOLD = -3
_LARGE = 1 << 20


def give_back_large_blocks() -> None:
    """Let glibc give back every block of 1 MB and more as soon as it is free.

    By itself it raises this threshold while tables are read, up to 32 MB, and keeps what lies below: the peak of a
    training on a CSV of 73 MB is then 624 MB instead of 496, that of predicting 378 instead of 251. Neither takes
    longer.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _LARGE)
