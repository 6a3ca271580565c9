"""The values that partial dependence tries, and what it says of each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspected_models import NAMES, predictor
from untrained_models import QUANTITIES, THREE, TWO

from bpnet.inspection.cells import RARE, UNSEEN, Cells, cell_label
from bpnet.inspection.dependence import (
    MOST_CATEGORIES,
    MOST_VALUES,
    _grid,
    _value,
    partial_dependence,
)


def shown(cells: Cells) -> tuple[list[float | str | None], list[str], list[int]]:
    rows, counts = _grid(cells)
    return [_value(cells, k) for k in rows], [cell_label(cells, k) for k in rows], counts.tolist()


@given(
    st.lists(st.one_of(st.none(), st.integers(-9, 9), st.floats(-1e9, 1e9)), min_size=1),
    st.sampled_from(["number", "date"]),
)
def test_numbers_and_dates_are_tried_within_their_range(values: list[float | None], kind) -> None:
    numbers = np.array([np.nan if value is None else value for value in values])
    if kind == "date":
        numbers = np.clip(numbers, -1e5, 1e5)
    cells = Cells(kind, numbers)
    rows, counts = _grid(cells)
    tried = numbers[rows]
    present = tried[~np.isnan(tried)]
    assert (np.diff(present) > 0).all()
    assert len(present) <= MOST_VALUES
    assert counts.sum() == len(values)
    assert np.isnan(tried[:-1]).sum() == 0  # a missing value comes last
    assert np.isnan(tried).any() == np.isnan(numbers).any()
    distinct = np.unique(numbers[~np.isnan(numbers)])
    if len(distinct) <= MOST_VALUES:
        assert present.tolist() == distinct.tolist()
    else:
        assert len(present) > 2


def test_quantiles_that_coincide_leave_room_for_the_other_values() -> None:
    values = np.concatenate([np.zeros(900), np.arange(1, 101)])
    tried, _, counts = shown(Cells("number", values))
    assert len(tried) == MOST_VALUES
    assert tried[0] == 0
    assert counts[0] > 900
    assert 90 < tried[-1] < 101


def test_dates_lie_evenly_on_their_range() -> None:
    days = np.concatenate([np.full(50, 19_723.0), 19_723 + np.arange(400), [19_723.5]])
    tried, labels, _ = shown(Cells("date", days))
    assert labels[0] == tried[0] == "2024-01-01"
    gaps = np.diff([np.datetime64(text).astype("datetime64[D]").astype(int) for text in labels])
    assert np.ptp(gaps) <= 2
    assert shown(Cells("date", np.array([19_723.5])))[1] == ["2024-01-01T12:00:00"]


def test_categories_are_the_most_frequent_ones_in_the_order_of_the_model() -> None:
    levels = [f"level {k}" for k in range(20)]
    codes = np.repeat(np.arange(20.0), np.arange(20) + 1)
    tried, labels, counts = shown(Cells("category", codes, (*levels, UNSEEN), 20))
    assert labels == tried == levels[-MOST_CATEGORIES:]
    assert counts == list(range(21 - MOST_CATEGORIES, 21))
    shared = Cells("category", np.array([0, 1, 2, 2, np.nan]), ("<b>", RARE, UNSEEN), 1)
    assert shown(shared) == (
        ["<b>", None, None, None],
        ["<b>", RARE, UNSEEN, "missing"],
        [1, 1, 2, 1],
    )


@pytest.mark.parametrize("target", [TWO, THREE, QUANTITIES])
def test_it_is_the_mean_over_rows_whose_cells_are_all_the_same(target) -> None:
    asked = predictor(target, 30, 0)
    rows = np.arange(0, 30, 2)
    found = partial_dependence(asked, "b", rows, rows[:3])
    names = target.classes[1:] if target is TWO else getattr(target, "classes", target.names)
    assert list(found.outputs) == names
    (x,) = asked.rows.inputs
    assert found.mean.shape == (len(found.values), len(names))
    for g, value in enumerate(found.values):
        same = x[rows].copy()
        same[:, NAMES.index("b")] = value
        each = asked.model.combine(asked.model.predict_each([same]))[:, -len(names) :]
        np.testing.assert_allclose(found.mean[g], each.mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(found.curves[:, g], each[:3], rtol=1e-9)
        np.testing.assert_allclose(
            found.quantiles[:, g], np.quantile(each, [0.1, 0.5, 0.9], axis=0)
        )
    assert found.curve_rows == (1, 3, 5)
    assert (found.range >= 0).all()
