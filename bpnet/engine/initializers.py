"""Initializers: the first values of a weight matrix or bias vector, drawn from a given generator.

`fan_in` is the number of inputs of each unit of the layer, `fan_out` the number of its units.
`draw` returns a float64 array of the given shape, (O, I) for weights or (O,) for a vector.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.component import Array, Component, FieldError, number

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Initializer(Component):
    """Base of all initializers."""

    from_rows: ClassVar[bool] = False
    """True if a layer adapts what is drawn to training rows."""

    def draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
        """Return the first values; raises ValueError if the initializer cannot make this shape."""
        raise TypeError(f"{type(self).__name__} draws nothing")


@dataclass(frozen=True, kw_only=True)
class Zeros(Initializer):
    """All 0: the usual start of biases.

    Weights that start at 0 leave the units of a hidden layer the same for ever. The output layer
    may start so: it then predicts the same for all rows, and learns from the first step on.
    """

    kind: Literal["zeros"] = "zeros"

    def draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
        """Return zeros."""
        return np.zeros(shape)


@dataclass(frozen=True, kw_only=True)
class Constant(Initializer):
    """All the same value."""

    kind: Literal["constant"] = "constant"
    value: float = number()
    """The value of every weight or bias. Example: `value: 0.1`."""

    def draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
        """Return an array of the value."""
        return np.full(shape, float(self.value))


@dataclass(frozen=True, kw_only=True)
class Normal(Initializer):
    """Normal with the given mean and standard deviation."""

    kind: Literal["normal"] = "normal"
    mean: float = number(0.0)
    """Mean of the values."""
    deviation: float = number(1.0, gt=0)
    """Standard deviation of the values. Example: `deviation: 0.1`."""

    def draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
        """Draw independent normal values."""
        return rng.normal(self.mean, self.deviation, shape)


@dataclass(frozen=True, kw_only=True)
class Uniform(Initializer):
    """Uniform from `low` (included) to `high` (not included)."""

    kind: Literal["uniform"] = "uniform"
    low: float = number(-1.0)
    """Smallest value. Example: `low: -0.1, high: 0.1`."""
    high: float = number(1.0)
    """Upper end of the values, which is not reached. Example: `low: -0.1, high: 0.1`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low >= self.high:
            raise FieldError(
                "low", f"is {self.low} and high is {self.high}; low must be less than high"
            )

    def draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
        """Draw independent uniform values."""
        return rng.uniform(self.low, self.high, shape)


@dataclass(frozen=True, kw_only=True)
class _Scaled(Initializer):
    """Values whose variance follows from the layer's size and a gain."""

    gain: float = number(1.0, gt=0)
    """Factor on the standard deviation: 2 makes the first weights twice as large."""
    uniform: ClassVar[bool]

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance at gain 1."""
        raise TypeError(f"{type(self).__name__} has no variance")

    def draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
        """Draw normal values of that variance, or uniform ones in ±√(3 variance), of the same."""
        # a uniform value in ±c has the variance c² / 3
        deviation = self.gain * math.sqrt(self.variance(fan_in, fan_out))
        if self.uniform:
            return rng.uniform(-math.sqrt(3) * deviation, math.sqrt(3) * deviation, shape)
        return rng.normal(0.0, deviation, shape)


@dataclass(frozen=True, kw_only=True)
class _Glorot(_Scaled):
    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return 2 / (fan_in + fan_out) (Glorot and Bengio 2010)."""
        return 2 / (fan_in + fan_out)


@dataclass(frozen=True, kw_only=True)
class _He(_Scaled):
    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return 2 / fan_in (He et al. 2015)."""
        return 2 / fan_in


@dataclass(frozen=True, kw_only=True)
class _Lecun(_Scaled):
    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return 1 / fan_in (LeCun et al. 1998)."""
        return 1 / fan_in


@dataclass(frozen=True, kw_only=True)
class GlorotNormal(_Glorot):
    """Normal, variance 2 / (fan_in + fan_out): for tanh and sigmoid (Glorot and Bengio 2010)."""

    kind: Literal["glorot_normal"] = "glorot_normal"
    uniform: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class GlorotUniform(_Glorot):
    """Uniform, variance 2 / (fan_in + fan_out): for tanh and sigmoid (Glorot and Bengio 2010)."""

    kind: Literal["glorot_uniform"] = "glorot_uniform"
    uniform: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class HeNormal(_He):
    """Normal, variance 2 / fan_in: for relu and its variants (He et al. 2015)."""

    kind: Literal["he_normal"] = "he_normal"
    uniform: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class HeUniform(_He):
    """Uniform, variance 2 / fan_in: for relu and its variants (He et al. 2015)."""

    kind: Literal["he_uniform"] = "he_uniform"
    uniform: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class LecunNormal(_Lecun):
    """Normal, variance 1 / fan_in: for selu (LeCun et al. 1998, Klambauer et al. 2017)."""

    kind: Literal["lecun_normal"] = "lecun_normal"
    uniform: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class LecunUniform(_Lecun):
    """Uniform, variance 1 / fan_in (LeCun et al. 1998)."""

    kind: Literal["lecun_uniform"] = "lecun_uniform"
    uniform: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Orthogonal(Initializer):
    """Rows, or columns where they are fewer, orthogonal and of length `gain` (Saxe et al. 2014)."""

    kind: Literal["orthogonal"] = "orthogonal"
    gain: float = number(1.0, gt=0)
    """Length of each row, or column."""

    def draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
        """Return the Q of a normal matrix's QR decomposition; raises ValueError for a vector.

        The signs of R's diagonal make Q uniform over all orthogonal matrices (Mezzadri 2007).
        """
        if len(shape) != 2:
            raise ValueError(f"orthogonal needs a weight matrix, not a vector of {shape[0]}")
        tall = (max(shape), min(shape))
        q, r = np.linalg.qr(rng.normal(size=tall))
        q = q * np.sign(np.diag(r))  # column by column
        return self.gain * (q if shape == tall else q.T)


@dataclass(frozen=True, kw_only=True)
class Explicit(Initializer):
    """The given values: for weights a row for each unit, with a number for each of its inputs."""

    kind: Literal["explicit"] = "explicit"
    values: list[float | list[float]]
    """The values: for weights a list of numbers for each unit, for biases one number for each unit.
    Example: `values: [[0.1, 0.2], [0.3, 0.4]]`.
    """

    def draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
        """Return the values; raises ValueError if they have another shape or are not finite."""
        try:
            values = np.array(self.values, dtype=np.float64)
        except ValueError:
            lengths = sorted({len(row) if isinstance(row, list) else 1 for row in self.values})
            raise ValueError(
                f"the explicit values have rows of different lengths: {lengths}"
            ) from None
        if values.shape != shape:
            axes = "(units, inputs)" if len(shape) == 2 else "(units,)"
            raise ValueError(
                f"the explicit values have shape {values.shape}; this layer needs {shape} {axes}"
            )
        if not np.isfinite(values).all():
            raise ValueError("the explicit values hold nan or inf; all must be finite numbers")
        return values


@dataclass(frozen=True, kw_only=True)
class Data(Initializer):
    """From training rows, layer by layer, so that the units' sums z start well spread.

    Weights are normal with variance 1 / fan_in, then each unit's are divided by the standard
    deviation of its z = W x over the rows. The bias of a unit is minus a weighted mean of its z at
    5 random rows, with weights from the exponential distribution: z then changes its sign near a
    row (Holzmüller, Grinsztajn and Steinwart 2024). At most 512 rows are used. Only dense layers
    take it.
    """

    kind: Literal["data"] = "data"
    from_rows: ClassVar[bool] = True

    def draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
        """Return normal weights, or biases of 0, which the rows then change."""
        return rng.normal(0.0, fan_in**-0.5, shape) if len(shape) == 2 else np.zeros(shape)

    def scale_weights(self, weights: Array, sums: Array) -> None:
        """Divide each unit's weights (O, I), and its sums z (O, B), by the deviation of z.

        Units with equal sums for all rows, but for rounding, stay as they are.
        """
        z = sums.astype(np.float64)
        deviation = z.std(axis=1, keepdims=True)  # (O, 1)
        varies = deviation > 1e-5 * np.abs(z).max(axis=1, keepdims=True)
        divisor = np.where(varies, deviation, 1.0)
        weights /= divisor
        sums /= divisor

    def biases(self, rng: np.random.Generator, sums: Array) -> Array:
        """Return the biases (O,) for the sums z (O, B)."""
        units, rows = sums.shape
        picked = np.take_along_axis(sums, rng.integers(0, rows, (units, 5)), axis=1)
        return -np.average(picked, axis=1, weights=rng.exponential(size=(units, 5)))


AnyInitializer = (
    Zeros
    | Constant
    | Normal
    | Uniform
    | GlorotNormal
    | GlorotUniform
    | HeNormal
    | HeUniform
    | LecunNormal
    | LecunUniform
    | Orthogonal
    | Data
    | Explicit
)
