"""BLAS, which multiplies matrices: on one thread, since how many changes the last bits."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_inside: dict[object, int] = {}
"""The blocks within `one_thread`, each with its thread of Python."""
_before: dict["_Place", tuple[Any, int]] = {}
"""The libraries that are limited, and the number of threads that each had."""
_looked_up: tuple[tuple[int, str | None], list[Any]] | None = None
"""What was loaded when the libraries were looked up last, and the libraries."""
_Place = tuple[str, int | None]
"""The file of a library, and the thread of Python whose number it is; None for that of all."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let each product take one thread, until the last of all threads of Python has left.

    What loads another library of BLAS within enters again before it multiplies.
    """
    block = object()
    try:
        with _lock:
            _inside[block] = threading.get_ident()
            for library in _libraries():
                threads = library.num_threads
                if threads != 1:
                    _before.setdefault(_place(library), (library, threads))
                    _set(library, 1)
        yield
    finally:
        with _lock:
            _inside.pop(block, None)
            inside = {None, *_inside.values()} if _inside else set()
            for place in [place for place in _before if place[1] not in inside]:
                _set(*_before.pop(place))


def given_threads() -> int | None:
    """Return the fewest threads that a library has where nothing limits it; None without any.

    OPENBLAS_NUM_THREADS and threadpoolctl set it.
    """
    with _lock:
        found = [
            _before.get(_place(library), (library, library.num_threads))[1]
            for library in _libraries()
        ]
    return min(found, default=None)


def _place(library: Any) -> _Place:
    by_thread = getattr(library, "threading_layer", None) == "openmp"
    return library.filepath, threading.get_ident() if by_thread else None


def _set(library: Any, threads: int) -> None:
    """Set the number of threads, whichever thread of Python has set it last."""
    # since threadpoolctl 3.8 only one thread may set that of OpenBLAS, until it is released
    release = getattr(library, "clear_controlling_thread", lambda **_: None)
    release(force=True)
    library.set_num_threads(threads)
    release(force=True)


def _libraries() -> list[Any]:
    """Return the libraries of BLAS, which are looked up again once there are other modules.

    That takes a millisecond, as long as fifty steps of a small training.
    """
    global _looked_up
    modules = (len(sys.modules), next(reversed(sys.modules), None))
    if _looked_up is None or _looked_up[0] != modules:
        every = ThreadpoolController().lib_controllers
        _looked_up = modules, [library for library in every if library.user_api == "blas"]
    return _looked_up[1]
