"""Matrix products and sums bound to arrays that stay in place, to be computed in every step."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from bpnet.engine.buffers import UNITS_FIRST_ROWS, empty
from bpnet.engine.component import Array
from bpnet.engine.workers import do_all


class BoundMatmul:
    """The product out = a b of a (R, M, K), b (R, K, N) and out (R, M, N), C-ordered by replica.

    np.matmul goes from replica to replica. A single replica has `dot`, which is called in half the
    time; and where all replicas share one b, their a on top of one another make one large product
    instead of many small ones. A large product of a single replica may be `shared` by threads: cut
    into parts whose number depends on its shape alone.
    """

    __slots__ = ("compute",)

    compute: Callable[[], object]
    """Write the product of what a and b now hold into out. For most shapes it is one call of C."""

    def __init__(self, a: Array, b: Array, out: Array, *, shared: bool = False) -> None:
        same_type = a.dtype == b.dtype == out.dtype  # only np.matmul casts
        parts = _parts(a, b) if shared and len(out) == 1 else []
        if len(parts) > 1:
            self.compute = partial(
                do_all,
                [_matmul(a[:, units], b[..., rows], out[:, units, rows]) for units, rows in parts],
            )
        elif same_type and len(out) == 1 and not out[0].flags.c_contiguous:
            # of a slice of rows; `dot` writes only into C order, and copies what is no single run
            if out[0].flags.f_contiguous and a[0].flags.forc and b[0].flags.forc:
                self.compute = partial(b[0].T.dot, a[0].T, out[0].T)
            else:
                self.compute = partial(np.matmul, a[0], b[0], out[0])
        elif same_type and len(out) == 1:
            long = _is_long(a, b)
            self.compute = _matmul(a, b, out) if long else partial(a[0].dot, b[0], out[0])
        elif same_type and b.strides[0] == 0:  # broadcast: all replicas share b
            self.compute = _StackedMatmul(a, b[0], out).compute
        elif same_type and a.shape[2] == 1 and out.shape[2] >= UNITS_FIRST_ROWS:
            # sums of one term, in an eighth to a third of the time; with the rows in one run where
            # replicas lie inside units: (M, R, 1) (1, R, N) = (M, R, N)
            factors = (values.transpose(1, 0, 2) for values in (a, b, out))
            self.compute = partial(np.multiply, *factors)
        else:
            self.compute = _matmul(a, b, out) if same_type else partial(np.matmul, a, b, out)


SMALL_PRODUCT = 1_000_000
"""The most multiplications of a product for which OpenBLAS has kernels that take the factors as
they are. For larger ones it arranges them anew first, which takes most of the time where one side
is short: (128, 8) (8, 8192) takes a fifth of its time in pieces. It has such kernels for processors
with AVX-512; on others the pieces take about as long as the whole."""
NARROW = 8192
"""The most bytes of the first factor of a product whose rows are cut into pieces."""
NARROW_SUM = 1024
"""The most numbers of the result of a product whose sums are cut into pieces, since the pieces'
results are added up."""


def _multiplications(a: Array, b: Array) -> int:
    """Return the number of multiplications of one replica's product."""
    return int(a.shape[1] * a.shape[2] * b.shape[2])


def _is_long(a: Array, b: Array) -> bool:
    """Return True if a product (R, M, K) (R, K, N) is to be cut into pieces of N or of K."""
    _, m, k = a.shape
    n = b.shape[2]
    sides, most = ((m, k), NARROW // a.itemsize) if n >= k else ((m, n), NARROW_SUM)
    narrow = min(sides) > 1 and sides[0] * sides[1] <= most
    return narrow and _multiplications(a, b) > SMALL_PRODUCT


def _piece_length(a: Array, b: Array, length: int) -> int:
    """Return the length of a piece of a side: a power of two, which divides most batches."""
    most = SMALL_PRODUCT // 2 * length // _multiplications(a, b)
    return 1 << most.bit_length() - 1


def _pieces(values: Array, length: int) -> Array:
    """Return whole pieces (R, p, M, length) of values (R, M, N), as a view."""
    replicas, units, _ = values.shape
    count = values.shape[2] // length
    cut = values[..., : count * length].reshape(replicas, units, count, length)
    return cut.transpose(0, 2, 1, 3)


def _matmul(a: Array, b: Array, out: Array) -> Callable[[], object]:
    """Return the product by np.matmul, which takes parts of an array as they are."""
    if not _is_long(a, b):
        return partial(np.matmul, a, b, out)
    return (_PiecesOfRows if b.shape[2] >= a.shape[2] else _PiecesOfSums)(a, b, out).compute


class _PiecesOfRows:
    """The product of a narrow a (R, M, K) and a long b (R, K, N): some columns of b at a time."""

    __slots__ = ("_pieces", "_rest")

    def __init__(self, a: Array, b: Array, out: Array) -> None:
        length = _piece_length(a, b, b.shape[2])
        # (R, 1, M, K) (R, p, K, n) = (R, p, M, n)
        self._pieces = a[:, None], _pieces(b, length), _pieces(out, length)
        left = b.shape[2] % length
        self._rest = (a, b[..., -left:], out[..., -left:]) if left else None

    def compute(self) -> None:
        """Write the product of what a and b now hold into out."""
        np.matmul(*self._pieces)
        if self._rest is not None:
            np.matmul(*self._rest)


class _PiecesOfSums:
    """The product of a (R, M, K) and b (R, K, N) with a long K: of some K at a time, added up."""

    __slots__ = ("_out", "_pieces", "_rest", "_results")

    def __init__(self, a: Array, b: Array, out: Array) -> None:
        length = _piece_length(a, b, a.shape[2])
        count, left = divmod(a.shape[2], length)
        replicas, m, n = out.shape
        self._out = out
        self._results = np.empty((replicas, count + bool(left), m, n), out.dtype)
        # (R, p, M, k) (R, p, k, N) = (R, p, M, N)
        b_pieces = _pieces(b.transpose(0, 2, 1), length).transpose(0, 1, 3, 2)
        self._pieces = _pieces(a, length), b_pieces, self._results[:, :count]
        self._rest = (a[..., -left:], b[:, -left:], self._results[:, -1]) if left else None

    def compute(self) -> None:
        """Write the product of what a and b now hold into out."""
        np.matmul(*self._pieces)
        if self._rest is not None:
            np.matmul(*self._rest)
        np.add.reduce(self._results, axis=1, out=self._out)


SHARED_OPERATIONS = 20_000_000
"""The fewest floating-point operations of a part of a product that threads share: 0.1 to 0.2 ms on
one core, where it takes 0.05 ms to wake another thread."""
SHARED_SIDE = 128
"""The fewest units or rows of such a part, since each arranges the other factor anew."""


def _parts(a: Array, b: Array) -> list[tuple[slice, slice]]:
    """Return the parts of the longer side of a product of a (1, M, K) and b (1, K, N)."""
    _, units, length = a.shape
    rows = b.shape[2]
    side = max(units, rows)
    count = min(2 * units * length * rows // SHARED_OPERATIONS, side // SHARED_SIDE, 8)
    cuts = [side * k // max(count, 1) for k in range(max(count, 1) + 1)]
    parts = [slice(start, stop) for start, stop in pairwise(cuts)]
    whole = slice(None)
    return [(part, whole) if units >= rows else (whole, part) for part in parts]


class BoundSum(BoundMatmul):
    """The sums over the last axis of values (R, M, K), times a factor, in out (R, M).

    A product with ones takes a fifth to a half of the time of np.add.reduce. Each replica has its
    own ones: one product of all replicas would add up in another order than a replica by itself.
    """

    __slots__ = ()

    def __init__(self, values: Array, out: Array, factor: float = 1.0) -> None:
        replicas, _, length = values.shape
        ones = np.full((replicas, length, 1), factor, values.dtype)  # (R, K, 1)
        super().__init__(values, ones, out[..., None])  # (R, M, K) (R, K, 1) = (R, M, 1)


class BoundTotal:
    """The sum over units and rows of values (R, O, B), times a factor, in out (R,)."""

    __slots__ = ("_of_units", "_ones", "_out", "_sum_rows")

    def __init__(self, values: Array, out: Array, factor: float = 1.0) -> None:
        replicas, units, _ = values.shape
        self._out, self._ones = out, None
        if replicas == 1:
            # a view, as one replica's values are one run of memory: (1, 1, O B)
            self._sum_rows = BoundSum(values.reshape(1, 1, -1), out[:, None], factor)
        else:
            self._of_units = np.empty((replicas, units), values.dtype)
            self._ones = np.ones(units, values.dtype)
            self._sum_rows = BoundSum(values, self._of_units, factor)

    def compute(self) -> None:
        """Write the sums of what values now holds into out."""
        self._sum_rows.compute()
        if self._ones is not None:
            np.matmul(self._of_units, self._ones, self._out)  # (R, O) (O,) = (R,)


class BoundIncrement:
    """The addition sums (R,) += amounts (R,), where the sums are float64 and the amounts need not.

    NumPy casts, and adds a single number in place, through a buffer, which takes 0.8 µs; the number
    of a single replica takes 0.1 µs.
    """

    __slots__ = ("_amounts", "_sums", "compute")

    compute: Callable[[], object]
    """Add what amounts now holds to sums."""

    def __init__(self, amounts: Array, sums: Array) -> None:
        self._amounts, self._sums = amounts, sums
        if len(sums) == 1:
            self.compute = self._add_number
        else:
            self.compute = partial(np.add, sums, amounts, sums)

    def _add_number(self) -> None:
        self._sums[0] += self._amounts.item()


class _StackedMatmul:
    """The product of the a (R, M, K) of all replicas, stacked, and the b (K, N) that they share."""

    __slots__ = ("_a", "_a_stacked", "_multiply", "_out", "_out_stacked")

    def __init__(self, a: Array, b: Array, out: Array) -> None:
        self._a, self._out = a.transpose(1, 0, 2), out.transpose(1, 0, 2)  # (M, R, ·), as units lie
        self._a_stacked = self._a if self._a.flags.c_contiguous else empty(self._a.shape, a.dtype)
        self._out_stacked = (
            self._out if self._out.flags.c_contiguous else empty(self._out.shape, out.dtype)
        )
        self._multiply = BoundMatmul(
            self._a_stacked.reshape(1, -1, a.shape[2]),  # (1, M R, K)
            b[None],
            self._out_stacked.reshape(1, -1, out.shape[2]),  # (1, M R, N)
        ).compute

    def compute(self) -> None:
        """Write the product into out, by way of a copy of what does not lie in that order."""
        if self._a_stacked is not self._a:
            np.copyto(self._a_stacked, self._a)
        self._multiply()
        if self._out_stacked is not self._out:
            np.copyto(self._out, self._out_stacked)
