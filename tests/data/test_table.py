"""Tables of several files, standard input and scikit-learn, and messages where there is none."""

import gzip
import hashlib
import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris, load_wine

from bpnet.data.reading import open_table, table_from_rows
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.errors import DataError


def cells(table, column="a"):
    return table.cells(column, wanted_for="is read")


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_a_folder_is_its_table_files_in_the_order_of_their_names(tmp_path: Path):
    files = {
        "2.csv": "b;a\n2,5;y\n",
        "1.csv": "a,b\nx,1\n",
        "notes.md": "a",
        "_old.csv": "c\n1\n",
        ".x.csv": "c\n1\n",
    }
    (write(tmp_path, files) / "3.jsonl.gz").write_bytes(gzip.compress(b'{"b": 3, "a": "z"}\n'))
    table = open_table(tmp_path)
    assert table.columns == ["a", "b"]
    assert cells(table) == ["x", "y", "z"]
    assert whole_columns(table, {"b": "number"})["b"].as_numbers().tolist() == [1, 2.5, 3]
    assert table.sizes == [1, 1, 1]
    assert len(table) == 3
    assert table.where(1) == f"{tmp_path / '2.csv'}, line 2 (row 2)"


def test_files_that_describe_tables_are_left_out_beside_them_and_named(tmp_path: Path):
    content = "a\n1\n"
    for names, read in {
        ("x.csv", "y.txt", "z.json", "w.xlsx"): ["x.csv"],
        ("y.txt", "z.json", "_hidden.txt"): ["y.txt"],
        ("y.txt", "y2.TXT.gz", "_hidden.csv"): ["y.txt", "y2.TXT.gz"],
    }.items():
        folder = tmp_path / names[1]
        folder.mkdir()
        write(folder, dict.fromkeys(names, content))
        table = open_table(folder)
        assert [Path(file.name).name for file in table.files] == read
        left = sorted(name for name in names if name not in read and name[0] != "_")
        named = ", ".join(f"'{name}'" for name in left)
        assert [f"{folder}: {named}" in warning for warning in table.warnings] == [True] * bool(
            left
        )
        assert [f"{folder}/*" in warning for warning in table.warnings] == [True] * bool(left)


def test_a_pattern_is_the_files_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, {"p1.csv": "a\n1\n2\n", "p2.csv": "a\n3\n", "q.csv": "a\n4\n"})
    assert cells(open_table(tmp_path / "p*.csv")) == ["1", "2", "3"]
    monkeypatch.chdir(tmp_path)
    assert cells(open_table("[pq]*.csv")) == ["1", "2", "3", "4"]
    assert open_table("p?.csv").where(2) == "p2.csv, line 2 (row 3)"
    with pytest.raises(DataError, match=r"z\*\.csv: no file matches the pattern"):
        open_table("z*.csv")


def test_a_file_whose_own_name_looks_like_a_pattern_is_that_file(tmp_path: Path):
    write(tmp_path, {"a[1].csv": "a\n7\n", "a1.csv": "a\n8\n"})
    assert cells(open_table(tmp_path / "a[1].csv")) == ["7"]


def test_a_folder_without_tables_is_named(tmp_path: Path):
    write(tmp_path, {"notes.md": "x"})
    with pytest.raises(DataError, match=r"the folder holds no table; names of tables end in \.csv"):
        open_table(tmp_path)


def test_files_with_other_columns_are_named_each(tmp_path: Path):
    write(
        tmp_path,
        {"1.csv": "a,b\n1,2\n", "2.csv": "a,c\n1,2\n", "3.csv": "b,a\n1,2\n", "4.csv": "a\n1\n"},
    )
    with pytest.raises(DataError) as caught:
        open_table(tmp_path)
    two, four = caught.value.problems
    assert "2.csv: its columns are not those of" in two
    assert two.endswith("1.csv: it lacks 'b'; it adds 'c'")
    assert four.endswith("it lacks 'b'")


def test_many_files_with_other_columns_are_counted(tmp_path: Path):
    write(tmp_path, {"0.csv": "a\n1\n", **{f"{k}.csv": "b\n1\n" for k in range(1, 9)}})
    with pytest.raises(DataError) as caught:
        open_table(tmp_path)
    assert len(caught.value.problems) == 6
    assert caught.value.problems[-1] == "in all, 8 files have other columns"


def test_a_damaged_row_of_a_later_file_is_named_with_that_file(tmp_path: Path):
    write(tmp_path, {"1.csv": "a,b\n1,2\n3,4\n", "2.csv": "a,b\n1,2\n3\n"})
    with pytest.raises(DataError, match=r"2\.csv, line 3 \(row 4\): 1 cells, but the header has 2"):
        cells(open_table(tmp_path))


def test_the_digest_is_that_of_the_content_however_it_is_compressed(tmp_path: Path):
    content = b"a,b\n1,2\n"
    (tmp_path / "p.csv").write_bytes(content)
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(content))
    one = hashlib.sha256(content).hexdigest()
    assert open_table(tmp_path / "p.csv").digest == open_table(tmp_path / "c.csv.gz").digest == one
    assert open_table(tmp_path).digest == hashlib.sha256((one * 2).encode()).hexdigest()


def test_standard_input_is_read_as_often_as_a_file(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(b"a;b\n1;x\n2;y\n")))
    )
    table = open_table("-")
    assert table.name == "standard input"
    assert [cells(table, "b") for _ in range(2)] == [["x", "y"]] * 2
    assert table.digest == hashlib.sha256(b"a;b\n1;x\n2;y\n").hexdigest()
    # opened again, as by a command that goes on with a run, it is there once more
    assert cells(open_table("-"), "b") == ["x", "y"]


def test_standard_input_that_is_closed_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="standard input: is closed"):
        open_table("-")


def test_bundled_tables_are_those_of_scikit_learn():
    table, wine = open_table("sklearn:wine"), load_wine()
    assert table.columns == [*(name.replace(" ", "_") for name in wine.feature_names), "target"]
    read = whole_columns(table, dict.fromkeys(table.columns[:-1], "number"))
    np.testing.assert_array_equal(
        np.column_stack([column.as_numbers() for column in read.values()]), wine.data
    )
    assert cells(table, "target") == [str(wine.target_names[k]) for k in wine.target]
    iris = open_table("sklearn:iris")
    assert iris.columns[0] == "sepal_length"
    assert len(iris) == len(load_iris().data)
    assert len(open_table("sklearn:diabetes")) == 442


def test_an_unknown_bundled_table_is_answered_with_those_there_are():
    with pytest.raises(DataError, match=r"sklearn:wines: .*'iris'.*did you mean 'wine'\?"):
        open_table("sklearn:wines")


def test_rows_at_hand_are_a_table_that_names_its_lines():
    table = table_from_rows(
        "c.yaml", ["a", "b"], [[1, "x, y"], [2.5, '"'], ["", "z\nz"]], [7, 8, 12]
    )
    assert cells(table) == ["1", "2.5", ""]
    assert cells(table, "b") == ["x, y", '"', "z\nz"]
    assert [table.where(row) for row in range(3)] == [
        f"c.yaml, line {n} (row {k + 1})" for k, n in enumerate([7, 8, 12])
    ]


def test_a_missing_column_is_answered_with_those_there_are_and_a_near_miss():
    with pytest.raises(DataError) as caught:
        table_from_rows("t.csv", ["height", "weight"], [[1, 2]]).cells(
            "hieght", wanted_for="is the target"
        )
    for part in (
        "t.csv",
        "no column 'hieght'",
        "is the target",
        "'height', 'weight'",
        "did you mean 'height'?",
    ):
        assert part in str(caught.value)


def test_many_columns_are_listed_in_short():
    with pytest.raises(DataError, match="and 488 more") as caught:
        table_from_rows("t.csv", [f"c{k}" for k in range(500)], [[1] * 500]).cells(
            "zz", wanted_for="is the target"
        )
    assert len(str(caught.value)) < 400


def test_a_file_that_is_not_there_is_answered_with_a_near_miss(tmp_path: Path):
    write(tmp_path, {"flowers.csv": "a\n1\n"})
    with pytest.raises(DataError) as caught:
        open_table(tmp_path / "flower.csv")
    assert "there is no such file" in str(caught.value)
    assert f"did you mean '{tmp_path / 'flowers.csv'}'?" in str(caught.value)
    with pytest.raises(DataError, match="no such file; check the path"):
        open_table(tmp_path / "zzz" / "9.csv")


@pytest.mark.parametrize("change", ["longer", "as long", "replaced"])
def test_a_file_that_changes_while_it_is_read_is_refused(change: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n1,2\n3,4\n")
    table = open_table(path)
    assert len(table) == 2
    digest = table.files[0].digest
    if change == "replaced":
        (tmp_path / "new.csv").write_text("a,y\n1,2\n3,5\n")
        (tmp_path / "new.csv").rename(path)
    else:
        path.write_text("a,y\n1,2\n3,5\n" + "5,6\n" * (change == "longer"))
        os.utime(path, ns=(1, 1))
    with pytest.raises(DataError, match="has changed while it was read"):
        table.digest  # noqa: B018
    assert open_table(path).digest != digest
