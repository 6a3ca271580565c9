"""Bounds of a number that is one of several types, which its section checks by itself."""

from dataclasses import dataclass

from bpnet.engine.component import BOUNDS


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """An annotation: pydantic's own would have no message for all types together."""

    gt: float | None = None
    ge: float | None = None
    lt: float | None = None

    def hold(self, value: float) -> bool:
        """Return whether a number is within the bounds."""
        given = {name: bound for name, bound in vars(self).items() if bound is not None}
        return all(BOUNDS[name][0](value, bound) for name, bound in given.items())
