"""Kept columns keep the types that the table gives them, from any format to any."""

import datetime
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bpnet.data.formats import format_named
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading import open_table
from bpnet.data.reading.column_numbers import numbers_like
from bpnet.data.writing import LabelColumn, OutputColumns, open_writer
from bpnet.errors import DataError

BIG = 9007199254740993
ROWS = [
    {"id": BIG, "ok": True, "x": 1.5, "s": "007", "n": None, "parts": {"a": [1, None]}},
    {"id": -BIG, "ok": False, "x": None, "s": "größe", "n": None, "parts": None},
    {"id": 3, "ok": None, "x": 2.0, "s": " b ", "n": None, "parts": {"a": []}},
]
WHEN = [datetime.datetime(2024, 2, 29, 12, 30), None, datetime.datetime(1999, 1, 1)]


def passed_on(path: Path, form: str, numeric=None) -> bytes:
    """Write a table's columns again."""
    table, stream = open_table(path), io.BytesIO()
    columns = OutputColumns(table.columns, ["p"], numeric or {})
    writer = open_writer(format_named(form), stream, columns)
    for chunk in table.chunks(dict.fromkeys(table.columns, "text")):
        writer.write(chunk, {"p": LabelColumn([k % 2 for k in range(len(chunk))], ["no", "yes"])})
    writer.close({})
    return stream.getvalue()


def json_rows(content: bytes) -> list[dict]:
    rows = [json.loads(line) for line in content.splitlines()]
    assert [row.pop("p") for row in rows] == ["no", "yes", "no"][: len(rows)]
    return rows


def as_parquet(path: Path, table: pa.Table) -> Path:
    pq.write_table(table, path)
    return path


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.fixture
def columns() -> pa.Table:
    return pa.table(
        {
            "id": pa.array([BIG, None, 3], pa.int64()),
            "small": pa.array([1, 2, None], pa.uint8()),
            "ok": [True, None, False],
            "when": pa.array(WHEN, pa.timestamp("us")),
            "day": pa.array([when and when.date() for when in WHEN]),
            "kind": pa.array(["a", "b", None]).dictionary_encode(),
            "parts": [[1, 2], None, []],
        }
    )


def test_json_lines_pass_through_as_they_are(lines: Path) -> None:
    assert json_rows(passed_on(lines, "jsonl", {"x": NumberFormat()})) == ROWS
    document = json.loads(passed_on(lines, "json"))
    assert [{**row, "p": p} for row, p in zip(ROWS, ["no", "yes", "no"], strict=True)] == (
        document["predictions"]
    )


def test_a_json_document_is_passed_on_as_json_lines(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(ROWS))
    assert json_rows(passed_on(tmp_path / "t.json", "jsonl")) == ROWS


def test_parquet_passes_through_with_its_types(tmp_path: Path, columns: pa.Table) -> None:
    content = passed_on(as_parquet(tmp_path / "t.parquet", columns), "parquet")
    read = pq.read_table(io.BytesIO(content))
    assert read.drop_columns("p").schema.equals(columns.schema)
    assert read.drop_columns("p").to_pydict() == columns.to_pydict()


def test_parquet_to_json_lines(tmp_path: Path, columns: pa.Table) -> None:
    rows = json_rows(passed_on(as_parquet(tmp_path / "t.parquet", columns), "jsonl"))
    assert rows[0] == {
        "id": BIG,
        "small": 1,
        "ok": True,
        "when": "2024-02-29 12:30:00",
        "day": "2024-02-29",
        "kind": "a",
        "parts": [1, 2],
    }
    assert rows[1] == {**dict.fromkeys(rows[1]), "small": 2, "kind": "b"}


def test_json_lines_to_parquet(lines: Path) -> None:
    read = pq.read_table(io.BytesIO(passed_on(lines, "parquet", {"x": None}))).to_pydict()
    assert {name: read[name] for name in ROWS[0]} == {
        name: [row[name] for row in ROWS] for name in ROWS[0]
    }


def test_text_becomes_numbers_where_they_are_read_as_such(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"id,x,code\n{BIG},1.50,007\n,NA,08\n12,-3,9\n")
    numeric = {"id": None, "x": None}
    rows = [
        {"id": BIG, "x": 1.5, "code": "007"},
        {"id": None, "x": None, "code": "08"},
        {"id": 12, "x": -3, "code": "9"},
    ]
    assert json_rows(passed_on(tmp_path / "t.csv", "jsonl", numeric)) == rows
    read = pq.read_table(io.BytesIO(passed_on(tmp_path / "t.csv", "parquet", numeric)))
    assert read.drop_columns("p").to_pylist() == rows
    assert [read.schema.field(name).type for name in ("id", "x", "code")] == [
        pa.int64(),
        pa.float64(),
        pa.string(),
    ]


@pytest.mark.parametrize(
    ("cells", "number_format", "plain"),
    [
        (["1,5", "", "-20,25"], NumberFormat(decimal=","), ["1.5", "", "-20.25"]),
        (["1.234", "12.500,5", "7"], NumberFormat(decimal=",", thousands="."), None),
        (["1'234.5", "7", "8"], NumberFormat(thousands="'"), ["1234.5", "7", "8"]),
        # 1.234 could be read back as 1234
        (["1,234", "2,345", "7"], NumberFormat(decimal=",", thousands="."), None),
    ],
)
def test_marked_numbers_are_written_plainly(tmp_path, cells, number_format, plain):
    (tmp_path / "t.csv").write_text("x;s\n" + "".join(f"{cell};1,5\n" for cell in cells))
    content = passed_on(tmp_path / "t.csv", "csv", {"x": number_format}).decode()
    (tmp_path / "back.csv").write_text(content)
    values = [number_format.number(cell) for cell in cells]
    written = [line.split(",")[0] for line in content.splitlines()[1:]]
    if plain is not None:
        assert written == plain
    read = open_table(tmp_path / "back.csv")
    (chunk,) = read.chunks({"x": "text", "s": "text"})
    again, _ = numbers_like(chunk.column("x"), number_format)
    assert str(again.tolist()) == str(values)
    assert chunk.column("s").cells() == ["1,5"] * 3  # not read as numbers: as it is
    rows = json_rows(passed_on(tmp_path / "t.csv", "jsonl", {"x": number_format}))
    assert [row["x"] for row in rows] == [None if value != value else value for value in values]


def test_a_column_of_parquet_has_one_type(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    for number, cell in enumerate(["1", '"a"']):
        (tmp_path / "t" / f"{number}.jsonl").write_text(f'{{"id": {cell}}}\n')
    with pytest.raises(DataError, match="the column 'id' is of the type string there, and int64"):
        passed_on(tmp_path / "t", "parquet")
    (tmp_path / "t" / "1.jsonl").write_text('{"id": null}\n')
    read = pq.read_table(io.BytesIO(passed_on(tmp_path / "t", "parquet"))).to_pydict()
    assert read["id"] == [1, None]


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        (["False", "True"], [False, True]),
        (["0", "1", "-2"], [0, 1, -2]),
        (["1.5", "2"], [1.5, 2]),
        (["007", "8"], ["007", "8"]),
        (["1", "true"], ["1", "true"]),
        (["1.50", "2.5"], ["1.50", "2.5"]),
        (["no", "yes"], ["no", "yes"]),
        (["NaN", "null"], ["NaN", "null"]),
        (["1e3", "2"], ["1e3", "2"]),
        (["9007199254740993", "2"], ["9007199254740993", "2"]),
    ],
)
def test_labels_that_are_numbers_or_true_and_false_are_written_so(labels, values):
    found = LabelColumn([0], labels).values
    assert found == values
    assert list(map(type, found)) == list(map(type, values))


def test_half_of_a_surrogate_pair_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": "\\ud800", "b": "é"}\n')
    content = passed_on(tmp_path / "t.jsonl", "jsonl")
    assert json.loads(content) == {"a": "\ud800", "b": "é", "p": "no"}
    assert "\\ud800" in passed_on(tmp_path / "t.jsonl", "csv").decode()
