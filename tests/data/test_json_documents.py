"""JSON documents: the shapes that pandas, R, jq and others write, and what is not a table."""

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.reading import Table, open_table, streams
from bpnet.data.reading.json_document import JsonDocumentFile
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import bytes_opener
from bpnet.errors import DataError

ROWS = [{"a": 1, "b": "x"}, {"a": 2.5, "b": "ü, [y] {z}"}, {"a": None, "b": "x"}]
CELLS = {"a": ["1", "2.5", ""], "b": ["x", "ü, [y] {z}", "x"]}


def cells(table: Table) -> dict[str, list[str]]:
    return {name: table.cells(name, wanted_for="is read") for name in table.columns}


def table(text: str) -> Table:
    return Table("t.json", [JsonDocumentFile("t.json", bytes_opener(text.encode()), Reading())])


def columns(rows: list[dict[str, object]]) -> dict[str, list[object]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


SHAPES = {
    "a list": json.dumps(ROWS),
    "indented": json.dumps(ROWS, indent=2),
    "under a key": json.dumps({"data": ROWS}),
    "our own": '{"predictions": [\n' + ",\n".join(json.dumps(row) for row in ROWS) + "\n]}\n",
    "pages": json.dumps({"count": 3, "next": None, "results": ROWS, "links": {"self": "/"}}),
    "one after the other": "\n".join(json.dumps(row, indent=1) for row in ROWS),
    "lines": "\n".join(map(json.dumps, ROWS)),
    "lists after names": json.dumps([["a", "b"], *([row["a"], row["b"]] for row in ROWS)]),
    "columns": json.dumps(columns(ROWS)),
    "columns, indented": json.dumps(columns(ROWS), indent=4),
    **{
        f"pandas, {orient}": pd.DataFrame(ROWS).to_json(orient=orient)
        for orient in ("records", "columns", "index", "split")
    },
}


@pytest.mark.parametrize("name", ["t.json", "t", "t.csv"])
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_the_same_table(tmp_path: Path, shape: str, name: str):
    (tmp_path / name).write_text(SHAPES[shape])
    assert cells(open_table(tmp_path / name)) == CELLS


def test_pandas_adds_the_index_to_a_document_with_a_schema(tmp_path: Path):
    pd.DataFrame(ROWS).to_json(tmp_path / "t.json", orient="table")
    assert cells(open_table(tmp_path / "t.json")) == {"index": ["0", "1", "2"], **CELLS}


def test_rows_without_names_have_those_of_their_positions(tmp_path: Path):
    pd.DataFrame(ROWS).to_json(tmp_path / "t.json", orient="values")
    with pytest.raises(DataError, match=r"add --set dataset\.reading\.header=none"):
        open_table(tmp_path / "t.json")
    read = cells(open_table(tmp_path / "t.json", Reading(header="none")))
    assert read == {"column_1": CELLS["a"], "column_2": CELLS["b"]}


def test_rows_know_their_lines():
    assert [table(SHAPES["indented"]).where(row) for row in (0, 2)] == [
        "t.json, line 2 (row 1)",
        "t.json, line 10 (row 3)",
    ]
    assert table(SHAPES["columns"]).where(1) == "t.json, row 2"


def test_a_row_on_one_long_line_is_a_row_of_json_lines(tmp_path: Path):
    names = [f"column number {k}" for k in range(5000)]
    line = json.dumps(dict.fromkeys(names, 1)) + "\n"
    (tmp_path / "t.json").write_text(line * 2)
    assert len(open_table(tmp_path / "t.json")) == 2


@given(st.integers(1, 80), st.sampled_from([name for name in SHAPES if "lines" not in name]))
def test_pieces_are_one_table(block: int, shape: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "BLOCK", block)
        assert cells(table(SHAPES[shape])) == CELLS


def test_chunks_are_one_table(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bpnet.data.reading.json_document.BLOCK", 60)
    rows = [{"a": k, "b": f"t{k % 3}"} for k in range(40)]
    read = table(json.dumps(rows))
    assert len(list(read.chunks({}))) > 10
    assert cells(read) == {name: list(map(str, values)) for name, values in columns(rows).items()}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[]", ("the table is empty",)),
        ("{}", ("not clearly a table", "orient='records'")),
        ('[{"a": 1}, 7]', ("line 1", "is 7, not an object")),
        ("[[1, 2], [3, 4]]", ("lists without names", "begin with a list of names")),
        ('[["a", "b"], [1]]', ("a row is not a list of 2 values",)),
        ('[\n{"a": 1},\n{"a": 1,}\n]', ("line 3: not JSON", "property name")),
        ('[{"a": 1}', ("line 1: not JSON", "the file ends where ']' is expected")),
        ('[{"a": 1}] x', ("more after the end",)),
        ('{"a": [1, 2], "b": [1]}', ("differ in length: 'a' 2, 'b' 1",)),
        ('{"a": [{"x": 1}], "b": [{"x": 2}]}', ("several tables, under the keys 'a', 'b'",)),
        ('{"1": {"2": 5}, "2": {"2": 6}}', ("not clearly a table",)),
        ('{"a": {"x": 1, "y": 2}, "b": 3}', ("not clearly a table",)),
        ('[{"a": 1, "a ": 2}]', ("two keys are 'a'",)),
    ],
)
def test_what_is_not_a_table_is_named(text: str, parts: tuple[str, ...]):
    with pytest.raises(DataError) as caught:
        cells(table(text))
    assert caught.value.exit_code == 4
    (message,) = caught.value.problems
    assert [part for part in ("t.json", *parts) if part not in message] == []


def test_a_nested_column_is_json(tmp_path: Path):
    (tmp_path / "t.json").write_text('[{"a": 1, "tags": ["x"]}, {"a": 2, "tags": []}]')
    read = open_table(tmp_path / "t.json")
    assert read.cells("a", wanted_for="is read") == ["1", "2"]
    assert read.cells("tags", wanted_for="is read") == ['["x"]', "[]"]
    (chunk,) = read.chunks({"a": "number"})
    assert chunk.rows() == [["1", '["x"]'], ["2", "[]"]]
