"""A table read in many blocks means what it means in one, or is refused; never anything else."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workflow_runs import predicted, train_text

from bpnet.config.loading import read_config
from bpnet.data.reading import delimited, open_table, streams
from bpnet.errors import DataError
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.prepare import prepare

CONFIG = """
dataset:
  path: t.csv
  target: y
  split: {validation: 0.2, test: 0}
architecture: {hidden: [2]}
training: {epochs: 1}
"""
ROWS = 60  # of a block

NUMBERS: dict[str, Callable[[random.Random], str]] = {
    "whole": lambda r: str(r.randint(0, 999)),
    "thousands or decimal": lambda r: f"{r.randint(1, 99)},{r.randint(100, 999)}",
    "decimal comma": lambda r: f"{r.randint(1, 99)},{r.randint(1, 9)}",
    "German or not": lambda r: f"{r.randint(1, 99)}.{r.randint(100, 999)}",
    "German thousands or not": lambda r: f"{r.randint(1, 99)}.000",
    "decimal point": lambda r: f"{r.randint(1, 99)}.{r.randint(1, 9)}",
    "German": lambda r: f"{r.randint(1, 99)}.{r.randint(100, 999)},{r.randint(1, 9)}",
    "English": lambda r: f"{r.randint(1, 99)},{r.randint(100, 999)}.{r.randint(1, 9)}",
    "euros": lambda r: f"{r.randint(1, 99)} €",
    "dollars": lambda r: f"${r.randint(1, 99)}",
    "percent": lambda r: f"{r.randint(1, 99)} %",
}

OTHERS: dict[str, Callable[[random.Random], str]] = {
    "code": lambda r: f"0{r.randint(1, 9)}",
    "none": lambda r: "none",
    "blank": lambda r: "",
    "unknown": lambda r: "unknown",
    "words": lambda r: r.choice("abc"),
    "day": lambda r: f"2021-0{r.randint(1, 9)}-1{r.randint(0, 9)}",
    "day or month": lambda r: f"0{r.randint(1, 9)}/0{r.randint(1, 9)}/2020",
    "day first": lambda r: f"{r.randint(13, 28)}/0{r.randint(1, 9)}/2020",
    "beyond 2^53": lambda r: str(2**53 + r.randint(1, 2**20)),
}


@contextmanager
def small_blocks(size: int, *, fast: bool) -> Iterator[None]:
    """Read blocks of about `size` bytes, with pandas if `fast`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "BLOCK", size)
        patch.setattr(delimited, "LARGE", 0 if fast else 10**9)
        yield


def write(folder: Path, kinds: list[Callable[[random.Random], str]], distinct: int = 6) -> int:
    """Write a table of a block of cells of each kind; return the size of a block.

    So few cells are `distinct` that no column looks like an ID.
    """
    rng = random.Random(0)
    lines = ["a;b;y"]
    for kind in kinds:
        cells = [kind(rng) for _ in range(distinct)]
        # of one length, so that a block ends where the kinds change
        rows = [f"{rng.choice(cells)};{rng.choice('pqr')};{rng.choice('uv')}" for _ in range(ROWS)]
        lines += [f"{row:60}" for row in rows]
    (folder / "t.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "c.yaml").write_text(CONFIG, "utf-8")
    return 61 * ROWS + 20


def prepared(folder: Path, *options: str) -> EncodedDataset | None:
    """Return the encoded table, None if it is refused."""
    try:
        return prepare(read_config(folder / "c.yaml", options))
    except DataError:
        return None


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(st.sampled_from(sorted(NUMBERS)), min_size=2, max_size=3, unique=True),
    fast=st.booleans(),
)
def test_numbers_are_never_read_in_another_way_in_later_blocks(kinds, fast, tmp_path):
    size = write(tmp_path, [NUMBERS[kind] for kind in kinds])
    one = prepared(tmp_path)
    with small_blocks(size, fast=fast):
        many = prepared(tmp_path)
    if many is None:
        return
    assert one is not None
    assert one.encoder.inputs == many.encoder.inputs
    for part, rows in one.rows.items():
        np.testing.assert_allclose(many.rows[part].x, rows.x, atol=1e-5)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(
        st.sampled_from(sorted({**NUMBERS, **OTHERS})), min_size=2, max_size=3, unique=True
    ),
    fast=st.booleans(),
)
def test_columns_keep_the_roles_and_values_of_one_block(kinds, fast, tmp_path):
    size = write(tmp_path, [{**NUMBERS, **OTHERS}[kind] for kind in kinds])
    one = prepared(tmp_path)
    with small_blocks(size, fast=fast):
        many = prepared(tmp_path)
    if many is None:
        return
    assert one is not None
    assert one.encoder.inputs == many.encoder.inputs
    for part, rows in one.rows.items():
        np.testing.assert_allclose(many.rows[part].x, rows.x, atol=1e-5)


@pytest.mark.parametrize("fast", [True, False])
def test_a_later_code_among_numbers_is_refused(fast, tmp_path):
    size = write(tmp_path, [lambda r: str(r.randint(10, 19)), OTHERS["code"]])
    with small_blocks(size, fast=fast):
        with pytest.raises(
            DataError, match=rf"row {ROWS + 1}\), column 'a': '0\d' .*as codes have"
        ):
            prepare(read_config(tmp_path / "c.yaml", ()))
        many = prepared(tmp_path, "dataset.roles.a=categorical")
    one = prepared(tmp_path)
    assert one is not None
    assert many is not None
    assert one.encoder.inputs == many.encoder.inputs


@pytest.mark.parametrize("kind", ["whole", "day"])
def test_later_numbers_and_dates_among_words_are_refused(kind, tmp_path):
    size = write(tmp_path, [OTHERS["unknown"], {**NUMBERS, **OTHERS}[kind]], distinct=ROWS)
    with small_blocks(size, fast=False):
        with pytest.raises(DataError, match=r"column 'a': .*'unknown'.*dataset.roles.a=categ"):
            prepare(read_config(tmp_path / "c.yaml", ()))
        assert prepared(tmp_path, "dataset.roles.a=categorical") is not None


def test_words_for_missing_values_leave_the_role_to_later_rows(tmp_path):
    size = write(tmp_path, [OTHERS["none"], NUMBERS["whole"]])
    with small_blocks(size, fast=False):
        many = prepared(tmp_path)
    assert many is not None
    assert many.encoder.columns[0].kind == "numeric"


@pytest.mark.parametrize("fast", [True, False])
def test_a_block_in_another_format_is_refused_with_its_row_and_the_setting(fast, tmp_path):
    size = write(tmp_path, [NUMBERS["thousands or decimal"], NUMBERS["decimal comma"]])
    with small_blocks(size, fast=fast):
        with pytest.raises(DataError) as refused:
            prepare(read_config(tmp_path / "c.yaml", ()))
        assert f"line {ROWS + 2} (row {ROWS + 1}), column 'a'" in str(refused.value)
        assert "--set dataset.reading.decimal=, " in str(refused.value)
        many = prepared(tmp_path, "dataset.reading.decimal=,")
    one = prepared(tmp_path)
    assert one is not None
    assert many is not None
    for part, rows in one.rows.items():
        np.testing.assert_allclose(many.rows[part].x, rows.x, atol=1e-5)


@pytest.mark.parametrize("fast", [True, False])
def test_predictions_are_of_one_format_too(fast, tmp_path):
    write(tmp_path, [NUMBERS["English"]])
    run = train_text(tmp_path, CONFIG).run
    # the first block fits the model's format, the second only another one
    size = write(tmp_path, [NUMBERS["thousands or decimal"], NUMBERS["decimal comma"]])
    small = predicted(run, tmp_path / "t.csv")
    with small_blocks(size, fast=fast):
        with pytest.raises(DataError, match=rf"row {ROWS + 1}\), column 'a'.*reading.decimal=, "):
            predicted(run, tmp_path / "t.csv")
        again = predicted(run, tmp_path / "t.csv", reading=["dataset.reading.decimal=,"])
    assert again == small


def test_files_of_a_folder_are_read_as_one_table(tmp_path):
    write(tmp_path, [NUMBERS["thousands or decimal"], NUMBERS["decimal comma"]])
    header, *lines = (tmp_path / "t.csv").read_text("utf-8").splitlines()
    (tmp_path / "t").mkdir()
    for name, part in (("1.csv", lines[:ROWS]), ("2.csv", lines[ROWS:])):
        (tmp_path / "t" / name).write_text("\n".join([header, *part]), "utf-8")
    target = ["dataset.target=a", "dataset.path=t"]
    one, many = prepared(tmp_path, *target[:1]), prepared(tmp_path, *target)
    assert one is not None
    assert many is not None
    for part, rows in one.rows.items():
        np.testing.assert_allclose(many.rows[part].y, rows.y, rtol=1e-6)
    with pytest.raises(DataError, match=r"2\.csv, line 2 .*dataset.reading.decimal=, "):
        prepare(read_config(tmp_path / "c.yaml", ["dataset.path=t"]))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_quoted_line_breaks_at_the_edges_of_blocks_change_nothing(line_end, tmp_path):
    rng = random.Random(1)
    cells = ["x", '"a""b"', f'"p{line_end}q"', '"m;n"', "", "  y ", "é"]
    lines = [f"{rng.choice(cells)};{rng.randint(0, 9)};{rng.choice(cells)}" for _ in range(30)]
    text = line_end.join(["a;b;c", *lines, ""])
    (tmp_path / "t.csv").write_bytes(text.encode())

    def rows() -> list[list[str]]:
        table = open_table(tmp_path / "t.csv")
        return [table.cells(name, wanted_for="is read") for name in "abc"]

    one = rows()
    for size in range(30, 100, 5):
        with small_blocks(size, fast=size % 2 == 0):
            assert rows() == one


def test_numbers_after_percentages_are_refused_in_json_lines_too(tmp_path):
    rows = [{"a": f"{k % 9} %", "y": "uv"[k % 2]} for k in range(40)]
    rows += [{"a": k % 9, "y": "uv"[k % 2]} for k in range(40)]
    (tmp_path / "t.jsonl").write_text("".join(f"{json.dumps(row):40}\n" for row in rows))
    (tmp_path / "c.yaml").write_text(CONFIG.replace("t.csv", "t.jsonl"), "utf-8")
    with (
        small_blocks(41 * 40 + 10, fast=False),
        pytest.raises(DataError, match=r"line 41 .*column 'a': '0' lacks a percent sign"),
    ):
        prepare(read_config(tmp_path / "c.yaml", ()))
