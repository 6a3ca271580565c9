"""Association of columns: scipy's measures, and groups that chance does not make."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr
from scipy.stats.contingency import association

from bpnet.inspection.association import LINKED, association_groups, associations
from bpnet.inspection.cells import Cells

RNG = np.random.default_rng(0)
ROWS = 300


def number(values: np.ndarray) -> Cells:
    return Cells("number", np.asarray(values, np.float64))


def category(codes: np.ndarray) -> Cells:
    codes = np.asarray(codes, np.float64)
    return Cells("category", codes, tuple("abcdefghijklmnopqrstuvwxyz"), 26)


def strength(*columns: Cells) -> np.ndarray:
    found, _ = associations(columns)
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    assert ((found >= 0) & (found <= 1)).all()
    return found


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=2, max_size=30))
def test_numbers_have_the_correlation_of_their_ranks(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, np.float64).T
    found = strength(number(x), number(y))[0, 1]
    varies = np.ptp(x) > 0 and np.ptp(y) > 0
    assert found == pytest.approx(abs(spearmanr(x, y).statistic) if varies else 0, abs=1e-4)


def test_a_pair_counts_the_rows_in_which_both_have_a_value() -> None:
    x = RNG.normal(size=ROWS)
    y = np.where(np.arange(ROWS) % 3 == 0, np.nan, -np.exp(x))
    found, rows = associations([number(x), number(y)])
    assert rows[0, 1] == (2 * ROWS) // 3
    assert found[0, 1] == pytest.approx(1, abs=0.01)
    apart = np.where(np.arange(ROWS) % 3 == 0, x, np.nan)
    found, rows = associations([number(apart), number(y)])  # never both
    assert (found[0, 1], rows[0, 1]) == (0, 0)


def test_a_category_and_a_number_have_the_correlation_ratio_of_the_ranks() -> None:
    codes, noise = RNG.integers(0, 4, ROWS), RNG.normal(size=ROWS)
    x = codes**2 + 2 * noise
    ranks = rankdata(x)
    groups = [ranks[codes == k] for k in range(4)]
    within = sum(((group - group.mean()) ** 2).sum() for group in groups) / (ROWS - 4)
    expected = np.sqrt(1 - within / ranks.var(ddof=1))  # ε²: variances without bias
    assert strength(category(codes), number(x))[0, 1] == pytest.approx(expected, abs=1e-6)


def test_categories_have_cramer_s_v_less_what_chance_makes() -> None:
    a = RNG.integers(0, 3, 1000)
    b = np.where(RNG.random(len(a)) < 0.6, a, RNG.integers(0, 3, len(a)))
    table = np.array([[((a == i) & (b == j)).sum() for j in range(3)] for i in range(3)])
    found = strength(category(a), category(b))[0, 1]
    assert found == pytest.approx(association(table, "cramer"), abs=0.002)  # of many rows
    # 30 rows of two unrelated columns of 10 categories: V alone is 0.5
    many = [
        strength(*(category(RNG.integers(0, 10, 30)) for _ in range(2)))[0, 1] for _ in range(50)
    ]
    assert np.mean(many) < 0.25


def test_planted_columns_are_in_one_group_and_noise_is_in_none() -> None:
    x = RNG.normal(size=ROWS)
    word = np.digitize(x, [-1, 0, 1])
    columns = [
        number(x),
        number(RNG.normal(size=ROWS)),
        number(np.where(RNG.random(ROWS) < 0.2, np.nan, -(x**3))),
        category(np.where(RNG.random(ROWS) < 0.1, np.nan, word)),
        category(RNG.integers(0, 5, ROWS)),
        category(word),
        number(np.full(ROWS, 3.0)),
        Cells("date", 19_000 + RNG.normal(size=ROWS)),
    ]
    assert association_groups(columns) == [[0, 2, 3, 5]]


def test_of_few_rows_and_many_columns_chance_makes_no_group() -> None:
    columns = [number(RNG.normal(size=12)) for _ in range(200)]
    found, _ = associations(columns)
    assert (found > LINKED).sum() > 200 + 50  # pairs that seem to be linked
    assert association_groups(columns) == []
    assert association_groups([number(np.arange(3)), number(np.arange(3))]) == []
    assert association_groups([number(np.arange(9))]) == []


def test_a_chain_of_columns_is_not_one_group() -> None:
    steps = [RNG.normal(size=ROWS)]
    for _ in range(5):
        steps.append(0.85 * steps[-1] + 0.5 * RNG.normal(size=ROWS))
    for group in association_groups([number(step) for step in steps]):
        pairs = strength(*(number(steps[k]) for k in group))
        assert pairs.min() >= LINKED


@pytest.mark.slow
def test_a_thousand_columns_take_seconds() -> None:
    columns = [category(RNG.integers(0, 8, 1000)) for _ in range(150)]
    columns += [number(RNG.normal(size=1000)) for _ in range(850)]
    assert association_groups(columns) == []
