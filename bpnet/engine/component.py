"""A component: the frozen hyperparameters of one layer, activation, loss, optimizer or schedule."""

import dataclasses
import math
import operator
from functools import cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

BOUNDS = {
    "gt": (operator.gt, "greater than"),
    "ge": (operator.ge, "at least"),
    "lt": (operator.lt, "less than"),
    "le": (operator.le, "at most"),
}


@cache
def constant(value: float, dtype: np.dtype[Any]) -> Array:
    """The number as an array without axes, to compute with arrays of this type.

    NumPy brings in a Python number in a third to a whole microsecond, as long as a small array's whole computation.
    """
    array = np.array(value, dtype)
    array.setflags(write=False)
    return array


def number(default: Any = dataclasses.MISSING, **bounds: float) -> Any:
    """A finite numeric field with bounds among `gt`, `ge`, `lt` and `le`.

    The bounds stand in the field's metadata, under the names that pydantic gives them, so that the config
    schema and `Component` check the same declaration.
    """
    metadata: dict[str, Any] = {"strict": True, "allow_inf_nan": False, **bounds}
    return dataclasses.field(default=default, metadata=metadata)


def choice(default: Any = dataclasses.MISSING) -> Any:
    """A field that holds another component, told apart by its `kind`."""
    return dataclasses.field(default=default, metadata={"discriminator": "kind"})


class FieldError(ValueError):
    """A value that does not fit the others of its component; `field` names the one to change."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


@dataclasses.dataclass(frozen=True, kw_only=True)
class Component:
    """Hyperparameters with their defaults; raises ValueError where one is out of bounds."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None or "allow_inf_nan" not in field.metadata:
                continue
            name = f"{type(self).__name__}.{field.name}"
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float, np.number))
                or not math.isfinite(value)
            ):
                raise ValueError(f"{name} is {value!r}; it must be a finite number")
            for key, (holds, words) in BOUNDS.items():
                if key in field.metadata and not holds(value, field.metadata[key]):
                    raise ValueError(f"{name} is {value}; it must be {words} {field.metadata[key]}")
