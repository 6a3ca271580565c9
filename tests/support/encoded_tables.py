"""Tables of a few cells, encoders fitted on them, and what these make of other cells."""

import numpy as np
import pytest

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.column_options import ColumnOptions
from bpnet.data.encoding.fitting import fit_encoder
from bpnet.data.encoding.settings import Impute, OneHot, Standardize
from bpnet.data.reading import Table, table_from_rows
from bpnet.errors import DataError


def column_options(
    role: str, *, scaling=None, categorical=None, missing=None, form: str | None = None
) -> ColumnOptions:
    return ColumnOptions(
        role, scaling or Standardize(), categorical or OneHot(), missing or Impute(), form
    )  # type: ignore[arg-type]


def table(**columns: list[object]) -> Table:
    return table_from_rows("t.csv", list(columns), list(zip(*columns.values(), strict=True)))


def fitted(
    whole: Table, *plans: ColumnOptions, train: list[int] | None = None, unit_rows: bool = False
) -> Encoder:
    rows = np.ones(len(whole), bool) if train is None else np.isin(np.arange(len(whole)), train)
    by_name = dict(zip(whole.columns, plans, strict=True))
    return fit_encoder(whole, by_name, rows, unit_rows=unit_rows, rng=np.random.default_rng(0))


def encoded(encoder: Encoder, whole: Table, dtype: str = "float64") -> tuple[np.ndarray, list[str]]:
    (chunk,) = whole.chunks(encoder.column_types)
    x, flags = encoder.encode(chunk, dtype)
    return x, flags.texts(len(chunk))


def problems(encoder: Encoder, whole: Table, dtype: str = "float64") -> list[str]:
    with pytest.raises(DataError) as caught:
        encoded(encoder, whole, dtype)
    assert caught.value.exit_code == 4
    return caught.value.problems
