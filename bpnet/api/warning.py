"""Warnings of bpnet's in Python."""

import sys
import warnings
from types import FrameType

from bpnet.api.words import in_python

_OWN = ("bpnet.", "contextlib", "functools")
"""The modules between the caller's line and a warning."""


class BpnetWarning(UserWarning):
    """A warning of bpnet's, which the command line writes to stderr."""


def warn(text: str) -> None:
    """Warn of the line that has called into bpnet."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _module(frame).startswith(_OWN):
        level, frame = level + 1, frame.f_back
    warnings.warn(in_python(text), BpnetWarning, stacklevel=level)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))  # code that is executed may have none
