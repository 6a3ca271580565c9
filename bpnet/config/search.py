"""The search section: the ranges of some keys, and how configs are drawn from them and compared."""

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from bpnet.config.budget import budget_seconds
from bpnet.engine.component import Component, FieldError, number

SamplerName = Literal["auto", "tpe", "sobol", "random"]
LEVELS = 6
"""Values of a range that changes the shape of a network, at most."""


@dataclass(frozen=True, kw_only=True)
class Dimension(Component):
    """The values that a key may take: a range of numbers, or choices."""

    low: float | None = number(None)
    """Smallest number. Example: `low: 0.0001, high: 0.1`."""
    high: float | None = number(None)
    """Largest number. Example: `low: 0.0001, high: 0.1`."""
    log: bool = False
    """Draw by ratio, as suits a learning rate: 0.01 to 0.1 as often as 0.1 to 1.
    Example: `low: 0.0001, high: 0.1, log: true`.
    """
    step: float | None = number(None, gt=0)
    """Distance between the values of a range that is not log. By default there is none, and 1 of
    whole numbers. Example: `low: 16, high: 128, step: 16`.
    """
    integer: bool = False
    """Draw whole numbers only. Example: `low: 16, high: 128, integer: true`."""
    choices: list[Any] | None = None
    """Values to choose among, in place of a range; a list in place of the mapping is these.
    Example: `choices: [relu, tanh]`.
    """
    when: dict[str, Any] | None = None
    """Keys and the value, or list of values, that each must have for this one to be drawn.
    Example: `choices: [0.01, 0.1], when: {training.optimizer: adamw}`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.choices is not None:
            self._check_choices(self.choices)
        else:
            self._check_range()
        for key, wanted in (self.when or {}).items():
            if wanted in (None, []):
                raise FieldError(
                    "when", f"gives {key} no value; write {{{key}: VALUE}}, or leave out when"
                )

    def _check_choices(self, choices: list[Any]) -> None:
        for name in ("low", "high", "step"):
            if getattr(self, name) is not None:
                raise FieldError(name, "and choices are both set; leave out one of the two")
        if not choices:
            raise FieldError("choices", "is empty; give some values, or leave the key out")
        for k, value in enumerate(choices):
            if value in choices[:k] and type(value) is type(choices[choices.index(value)]):
                raise FieldError("choices", f"names {value!r} twice; name each value once")

    def _check_range(self) -> None:
        low, high = self.low, self.high
        if low is None or high is None:
            name = "low" if low is None else "high"
            raise FieldError(
                name, "is missing; a range has low and high, or give a list of choices"
            )
        if low >= high:
            kind = "is empty" if low == high else "ends before it begins"
            raise FieldError(
                "high", f"is {high:g} and low is {low:g}: the range {kind}; give high the larger"
            )
        if self.log and low <= 0:
            raise FieldError(
                "low",
                f"is {low:g}, but with log it must be greater than 0; give a small number, such as "
                f"{high / 1000:g}, or leave out log",
            )
        if self.log and self.step is not None:
            raise FieldError("step", "and log are both set; leave out one of the two")
        for name, value in (("low", low), ("high", high), ("step", self.step)):
            if self.integer and value is not None and value != round(value):
                raise FieldError(name, f"is {value:g}, but the key takes whole numbers (integer)")
        if self.step is not None and self.step > high - low:
            raise FieldError("step", f"is {self.step:g}, which is more than the range is wide")

    @property
    def spacing(self) -> float | None:
        """The distance between two values of a range; None if any number between is allowed."""
        return self.step if self.step is not None else 1.0 if self.integer else None

    def at(self, share: float) -> Any:
        """Return the value below which a share, from 0 to 1, of the draws is."""
        if self.choices is not None:
            return self.choices[min(int(share * len(self.choices)), len(self.choices) - 1)]
        assert self.low is not None
        assert self.high is not None
        low, high, step = self.low, self.high, self.spacing
        if self.log:
            return self.rounded(low * (high / low) ** share)
        if step is None:
            return self.rounded(low + share * (high - low))
        count = math.floor((high - low) / step + 1e-9) + 1
        return self.rounded(low + step * min(int(share * count), count - 1))

    def rounded(self, value: float) -> Any:
        """Return a number as a config has it: whole, or with four digits."""
        assert self.low is not None
        assert self.high is not None
        if self.integer:
            return int(min(max(round(value), self.low), self.high))
        return min(max(float(f"{value:.4g}"), self.low), self.high)

    def levels(self) -> list[Any]:
        """Return all values, or a few over the range: the ends and some between."""
        if self.choices is not None:
            return list(self.choices)
        values = [self.at(k / (LEVELS - 1) - 1e-12 * (k == LEVELS - 1)) for k in range(LEVELS)]
        return list(dict.fromkeys(values))

    @property
    def ends(self) -> list[Any]:
        """The values that tell whether a config takes all: the choices, or both ends."""
        return list(self.choices) if self.choices is not None else [self.at(0.0), self.at(1.0)]

    @property
    def typical(self) -> list[Any]:
        """The values that tell whether draws differ in shape.

        Of a range without steps they are inside it: a draw almost never is an end.
        """
        if self.choices is not None or self.spacing is not None:
            return self.ends
        return [self.at(share) for share in (0.001, 0.3719, 0.999)]


@dataclass(frozen=True, kw_only=True)
class Search(Component):
    """The configs that `bpnet search` draws, the metric that compares them, and the end."""

    space: dict[str, Dimension | list[Any]] = field(default_factory=dict)
    """Keys to draw, as --set has them, each with a range or a list of values. By default learning
    rate, weight decay and dropout around those of the config, and the sizes of its hidden layers.
    Example: `space: {training.learning_rate: {low: 0.001, high: 0.1, log: true}}`.
    """
    trials: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Number of configs to draw. By default as many as the budget allows, or 128 if there is none.
    Example: `trials: 200`.
    """
    budget: float | str | None = None
    """Time of the search, in seconds or with s, m or h; the training of the best one comes after
    it. By default there is no limit. Example: `budget: 10m`.
    """
    sampler: SamplerName = "auto"
    """Rule that draws: tpe learns from the trials before (extra search), sobol spreads them evenly,
    random does neither. By default tpe where Optuna is installed, else sobol.
    """
    metric: str | None = None
    """Metric of held-out rows that is to become best, such as accuracy. By default the loss without
    penalties, or the task's first metric if the losses differ. Example: `metric: accuracy`.
    """
    folds: int | None = number(None, ge=2, le=100)
    """Number of folds of the training rows: a trial is compared by the rows that its networks hold
    out. By default those of the config, else its validation rows. Example: `folds: 5`.
    """
    draws: int | None = number(None, ge=1, le=1000)
    """Trials of one pass: they have one shape, and train as replicas. By default 8.
    Example: `draws: 16`.
    """
    passes: int = number(2, ge=1, le=1000)
    """Passes drawn at a time, each with a shape: what they find is known to the next ones. As many
    processes can share the work. Example: `passes: 8`.
    """
    rungs: int = number(2, ge=0, le=10)
    """Times within a training at which the worst trials stop. With 0 all train to the end.
    Example: `rungs: 1`.
    """
    reduction: float = number(3.0, gt=1)
    """Of this many trials one goes on at a rung; the epochs up to the next are this many times
    those up to it. Example: `reduction: 4`.
    """
    seed: int | None = number(None, ge=0, lt=2**32)
    """Seed of the draws. By default the config's. Example: `seed: 1`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.budget is not None:
            try:
                budget_seconds(self.budget)
            except ValueError as error:
                raise FieldError("budget", str(error)) from None
        if self.trials is not None and self.trials < 1:
            raise FieldError("trials", f"is {self.trials}; it must be at least 1")
        for key, values in self.space.items():
            if isinstance(values, list):
                try:
                    Dimension(choices=values)
                except FieldError as error:
                    raise FieldError("space", f"of {key} {error}") from None

    @property
    def seconds(self) -> float | None:
        """The time budget in seconds; None if there is no limit."""
        return None if self.budget is None else budget_seconds(self.budget)

    @property
    def dimensions(self) -> dict[str, Dimension]:
        """The values that each key may take."""
        return {
            key: Dimension(choices=one) if isinstance(one, list) else one
            for key, one in self.space.items()
        }
