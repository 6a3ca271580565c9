"""splits.csv: exact round trips, and damaged files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.errors import RunError
from bpnet.runs import splits
from bpnet.runs.splits import DROPPED, read_folds, read_splits, write_splits


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 2, DROPPED])).filter(lambda parts: 0 in parts))
def test_splits_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, parts: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "splits.csv"
    write_splits(path, np.array(parts, np.int8))
    assert read_splits(path, len(parts)).tolist() == parts


def test_many_splits_are_written_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "_ROWS_AT_ONCE", 7)
    parts = np.arange(30, dtype=np.int8) % 3
    write_splits(tmp_path / "splits.csv", parts)
    assert (read_splits(tmp_path / "splits.csv", 30) == parts).all()
    assert (tmp_path / "splits.csv").read_text().splitlines()[8] == "8,validation"


def test_what_splits_look_like(tmp_path: Path) -> None:
    path = tmp_path / "splits.csv"
    write_splits(path, np.array([0, 2, DROPPED], np.int8))
    assert path.read_bytes() == b"row,part\n1,train\n2,test\n3,dropped\n"


def test_splits_saved_by_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "splits.csv"
    path.write_bytes(b'\xef\xbb\xbfrow,part\r\n1,"train"\r\n2,validation\r\n')
    assert read_splits(path, 2).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "",
            ", line 1: must read 'row,part', not ''; restore the file from a copy, or train again",
        ),
        ("1,train\n2,test\n", ", line 1: must read 'row,part', not '1,train'; restore"),
        (
            "row,part\n1,train\n2,val\n",
            ", line 3: the part 'val' is unknown; allowed are train, validation, test",
        ),
        ("row,part\n1,train\n2,\n", ", line 3: the part '' is unknown"),
        (
            "row,part\n0,train\n1,test\n",
            ", line 2: must be '1,' and a part, not '0,train'; restore",
        ),
        ("row,part\n1,train\n3,test\n", ", line 3: must be '2,' and a part, not '3,test'; restore"),
        ("row,part\n1,train\n1,test\n", ", line 3: must be '2,' and a part, not '1,test'; restore"),
        ("row,part\n1,train\n\n", ", line 3: must be '2,' and a part, not ''; restore"),
        (
            "row,part\n1,train,x\n2,test\n",
            ", line 2: must be '1,' and a part, not '1,train,x'; restore",
        ),
        (
            "row,part\n1,train\n",
            ": splits 1 rows, but the table has 2; use the table that the run was trained on",
        ),
        (
            "row,part\n1,train\n2,test\n3,test\n",
            ": splits 3 rows, but the table has 2; use the table",
        ),
    ],
)
def test_wrong_splits(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "splits.csv"
    path.write_text(content)
    with pytest.raises(RunError) as caught:
        read_splits(path, 2)
    assert str(caught.value).startswith(f"{path}{words}")
    assert caught.value.exit_code == 5


def test_missing_splits(tmp_path: Path) -> None:
    with pytest.raises(
        RunError, match=r"splits\.csv: there is no such file; restore it from a copy"
    ):
        read_splits(tmp_path / "splits.csv", 2)


def test_splits_without_a_training_row_are_of_no_run(tmp_path: Path) -> None:
    path = tmp_path / "splits.csv"
    path.write_text("row,part\n1,test\n2,validation\n")
    with pytest.raises(RunError, match="no row is of the part 'train'"):
        read_splits(path, 2)


@pytest.mark.parametrize("start", ["row,part\n1,", "row,part\n", ""])
def test_a_long_cell_is_shown_in_part(start: str, tmp_path: Path) -> None:
    path = tmp_path / "splits.csv"
    path.write_text(start + "x" * 200_000 + "\n")
    with pytest.raises(RunError, match=r"splits\.csv") as caught:
        read_splits(path, 1)
    assert len(str(caught.value)) < 400 + len(str(path))


@pytest.mark.parametrize("cell", ["9" * 5000, "9" * 20, "x", "-1"])
def test_a_fold_that_is_no_number_of_a_fold(cell: str, tmp_path: Path) -> None:
    path = tmp_path / "splits.csv"
    path.write_text(f"row,fold\n1,2\n2,{cell}\n")
    with pytest.raises(RunError, match="line 3: must be '2,' and folds"):
        read_folds(path, 2)
