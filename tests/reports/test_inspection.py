"""What the report says of importance: a calm table, and what follows from it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bpnet.data.reading import table_from_rows
from bpnet.inspection.dependence import PartialDependence
from bpnet.inspection.importance import Importance, ShuffledColumns
from bpnet.reports.inspection import MOST_LINES, inspection_data, inspection_lines
from bpnet.reports.tables import display_width
from bpnet.workflows.inspect_run import Inspection

TABLE = table_from_rows("t.csv", ["a"], [[1]])


def shuffled(name: str, value: float, width: float | None = 0.01) -> ShuffledColumns:
    low, high = (None, None) if width is None else (value - width, value + width)
    return ShuffledColumns((name,), value, low, high, 0.001, (value,))


def importance(*columns: ShuffledColumns, **changes: Any) -> Importance:
    ordered = tuple(sorted(columns, key=lambda each: -each.value))
    return replace(Importance("log_loss", "log loss", 0.5, False, 100, 5, ordered, ()), **changes)


def inspection(
    found: Importance | None, *dependences: PartialDependence, **changes: Any
) -> Inspection:
    asked = Inspection("r", TABLE, "test", 100, 100, "classification", 1, found, dependences, ())
    return replace(asked, **changes)


def lines(*columns: ShuffledColumns, **changes: Any) -> list[str]:
    return list(inspection_lines(inspection(importance(*columns, **changes))))


def table_of(shown: list[str]) -> list[str]:
    first = shown.index("") + 2  # after the header
    return shown[first : shown.index("", first)]


def test_a_column_that_carries_nearly_all_may_be_a_leak() -> None:
    columns = [shuffled("price", 0.97), shuffled("b", 0.02), shuffled("c", 0.01, 0.02)]
    text = "\n".join(lines(*columns))
    assert "'price' carries 97 % of it: if it is known only after the target" in text
    assert "bpnet check" in text
    shared = [shuffled("price", 0.5), shuffled("b", 0.4), shuffled("c", 0.01, 0.02)]
    assert "of a leak" not in "\n".join(lines(*shared))
    assert "of a leak" not in "\n".join(lines(*columns[:2]))  # of two columns one must lead
    unsure = [shuffled("price", 0.97, 1.0), *columns[1:]]
    assert "of a leak" not in "\n".join(lines(*unsure))


def test_nothing_beats_the_noise() -> None:
    text = "\n".join(lines(shuffled("a", 0.005), shuffled("b", -0.002)))
    assert "nothing that it relies on beats the noise of 100 rows" in text
    one = "\n".join(lines(shuffled("a", 0.3, None), rows=1))
    assert one.endswith("beats the noise of 1 row")
    assert "bootstrap" not in one
    assert "noise" not in "\n".join(lines(shuffled("a", 0.3), shuffled("b", 0.2)))


def test_a_column_below_0_is_noise_or_worse() -> None:
    within = "\n".join(lines(shuffled("a", 0.3), shuffled("b", -0.002)))
    assert "1 column is below 0 by no more than the noise" in within
    worse = "\n".join(lines(shuffled("a", 0.3), shuffled("b c", -0.05)))
    assert "predictions are better with 'b c' shuffled, beyond the noise" in worse
    assert "--set 'dataset.roles.b c=ignored'" in worse


def test_of_many_columns_some_are_outside_their_interval_by_chance() -> None:
    noise = [shuffled(f"c{k}", 0.012 - 0.024 * (k % 2)) for k in range(100)]
    text = "\n".join(lines(*noise))
    assert "nothing that it relies on beats the noise" in text
    assert "predictions are better" not in text
    apart = "\n".join(lines(*noise, shuffled("a", 0.03), shuffled("b", -0.03)))
    assert "nothing that it relies on" not in apart
    assert "better with 'b' shuffled" in apart
    assert "50 columns are below 0" in apart


def test_the_table_has_twelve_lines_and_says_what_is_left() -> None:
    columns = [shuffled(f"c{k}", (30 - k) / 100) for k in range(30)]
    shown = lines(*columns)
    assert len(table_of(shown)) == MOST_LINES + 1
    assert table_of(shown)[-1] == "and 18 columns between 0.0100 and 0.1800; all: --json"
    harmful = [*columns[:12], shuffled("x", 0.0006), shuffled("y", -0.0029)]
    below = "and 2 columns between -0.0029 and 0.0006; all: --json"
    assert table_of(lines(*harmful))[-1] == below
    assert table_of(lines(*columns[:12], shuffled("y", -0.0465)))[-1] == (
        "and 1 column of -0.0465; all: --json"
    )
    group = ShuffledColumns(tuple(f"c{k}" for k in range(20)), 2.0, 1.9, 2.1, 0.1, (2.0,))
    shown = table_of(lines(*columns, groups=(group,)))
    assert shown[0].startswith("20 columns together:")
    assert [line.split()[0] for line in shown[1:3]] == ["c0", "c1"]
    assert len(shown) == MOST_LINES + 1


HOSTILE = ["<script>alert(1)</script>" * 9, "日付" * 40, "x" * 1000, "مرحبا", "👍🏽", "a\tb"]


def test_it_fits_80_columns_whatever_the_names_are() -> None:
    columns = [shuffled(name, 123456.789) for name in HOSTILE]
    shown = lines(*columns)
    for line in [*shown[2 : 4 + len(HOSTILE)]]:
        assert display_width(line) <= 80, line
    assert len(table_of(shown)) == len(HOSTILE)


def test_the_rows_are_named() -> None:
    found = importance(shuffled("a", 0.3))
    shown = {
        part: list(inspection_lines(inspection(found, rows_of=part, of_rows=1000)))
        for part in ("test", "out_of_fold", "validation", "table")
    }
    drawn = "100 of 1,000 rows"
    assert shown["test"][0] == f"What the model relies on: the run's test part, {drawn}"
    assert shown["out_of_fold"][0] == f"What the model relies on: out of fold, {drawn}"
    assert shown["table"][0] == f"What the model relies on: t.csv, {drawn}"
    assert "each row is predicted by the networks that held it out" in "".join(shown["out_of_fold"])
    assert "validation rows chose the epoch, too" in "".join(shown["validation"])
    for lines_ in shown.values():
        assert "100 of 1,000 rows: drawn by the run's seed" in lines_
        assert max(map(display_width, lines_[:5])) <= 80


def dependence(outputs: int, **changes: Any) -> PartialDependence:
    mean = np.linspace(0, 1, 3 * outputs).reshape(3, outputs)
    one = PartialDependence(
        column="a",
        kind="number",
        values=(1.0, 2.0, None),
        labels=("1", "2", "missing"),
        counts=(5, 6, 1),
        outputs=tuple(f"class {k}" for k in range(outputs)),
        mean=mean,
        levels=(0.1, 0.5, 0.9),
        quantiles=np.stack([mean - 0.1, mean, mean + 0.1]),
        curves=mean[None],
        curve_rows=(7,),
        rows=12,
    )
    return replace(one, **changes)


@pytest.mark.parametrize("outputs", [1, 3, 9])
def test_partial_dependence_is_a_table_of_values(outputs: int) -> None:
    shown = list(inspection_lines(inspection(None, dependence(outputs))))
    assert shown[0] == "Partial dependence on a"
    assert max(map(display_width, shown)) <= 80
    assert [line.split()[0] for line in shown[4:7]] == ["1", "2", "missing"]
    if outputs == 1:
        assert shown[4].split()[1:] == ["5", "0.0000", "-0.1000", "…", "0.1000"]
    assert ("outputs that change less" in shown[-1]) == (outputs == 9)


def test_json_has_plain_values() -> None:
    import json

    found = importance(shuffled("a", 0.3), groups=(shuffled("a", 0.3),))
    data = inspection_data(inspection(found, dependence(2)))
    assert json.loads(json.dumps(data)) == json.loads(json.dumps(data))
    assert data["importance"]["columns"][0] == {
        "column": "a",
        "value": 0.3,
        "low": pytest.approx(0.29),
        "high": pytest.approx(0.31),
        "shuffle_error": 0.001,
        "by_shuffle": (0.3,),
    }
    assert data["importance"]["groups"][0]["columns"] == ("a",)
    (one,) = data["partial_dependence"]
    assert (one["values"], np.shape(one["quantiles"])) == ((1.0, 2.0, None), (3, 3, 2))


def test_what_is_left_out_matters_less_than_what_is_shown() -> None:
    """A group that does not fit leaves out all that follows: nothing smaller takes its place."""
    several = [shuffled(f"g{k}", 0.01) for k in range(5)]
    group = replace(shuffled("g0", 0.5), columns=tuple(one.columns[0] for one in several))
    before = [shuffled(f"a{k}", 1.0 - k / 100) for k in range(10)]
    columns = [*before, *several, shuffled("last", 0.02)]
    text = lines(*columns, groups=(group,))
    shown = table_of(text)
    assert [line.split()[0] for line in shown if not line.startswith("and")] == [
        one.columns[0] for one in before
    ]
    assert "and 6 columns between 0.0100 and 0.0200; all: --json" in text
    nine = table_of(lines(*columns[1:], groups=(group,)))
    assert [line.split()[0] for line in nine[9:12]] == ["5", "g0", "g1"]
