"""A component: the frozen hyperparameters of one layer, activation, loss, optimizer or schedule."""

import dataclasses
import math
import operator
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Passes = Sequence[Callable[[], object]]
"""Operations on whole arrays, bound to them, in the order in which a step calls them."""

BOUNDS = {
    "gt": (operator.gt, "greater than"),
    "ge": (operator.ge, "at least"),
    "lt": (operator.lt, "less than"),
    "le": (operator.le, "at most"),
}

_EXTRA = "json_schema_extra"
"""Pydantic's name for what it keeps of a field without a check."""


@cache
def constant(value: float, dtype: np.dtype[Any]) -> Array:
    """Return the number as an array without axes, to compute with arrays of this type.

    NumPy takes a third of a microsecond to a whole one to convert a Python number, as long as the
    computation on a small array.
    """
    with np.errstate(over="ignore"):  # 1e39 is infinite in float32
        array = np.array(value, dtype)
    array.setflags(write=False)
    return array


def number(default: Any = dataclasses.MISSING, **bounds: float) -> Any:
    """Declare a finite numeric field with bounds among `gt`, `ge`, `lt` and `le`.

    The bounds are in the field's metadata under pydantic's names for them, so that the config
    schema and `Component` check the same declaration.
    """
    metadata: dict[str, Any] = {"strict": True, "allow_inf_nan": False, **bounds}
    return dataclasses.field(default=default, metadata=metadata)


def number_or(word: str, default: Any, **bounds: float) -> Any:
    """Declare a numeric field with bounds, which may be a word instead.

    Pydantic, which could not compare the word with the bounds, passes them over where they are.
    """
    return dataclasses.field(default=default, metadata={_EXTRA: {"word": word, **bounds}})


def declared_bounds(field: "dataclasses.Field[Any]") -> dict[str, float]:
    """Return the bounds of a field that `number` or `number_or` has made; none of another."""
    declared = field.metadata.get(_EXTRA, field.metadata)
    return {name: declared[name] for name in BOUNDS if name in declared}


def choice(default: Any = dataclasses.MISSING) -> Any:
    """Declare a field for another component, whose `kind` names its class."""
    return dataclasses.field(default=default, metadata={"discriminator": "kind"})


class FieldError(ValueError):
    """A value that contradicts the others of its component; `field` names the one to change."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


@dataclasses.dataclass(frozen=True, kw_only=True)
class Component:
    """Base of all components: hyperparameters with defaults and bounds.

    Raises ValueError if one is out of bounds. `kind`, where a subclass has one, is its name in a
    config.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if _EXTRA in field.metadata:
                self._check_number_or_word(field, value)
            if value is None or "allow_inf_nan" not in field.metadata:  # not made by `number`
                continue
            name = f"{type(self).__name__}.{field.name}"
            if (
                isinstance(value, bool)  # which is an int, too
                or not isinstance(value, (int, float, np.number))
                or not math.isfinite(value)
            ):
                raise ValueError(f"{name} is {value!r}; it must be a finite number")
            for key, (holds, words) in BOUNDS.items():
                if key in field.metadata and not holds(value, field.metadata[key]):
                    raise ValueError(f"{name} is {value}; it must be {words} {field.metadata[key]}")

    def _check_number_or_word(self, field: "dataclasses.Field[Any]", value: Any) -> None:
        """Raise FieldError unless a value is the word, or a number within the bounds, or None."""
        word, bounds = field.metadata[_EXTRA]["word"], declared_bounds(field)
        if value is None or value == word:
            return
        allowed = " and ".join(f"{BOUNDS[name][1]} {bound}" for name, bound in bounds.items())
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float, np.number))
            or not math.isfinite(value)
        ):
            allowed = f"a finite number, {allowed}"
        elif all(BOUNDS[name][0](value, bound) for name, bound in bounds.items()):
            return
        raise FieldError(field.name, f"is {value}; it must be {allowed}, or {word}")
