"""Workbooks: cells of every type, headers, sheets, and what is not a table."""

from datetime import date, datetime
from pathlib import Path

import pytest
from workbooks import ErrorCell, Formula, Percent, workbook

from bpnet.data.reading import Table, open_table
from bpnet.data.reading.settings import Reading
from bpnet.errors import DataError

pytest.importorskip("python_calamine", reason="the extra `excel` is not installed")

PEOPLE = [["age", "city"], [39, "Oslo"], [50, None], [28, "Köln"]]


def written(path: Path, **sheets: object) -> Path:
    path.write_bytes(workbook(sheets))  # type: ignore[arg-type]
    return path


def contents(table: Table) -> list[list[str]]:
    return [list(row) for chunk in table.chunks({}) for row in chunk.rows()]


def test_cells_are_their_values(tmp_path: Path):
    path = written(
        tmp_path / "t.xlsx",
        Data=[
            ["n", "share", "day", "moment", "yes", "sum", "text"],
            [3, Percent(0.25), date(2020, 2, 29), datetime(2020, 2, 29, 12, 30), True,
             Formula("A2*2", 6.0), " x "],
            [-1.5, None, date(1999, 12, 31), None, False, Formula("A3*2", -3.0), None],
        ],
    )  # fmt: skip
    table = open_table(path)
    assert table.columns == ["n", "share", "day", "moment", "yes", "sum", "text"]
    assert contents(table) == [
        ["3", "0.25", "2020-02-29", "2020-02-29 12:30:00", "true", "6", "x"],
        ["-1.5", "", "1999-12-31", "", "false", "-3", ""],
    ]
    assert [table.where(row) for row in (0, 1)] == [
        f"{path}, sheet row 2 (row 1)",
        f"{path}, sheet row 3 (row 2)",
    ]


def test_a_table_may_begin_anywhere_in_the_sheet_and_have_blank_rows(tmp_path: Path):
    rows = [[], [], [None, None, "a", "b"], [None, None, 1, "x"], [], [None, None, 2, "y"], []]
    table = open_table(written(tmp_path / "t.xlsx", Data=rows))
    assert table.columns == ["a", "b"]
    assert contents(table) == [["1", "x"], ["2", "y"]]
    assert table.where(1).endswith("sheet row 6 (row 2)")


def test_a_title_above_the_names_is_named_with_the_lines_to_skip(tmp_path: Path):
    rows = [["Report of May"], [], ["a", "b", "y"], [1, 2, "p"], [3, 4, "q"]]
    path = written(tmp_path / "t.xlsx", Data=rows)
    with pytest.raises(DataError, match=r"sheet row 1: .*--set dataset\.reading\.skip_lines=2$"):
        open_table(path)
    table = open_table(path, Reading(skip_lines=2))
    assert (table.columns, contents(table)) == (["a", "b", "y"], [["1", "2", "p"], ["3", "4", "q"]])


def test_the_only_sheet_with_cells_is_read_else_one_is_to_be_named(tmp_path: Path):
    table = open_table(written(tmp_path / "t.xlsx", Empty=[], Data=PEOPLE))
    assert contents(table) == [["39", "Oslo"], ["50", ""], ["28", "Köln"]]
    path = written(tmp_path / "u.xlsx", **{"My notes": [["x"]], "Data": PEOPLE})
    with pytest.raises(DataError) as caught:
        open_table(path)
    for part in ("2 sheets hold cells", "'My notes', 'Data'", "--set dataset.reading.sheet=Data"):
        assert part in str(caught.value)
    assert open_table(path, Reading(sheet="Data")).columns == ["age", "city"]
    with pytest.raises(DataError, match=r"no sheet 'data'; the sheets are .* did you mean 'Data'"):
        open_table(path, Reading(sheet="data"))


def test_an_unnamed_column_and_a_missing_header_are_treated_as_in_text(tmp_path: Path):
    table = open_table(written(tmp_path / "t.xlsx", Data=[[None, "a"], [0, 1.5], [1, 2.5]]))
    assert table.columns == ["column_1", "a"]
    assert "has no name; it is called 'column_1'" in table.warnings[0]
    path = written(tmp_path / "u.xlsx", Data=[[4.5, "p"], [6.4, "q"], [6.5, "p"]])
    assert "dataset.reading.header=none" in open_table(path).warnings[0]
    table = open_table(path, Reading(header="none"))
    assert table.columns == ["column_1", "column_2"]
    assert contents(table) == [["4.5", "p"], ["6.4", "q"], ["6.5", "p"]]


def test_chunks_are_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bpnet.data.reading.excel._ROWS", 4)
    rows = [["a"], *([k] for k in range(11))]
    table = open_table(written(tmp_path / "t.xlsx", Data=rows))
    assert [len(chunk) for chunk in table.chunks({"a": "number"})] == [4, 4, 3]
    assert table.cells("a", wanted_for="is read") == [str(k) for k in range(11)]
    assert table.where(9).endswith("sheet row 11 (row 10)")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([], "the sheet is empty"),
        ([["a", "b"]], "column names but no rows"),
        ([["a", "a"], [1, 2]], "two columns are named 'a', columns 1 and 2"),
    ],
)
def test_a_sheet_that_is_no_table_is_named(tmp_path: Path, rows, problem):
    with pytest.raises(DataError, match=problem) as caught:
        contents(open_table(written(tmp_path / "t.xlsx", Data=rows)))
    assert caught.value.exit_code == 4


def test_errors_are_missing_values_and_are_warned_of(tmp_path: Path):
    rows = [["a", "y"], [ErrorCell("#N/A"), 1], [2, ErrorCell("#DIV/0!")], [3, 3]]
    path = written(tmp_path / "t.xlsx", Notes=[], **{"Q & A": rows})
    table = open_table(path)
    assert contents(table) == [["", "1"], ["2", ""], ["3", "3"]]
    assert table.warnings == [
        f"{path}, cell A2: holds #N/A, an error, which is read as a missing value, as 1 more are"
    ]


def test_a_formula_without_a_result_is_warned_of(tmp_path: Path):
    rows = [["a", "y"], [1, Formula("A2*2", 2.0)], [2, Formula("A3*2", None)]]
    (warning,) = open_table(written(tmp_path / "t.xlsx", Data=rows)).warnings
    assert "cell B3: a formula without a result is read as a missing value; to" in warning


def test_a_workbook_that_is_damaged_is_named(tmp_path: Path):
    path = written(tmp_path / "t.xlsx", Data=PEOPLE)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"xl/worksheets/s1.xml", b"xl/worksheets/s9.xml"))
    with pytest.raises(DataError, match=r"t\.xlsx: is not a workbook .* that can be read"):
        open_table(path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"t\.xlsx: is damaged or cut short"):
        open_table(path)
