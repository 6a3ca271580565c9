"""State: what an object must hold to continue a training exactly where another one was."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

StateDict = Mapping[str, Any]
"""Values by name: arrays, numbers, texts, None, lists of these, and states of parts."""


class Stateful:
    """An object whose state can be read, and loaded into one that was made in the same way.

    What it is made of, such as settings, rows and the shapes of buffers, is no part of the state.
    """

    stateful: ClassVar[tuple[str, ...]] = ()
    """Names of the attributes that are the state; a subclass adds its own to those of its base."""

    def state(self) -> dict[str, Any]:
        """Return the state; its arrays are the object's own, which it changes as it goes on."""
        return {name: _read(getattr(self, name)) for name in self._stateful()}

    def load_state(self, state: StateDict) -> None:
        """Go on from a state. Raises ValueError if it is that of another kind of object."""
        names = self._stateful()
        if state.keys() != set(names):
            raise ValueError(
                f"a state of {type(self).__name__} holds {sorted(names)}, not {sorted(state)}"
            )
        for name in names:
            setattr(self, name, _loaded(getattr(self, name), state[name], name))

    def _stateful(self) -> list[str]:
        """Return the names of all attributes that are the state."""
        return [
            name for kind in type(self).__mro__[::-1] for name in vars(kind).get("stateful", ())
        ]


def _read(value: Any) -> Any:
    """Return a value as part of a state."""
    if isinstance(value, Stateful):
        return value.state()
    if isinstance(value, np.random.Generator):
        return dict(value.bit_generator.state)
    if isinstance(value, list | tuple):
        return [_read(item) for item in value]
    if isinstance(value, dict):
        return {key: _read(item) for key, item in value.items()}
    return value


def _loaded(present: Any, value: Any, name: str) -> Any:
    """Return what takes the place of a present value: itself, where it can be filled."""
    if isinstance(present, Stateful):
        present.load_state(value)
        return present
    if isinstance(present, np.random.Generator):
        present.bit_generator.state = value
        return present
    if isinstance(present, np.ndarray):
        return _filled(present, value, name)
    if value is None:
        return None
    if isinstance(present, list | tuple) and len(present) == len(value):
        return type(present)(
            _loaded(old, new, f"{name}[{k}]")
            for k, (old, new) in enumerate(zip(present, value, strict=True))
        )
    if isinstance(present, dict) and present.keys() == value.keys():
        return {key: _loaded(old, value[key], f"{name}.{key}") for key, old in present.items()}
    return value.copy() if isinstance(value, np.ndarray) else value


def _filled(present: np.ndarray, value: Any, name: str) -> np.ndarray:
    """Return an array with the values of another, in the same memory if it can be written to."""
    if not isinstance(value, np.ndarray) or (value.shape, value.dtype) != (
        present.shape,
        present.dtype,
    ):
        given = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else repr(value)
        raise ValueError(f"{name} of a state is {given}, not {present.dtype} {present.shape}")
    if not present.flags.writeable:
        return value.copy()
    present[...] = value
    return present
