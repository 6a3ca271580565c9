"""Stored rows: the same in memory and on disk, in the narrowest type, and deleted afterwards."""

import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bpnet.engine.loop.out_of_core import StoredRows
from bpnet.errors import RunError
from bpnet.preparation.row_store import MOST_IN_MEMORY, RowStore, storage_of

Usage = namedtuple("Usage", "total used free")

BYTES = st.integers(0, 255).map(float)
HALVES = st.integers(-2000, 2000).map(lambda k: k / 4)
SINGLES = st.floats(allow_nan=False, allow_infinity=False, width=32)


def stored(parts: list[np.ndarray], dtype: str, folder: Path | None):
    whole = np.concatenate(parts)
    with RowStore(len(whole), whole.shape[1], dtype, folder) as store:
        for part in parts:
            store.append(part)
        return store.finish(np.arange(len(whole), dtype=dtype)[:, None] / 4, None)


@settings(deadline=None, derandomize=True, max_examples=60, database=None)
@given(
    st.lists(st.sampled_from([BYTES, HALVES, SINGLES]), min_size=1, max_size=4),
    st.data(),
    st.sampled_from(["float32", "float64"]),
)
def test_rows_on_disk_are_those_in_memory(tmp_path_factory, kinds, data, dtype):
    folder = tmp_path_factory.mktemp("rows")
    parts = [
        data.draw(
            arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.just(3)), elements=kind)
        ).astype(dtype)
        for kind in kinds
    ]
    memory, disk = stored(parts, dtype, None), stored(parts, dtype, folder)
    assert isinstance(disk, StoredRows)
    own = disk.picked(slice(None))
    assert own.x.dtype == memory.x.dtype == dtype
    assert np.array_equal(own.x, memory.x)
    assert np.array_equal(own.x, np.concatenate(parts))
    assert np.array_equal(own.y, memory.y)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[[0, 1]], [[255, 7]]], np.uint8),
        ([[[0, 1]], [[256, 7]]], np.float16),
        ([[[0, 1]], [[0.5, -7]]], np.float16),
        ([[[0.5, 1]], [[0.1, 7]]], np.float32),
        ([[[0, 1]], [[70_000, 7]]], np.float32),
        ([[[0, 1]], [[-0.5, 7]], [[0.1, 1]], [[3, 4]]], np.float32),
        ([[[0.1, 1]], [[3, 4]]], np.float32),
    ],
)
def test_the_type_is_the_narrowest_that_loses_nothing(tmp_path: Path, values, kind):
    parts = [np.array(part, np.float32) for part in values]
    rows = stored(parts, "float32", tmp_path)
    assert rows.x.dtype == kind
    assert np.array_equal(rows.x.astype(np.float32), np.concatenate(parts))


def test_many_rows_are_widened_in_pieces(tmp_path: Path):
    small = np.arange(12_000_000, dtype=np.float32).reshape(-1, 3) % 200
    rows = stored([small, np.full((1, 3), 0.5, np.float32)], "float32", tmp_path)
    assert rows.x.dtype == np.float16
    assert np.array_equal(rows.x[:-1], small)
    assert rows.x[-1].tolist() == [0.5] * 3


def test_weights_and_classes_are_kept(tmp_path: Path):
    weights = np.array([1, 2], np.float32)
    with RowStore(2, 1, "float32", tmp_path) as store:
        store.append(np.ones((2, 1), np.float32))
        rows = store.finish(np.eye(2, dtype=np.uint8), weights)
    assert rows.y.dtype == np.uint8
    assert rows.picked(slice(0, 2)).y.dtype == np.float32
    assert rows.picked(slice(0, 2)).weights.tolist() == [1, 2]


def test_the_file_has_no_name_and_is_gone(tmp_path: Path):
    rows = stored(
        [np.ones((3, 2), np.float32), np.full((3, 2), 0.1, np.float32)], "float32", tmp_path / "new"
    )
    assert list((tmp_path / "new").iterdir()) == []
    assert len(rows) == 6


def test_too_little_space_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**12, 10**12 - 10**9, 10**9))
    with pytest.raises(RunError) as caught:
        RowStore(1_000_000, 2000, "float32", tmp_path)
    for part in (str(tmp_path), "need 2.0 GB", "1.0 GB are free", "--runs DIR"):
        assert part in str(caught.value)


def test_space_that_runs_out_while_rows_widen_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with RowStore(100, 10, "float32", tmp_path) as store:
        store.append(np.ones((50, 10), np.float32))
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(1, 0, 1500))
        with pytest.raises(RunError, match="the encoded rows need"):
            store.append(np.full((50, 10), 0.5, np.float32))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="the encoded rows cannot be kept here"):
        RowStore(1, 1, "float32", tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("rows", "wish", "storage"),
    [
        (10, "auto", "memory"),
        (MOST_IN_MEMORY // 400, "auto", "memory"),
        (MOST_IN_MEMORY // 400 + 1, "auto", "disk"),
        (10, "disk", "disk"),
        (10**9, "memory", "memory"),
    ],
)
def test_where_rows_are_kept(rows, wish, storage):
    assert storage_of(rows, 100, "float32", wish) == (storage, rows * 400)
