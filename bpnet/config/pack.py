"""Packs: networks of one kind, with settings that are drawn at random from a space."""

from dataclasses import dataclass, field
from typing import Any, Literal

from bpnet.engine.component import Component, FieldError, number

MOST_DRAWS = 1000


@dataclass(frozen=True, kw_only=True)
class Range(Component):
    """Numbers that a setting is drawn from."""

    low: float = number()
    """The smallest number. Example: `low: 0.01`."""
    high: float = number()
    """The largest number. Example: `high: 0.1`."""
    scale: Literal["linear", "log"] = "linear"
    """With log all ratios are alike, as suits a learning rate: 0.01 to 0.1 is drawn as often as 0.1
    to 1.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low > self.high:
            raise FieldError("high", f"is {self.high:g}, which is less than low, {self.low:g}")
        if self.scale == "log" and self.low <= 0:
            raise FieldError(
                "low",
                f"is {self.low:g}, but on a log scale it must be greater than 0; or use "
                "scale: linear",
            )

    def at(self, share: float) -> float:
        """Return the number below which a share of the draws is, with four digits."""
        if self.scale == "log":
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + share * (self.high - self.low)
        return min(max(float(f"{value:.4g}"), self.low), self.high)


@dataclass(frozen=True, kw_only=True)
class Pack(Component):
    """Draws of a member's settings, which train as replicas in one pass."""

    draws: int = number(32, ge=2, le=MOST_DRAWS)
    """Number of settings that are drawn. The first are those of the config itself.
    Example: `draws: 16`.
    """
    space: dict[str, Range | list[Any]] = field(default_factory=dict)
    """Keys to draw, such as training.learning_rate, each with a range or a list of values. They
    must change no shape and no batch; architecture.dropout is the rate of all layers of dropout. By
    default learning rate, weight decay and dropout are drawn.
    Example: `space: {training.learning_rate: {low: 0.01, high: 0.1, scale: log}}`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for key, values in self.space.items():
            if isinstance(values, list) and not values:
                raise FieldError("space", f"has no values for {key}; give some, or leave it out")
