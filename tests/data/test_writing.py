"""Written CSV, JSON and Parquet, read back by other programs."""

import csv
import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bpnet.data.formats import format_named
from bpnet.data.reading import table_from_rows
from bpnet.data.reading.delimited import DelimitedFile
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import bytes_opener
from bpnet.data.reading.table import Table
from bpnet.data.writing import Numbers, OutputColumns, open_writer

CELLS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n,\"';"), max_size=6
).map(str.strip)


def written(
    table: Table, form: str, kept: list[str], added: dict, *, numeric=None, resolution: float = 1e-6
) -> bytes:
    stream = io.BytesIO()
    columns = OutputColumns(kept, list(added), numeric or {})
    writer = open_writer(format_named(form), stream, columns)
    start = 0
    for chunk in table.chunks(dict.fromkeys(table.columns, "text")):
        end = start + len(chunk)
        rows = slice(start, end)
        writer.write(
            chunk,
            {
                name: values[rows]
                if isinstance(values, list)
                else Numbers(values[rows], np.full(len(chunk), resolution))
                for name, values in added.items()
            },
        )
        start = end
    writer.close({})
    return stream.getvalue()


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6),
    st.sampled_from([["a", "b"], ["b"], [], ["b", "a"]]),
)
@example([("x", "y", "two\nlines"), ("x\ry", "z", "")], ["a", "b"])
def test_csv_is_read_back_by_csv(rows, kept):
    table = table_from_rows("t.csv", ["a", "b"], [row[:2] for row in rows])
    added = {'p, "x"': [row[2] for row in rows], "n": np.arange(len(rows)) / 4}
    read = rows_of(written(table, "csv", kept, added))
    assert read[0] == [*kept, 'p, "x"', "n"]
    own = [[row["ab".index(name)] for name in kept] for row in rows]
    assert read[1:] == [
        [*cells, row[2], f"{k / 4:g}"] for k, (cells, row) in enumerate(zip(own, rows, strict=True))
    ]


def test_plain_lines_are_passed_on_as_they_are():
    content = b"a,b\n1.50,007\n, x\n"
    table = Table("t.csv", [DelimitedFile("t.csv", bytes_opener(content), Reading())])
    assert written(table, "csv", ["a", "b"], {"p": ["u", "v"]}) == b"a,b,p\n1.50,007,u\n, x,v\n"
    assert written(table, "csv", ["b"], {"p": ["u", "v"]}) == b"b,p\n007,u\nx,v\n"


@pytest.mark.parametrize(
    "content",
    [b"a;b\n1,5;x\n2,5;y\n", b'a,b\n"1,5",x\n\n"2,5",y\n', b"a\tb\r\n1,5\tx\r\n2,5\ty\r\n"],
)
def test_other_dialects_become_csv(content):
    table = Table("t.csv", [DelimitedFile("t.csv", bytes_opener(content), Reading())])
    read = rows_of(written(table, "csv", ["a", "b"], {"p": ["u", "v"]}))
    assert read == [["a", "b", "p"], ["1,5", "x", "u"], ["2,5", "y", "v"]]


@pytest.mark.parametrize(
    ("resolution", "text"), [(1e-3, "0.333"), (1e-6, "0.333333"), (0, "0.3333333333333333")]
)
def test_numbers_have_the_digits_of_their_resolution(resolution, text):
    table = table_from_rows("t.csv", ["a"], [[1]])
    added = {"p": np.array([1 / 3])}
    assert rows_of(written(table, "csv", [], added, resolution=resolution))[1] == [text]
    assert json.loads(written(table, "jsonl", [], added, resolution=resolution)) == {
        "p": float(text)
    }


def test_0_is_written_without_digits_however_fine_its_resolution_is():
    numbers = Numbers(np.array([0.0, -0.0, 1 / 3, 1e-300]), np.array([5e-324, 1e-45, 1e-3, 1e-303]))
    assert numbers.texts() == ["0", "0", "0.333", "1e-300"]


def test_json_has_numbers_and_nulls():
    cells = [
        ["1", "1"],
        ["-2.50e3", ""],
        ["007", "größe"],
        ["9007199254740993", "1.10"],
        ["", 'q"'],
    ]
    table = table_from_rows("t.csv", ["a", "b"], cells)
    added = {"p": np.array([0.1, 1e-4, 2, 3, 4]), "label": ["u", "v", "w", "x", "y"]}
    lines = [
        json.loads(line)
        for line in written(table, "jsonl", ["a", "b"], added, numeric={"a": None})
        .decode()
        .splitlines()
    ]
    assert lines == [
        {"a": 1, "b": "1", "p": 0.1, "label": "u"},
        {"a": -2500.0, "b": None, "p": 1e-4, "label": "v"},
        {"a": 7, "b": "größe", "p": 2, "label": "w"},
        {"a": 9007199254740993, "b": "1.10", "p": 3, "label": "x"},
        {"a": None, "b": 'q"', "p": 4, "label": "y"},
    ]
    document = json.loads(written(table, "json", ["a", "b"], added, numeric={"a": None}))
    assert document == {"predictions": lines}


def test_json_without_kept_columns_over_several_files():
    both = Table(
        "t",
        [*table_from_rows("1", ["a"], [[1], [2]]).files, *table_from_rows("2", ["a"], [[3]]).files],
    )
    content = written(both, "json", [], {"p": ["u", "v", "w"]})
    assert json.loads(content) == {"predictions": [{"p": "u"}, {"p": "v"}, {"p": "w"}]}


@given(st.text(st.sampled_from("0123456789.-+eE"), min_size=1, max_size=8))
def test_json_of_any_cell_is_json(cell):
    line = written(table_from_rows("t", ["a", "b"], [[cell, 1]]), "jsonl", ["a"], {"p": ["u"]})
    value = json.loads(line)["a"]
    assert value == cell if isinstance(value, str) else value == float(cell)


def test_parquet_is_read_back_by_pyarrow():
    files = [
        *table_from_rows("1", ["a", "b", "c"], [["1.5", "x", "1"], ["", "", "NA"]]).files,
        *table_from_rows("2", ["a", "b", "c"], [["3", "größe", "2"]]).files,
    ]
    added = {"p": np.array([0.1, 0.2, 0.3]), "label": ["u", "v", "w"]}
    content = written(Table("t", files), "parquet", ["a", "b", "c"], added, numeric={"a": None})
    read = pq.read_table(io.BytesIO(content)).to_pydict()
    assert read == {
        "a": [1.5, None, 3],
        "b": ["x", None, "größe"],
        "c": ["1", "NA", "2"],
        "p": [0.1, 0.2, 0.3],
        "label": ["u", "v", "w"],
    }


def text_table(content: bytes, **settings: object) -> Table:
    return Table("t.csv", [DelimitedFile("t.csv", bytes_opener(content), Reading(**settings))])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "settings", "rows"),
    [
        (b"a,b\r\r\n1,2\r\r\n3,4\r\r\n", {}, [["1", "2"], ["3", "4"]]),
        (b"a,b\n\"hello,2\n3,'4'\n", {"quote": "'"}, [['"hello', "2"], ["3", "4"]]),
        (b'a,b\n"hello,2\nhe"llo,4\n', {"quote": "'"}, [['"hello', "2"], ['he"llo', "4"]]),
    ],
    ids=["cr cr lf", "another quote", "a quote that is none"],
)
def test_a_table_that_is_passed_on_has_the_rows_it_had(
    size: str, content: bytes, settings: dict[str, str], rows
):
    stream = io.BytesIO()
    columns = OutputColumns(["a", "b"], ["c"])
    writer = open_writer(format_named("csv"), stream, columns)
    for chunk in text_table(content, **settings).chunks({"b": "any"}):
        writer.write(chunk, {"c": ["new"] * len(chunk)})
    writer.close({})
    back = list(csv.reader(io.StringIO(stream.getvalue().decode(), newline="")))
    assert back == [["a", "b", "c"], *([*row, "new"] for row in rows)]
    assert b"\r" not in stream.getvalue()


@pytest.mark.parametrize("form", ["jsonl", "json"])
@pytest.mark.parametrize("cell", ["1e999", "12e4", "1.10", "0e1234", "7"])
def test_text_that_looks_like_a_number_stays_text_in_json(form, cell: str):
    stream = io.BytesIO()
    columns = OutputColumns(["x", "label"], ["c"], {"x": None})
    writer = open_writer(format_named(form), stream, columns)
    for chunk in text_table(f"x,label\n2.5,{cell}\n".encode()).chunks({"x": "number"}):
        writer.write(chunk, {"c": ["new"]})
    writer.close({})
    content = json.loads(
        stream.getvalue(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON")
    )
    (row,) = content["predictions"] if form == "json" else [content]
    assert row == {"x": 2.5, "label": cell, "c": "new"}
