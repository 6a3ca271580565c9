"""Mistakes that were found in reading, encoding and writing tables: each stays away."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bpnet.data.encoding import Encoder, column_fitters
from bpnet.data.encoding.column_options import ColumnOptions
from bpnet.data.encoding.fitting import fit_encoder
from bpnet.data.encoding.settings import (
    AnyCategorical,
    Embedded,
    Impute,
    NoScaling,
    OneHot,
    Ordinal,
    Refuse,
)
from bpnet.data.formats import format_named
from bpnet.data.reading import Table, delimited, open_table, streams, table_from_rows
from bpnet.data.reading.chunk import CellType
from bpnet.data.reading.column import CellParseError, Column, column_from_texts
from bpnet.data.reading.delimited import DelimitedFile
from bpnet.data.reading.number_format import NumberFormat
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import bytes_opener
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.data.roles import detect_role
from bpnet.data.targets import Classes, is_binary
from bpnet.data.writing import OutputColumns, open_writer
from bpnet.errors import DataError


def table(content: bytes, **settings: object) -> Table:
    return Table("t.csv", [DelimitedFile("t.csv", bytes_opener(content), Reading(**settings))])  # type: ignore[arg-type]


def column(content: bytes, name: str, kind: CellType, **settings: object) -> Column:
    return whole_columns(table(content, **settings), {name: kind})[name]


def where(row: int) -> str:
    return f"row {row + 1}"


@pytest.fixture(params=["small", "large"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small table is read cell by cell, a large one by pandas."""
    if request.param == "large":
        monkeypatch.setattr(delimited, "LARGE", 0)
    return str(request.param)


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of about 400 bytes, which pandas reads, but for a last one that is small."""
    monkeypatch.setattr(streams, "BLOCK", 400)
    monkeypatch.setattr(delimited, "LARGE", 300)


# Blocks that are read in different ways


@pytest.mark.usefixtures("blocks")
def test_labels_like_007_stay_as_they_are_where_the_last_block_is_small():
    labels = [f"00{k % 5 + 1}" for k in range(200)]
    content = ("label,y\n" + "".join(f"{label},1\n" for label in labels)).encode()
    assert column(content, "label", "text").cells() == labels
    assert sorted(
        {round(value) for value in column(content, "label", "any").as_numbers().tolist()}
    ) == [1, 2, 3, 4, 5]
    words = [*labels, "ZZ"]  # found last: what was read as numbers before it is read again
    assert column(content + b"ZZ,1\n", "label", "any").cells() == words


@pytest.mark.usefixtures("blocks")
def test_labels_like_007_stay_as_they_are_where_one_block_of_pandas_has_a_word():
    labels = ["ZZ" if k == 90 else f"00{k % 5 + 1}" for k in range(200)]
    content = ("label,y\n" + "".join(f"{label},1\n" for label in labels)).encode()
    assert column(content, "label", "any").cells() == labels


@pytest.mark.usefixtures("blocks")
def test_numbers_stay_numbers_where_the_last_block_is_small():
    values = [k + 0.25 for k in range(200)]
    read = column(("x,y\n" + "".join(f"{value},1\n" for value in values)).encode(), "x", "any")
    assert read.numbers is not None
    assert read.numbers.tolist() == values


@pytest.mark.parametrize("cell", ["-999", "-999.0", "-999.00"])
def test_a_missing_word_that_is_a_number_means_the_same_in_every_table(size: str, cell: str):
    content = f"x,y\n1,1\n{cell},1\n2,1\n".encode()
    for kind in ("number", "any"):
        np.testing.assert_array_equal(
            column(content, "x", kind, missing=["-999"]).as_numbers(), [1, np.nan, 2]
        )
    gap = cell == "-999"  # among texts, a word is but itself
    codes, _ = column(content, "x", "text", missing=["-999"]).as_text()
    assert (codes[1] < 0) == gap


def test_true_and_false_are_no_numbers_in_any_table(size: str):
    with pytest.raises(CellParseError):
        column(b"x,y\nTRUE,1\nFALSE,1\n", "x", "number").as_numbers()
    assert column(b"x,y\nTRUE,1\nFALSE,1\n", "x", "text").cells() == ["TRUE", "FALSE"]


@pytest.mark.parametrize("large", [0, 4_000_000], ids=["large", "small"])
def test_a_nul_byte_deep_in_a_table_is_named_with_its_line(
    monkeypatch: pytest.MonkeyPatch, large: int
):
    monkeypatch.setattr(delimited, "LARGE", large)
    monkeypatch.setattr(streams, "BLOCK", 50)
    content = b"x,y\n" + b"1,a\n" * 60 + b"1,a\0b\n" + b"1,a\n" * 60
    with pytest.raises(DataError, match="line 62: holds a NUL byte"):
        column(content, "y", "text")


# Text tables


@pytest.mark.parametrize("cell", ["b", '3" b'])
def test_a_quote_within_a_column_name_loses_no_rows(size: str, cell: str):
    rows = [f"{k},{cell if k == 10 else 'b'},p" for k in range(60)]
    read = table("\n".join(['id,5" pipe,y', *rows]).encode())
    assert read.columns == ["id", '5" pipe', "y"]
    assert whole_columns(read, {"id": "number"})["id"].as_numbers().tolist() == list(range(60))
    assert read.where(20) == "t.csv, line 22 (row 21)"


def test_a_header_of_several_lines_ends_where_its_quotes_do(size: str):
    read = table(b'\n"a\nb",y\n1,2\n')
    assert read.columns == ["a\nb", "y"]
    assert read.where(0) == "t.csv, line 4 (row 1)"


def test_a_mark_between_thousands_stands_before_three_digits(size: str):
    assert column(
        b"x;y\n3.101,5;1\n-1.000.000;1\n7;1\n", "x", "number", thousands="."
    ).as_numbers().tolist() == [
        3101.5,
        -1_000_000,
        7,
    ]
    for wrong in (b"0.5", b"1.0000", b"1234.567", b"1,000.5"):
        with pytest.raises(CellParseError):
            column(b"x;y\n" + wrong + b";1\n", "x", "number", thousands=".").as_numbers()


def test_text_in_another_encoding_that_is_cut_short_is_refused():
    whole = "x,y\n1,a\n2,b".encode("utf-16")
    assert column(whole, "y", "text").cells() == ["a", "b"]
    with pytest.raises(DataError, match=r"t\.csv, near line \d: is not utf-16 text"):
        column(whole[:-1], "y", "text")


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert table("\ufeffx,y\n1,a\n".encode("utf-16-le"), encoding="utf-16-le").columns == ["x", "y"]


@pytest.mark.parametrize(
    "line",
    [b'{"a": 1, "b": "\\ud800"}', b'{"a": "x\\udfffy", "b": "r"}'],
    ids=["alone", "within text"],
)
def test_half_of_a_surrogate_pair_is_refused(tmp_path: Path, line: bytes):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"a": 1, "b": "red"}\n' * 5 + line + b"\n")
    with pytest.raises(DataError, match=r"t\.jsonl, line 6, column '[ab]': half .*surrogate pair"):
        whole_columns(open_table(path), {"b": "text"})


def test_half_of_a_surrogate_pair_is_no_name_either(tmp_path: Path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"a": 1, "b": "red"}\n' * 5 + b'{"a": 1, "\\ud800": 2}\n')
    with pytest.raises(DataError, match=r"t\.jsonl.* key .*surrogate pair"):
        open_table(path)


# Parquet


def test_whole_numbers_of_parquet_keep_every_digit(tmp_path: Path):
    ids = [1234567890123456700, 1234567890123456701, 1234567890123456, None]
    pq.write_table(
        pa.table({"id": pa.array(ids), "y": ["a", "b", "a", "b"]}), tmp_path / "t.parquet"
    )
    read = open_table(tmp_path / "t.parquet")
    texts = ["" if number is None else str(number) for number in ids]
    assert whole_columns(read, {"id": "text"})["id"].cells() == texts
    (chunk,) = read.chunks({"id": "number"})
    assert [row[0] for row in chunk.rows()] == texts


def test_bytes_in_parquet_that_are_no_text_are_named(tmp_path: Path):
    pq.write_table(pa.table({"a": [1, 2], "by": [b"x", b"\xff"]}), tmp_path / "t.parquet")
    with pytest.raises(
        DataError, match=r"t\.parquet, column 'by': cannot be read as numbers or text"
    ) as caught:
        whole_columns(open_table(tmp_path / "t.parquet"), {"by": "any"})
    assert caught.value.exit_code == 4


# Writing


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
    columns = OutputColumns(["a", "b"], ["c"], 7)
    writer = open_writer(format_named("csv"), stream, columns)
    for chunk in table(content, **settings).chunks({"b": "any"}):
        writer.write(chunk, {"c": ["new"] * len(chunk)})
    writer.close()
    back = list(csv.reader(io.StringIO(stream.getvalue().decode(), newline="")))
    assert back == [["a", "b", "c"], *([*row, "new"] for row in rows)]
    assert b"\r" not in stream.getvalue()


@pytest.mark.parametrize("form", ["jsonl", "json"])
@pytest.mark.parametrize("cell", ["1e999", "12e4", "1.10", "0e1234", "7"])
def test_text_that_looks_like_a_number_stays_text_in_json(form, cell: str):
    stream = io.BytesIO()
    columns = OutputColumns(["x", "label"], ["c"], 7, ["x"])
    writer = open_writer(format_named(form), stream, columns)
    for chunk in table(f"x,label\n2.5,{cell}\n".encode()).chunks({"x": "number"}):
        writer.write(chunk, {"c": ["new"]})
    writer.close()
    content = json.loads(
        stream.getvalue(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON")
    )
    (row,) = content["predictions"] if form == "json" else [content]
    assert row == {"x": 2.5, "label": cell, "c": "new"}


# Encoding


def plan(
    role: str, wish: AnyCategorical | None = None, missing: Impute | Refuse | None = None
) -> ColumnOptions:
    return ColumnOptions(role, NoScaling(), wish or OneHot(), missing or Impute())  # type: ignore[arg-type]


def fitted(whole: Table, *plans: ColumnOptions, unit_rows: bool = False) -> Encoder:
    train, by_name = np.ones(len(whole), bool), dict(zip(whole.columns, plans, strict=True))
    return fit_encoder(whole, by_name, train, unit_rows=unit_rows, rng=np.random.default_rng(0))


def encoded(encoder: Encoder, whole: Table, dtype: str = "float64") -> tuple[np.ndarray, list[str]]:
    (chunk,) = whole.chunks(encoder.column_types)
    x, flags = encoder.encode(chunk, dtype)
    return x, flags.texts(len(chunk))


def rare_cities() -> Table:
    return table_from_rows("t.csv", ["city"], [["Oslo"]] * 20 + [[f"c{k}"] for k in range(1500)])


def test_no_training_row_is_flagged_for_a_rare_level():
    whole = rare_cities()
    encoder = fitted(whole, plan("categorical"))
    assert not any(encoded(encoder, whole)[1])
    assert encoded(encoder, table_from_rows("n.csv", ["city"], [["new"], ["c1499"]]))[1] == [
        "unseen city",
        "",
    ]


def test_no_training_row_is_flagged_where_rare_levels_are_too_many_to_be_named(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(column_fitters, "_MOST_RARE", 10)
    whole = rare_cities()
    assert not any(encoded(fitted(whole, plan("categorical")), whole)[1])


@pytest.mark.parametrize("wish", [Ordinal(order=["S", "M", "L"]), Ordinal(), Embedded(rare=1)])
def test_an_unseen_level_is_the_commonest_where_gaps_are_refused_too(wish: AnyCategorical):
    whole = table_from_rows("t.csv", ["size"], [["S"], ["M"], ["M"], ["L"], ["S"], ["M"]])
    strange = table_from_rows("n.csv", ["size"], [["strange"], ["M"]])
    refusing, imputing = (
        fitted(whole, plan("categorical", wish, missing)) for missing in (Refuse(), Impute())
    )
    x, flags = encoded(refusing, strange)
    np.testing.assert_array_equal(x, encoded(imputing, strange)[0])
    assert x[0] == x[1]
    assert flags == ["unseen size", ""]
    with pytest.raises(DataError, match="column 'size'"):
        encoded(refusing, table_from_rows("n.csv", ["size"], [["S"], [""]]))


def test_an_indicator_and_a_column_of_one_name_are_told_apart():
    whole = table_from_rows("t.csv", ["a", "a missing"], [[3, 4], ["", 0], [3, 8]])
    encoder = fitted(whole, plan("numeric"), plan("numeric"), unit_rows=True)
    assert encoder.inputs == ["a", "a missing", "a missing"]
    x, _ = encoded(encoder, whole)
    np.testing.assert_allclose(
        x, [[0.6, 0, 0.8], [1, 1, 0], [3 / np.hypot(3, 8), 0, 8 / np.hypot(3, 8)]]
    )
    plain = fitted(whole, plan("numeric"), plan("numeric"))
    with pytest.raises(DataError, match="column 'a missing': 1e30 is too large"):
        encoded(plain, table_from_rows("n.csv", ["a", "a missing"], [[3, "1e30"]]), "float32")


# Targets and roles


@pytest.mark.parametrize(
    "cells", [["", "0", "1"], ["0", "1", ""], ["NA", "1", "0"], ["0", "1", "NA"]]
)
def test_a_gap_does_not_make_labels_quantities(cells: list[str]):
    assert is_binary(column_from_texts(cells, NumberFormat()))


def test_what_is_no_label_is_none_with_a_gap_either():
    assert not is_binary(column_from_texts(["", "0", "2"], NumberFormat()))
    assert not is_binary(column_from_texts(["", ""], NumberFormat()))


def test_classes_are_known_as_written_where_not_all_are_there():
    target = Classes(name="y", classes=["1.0", "2.0", "other"])
    assert target.numbers(column_from_texts(["2.0", "1.0"], NumberFormat()), where).tolist() == [
        1,
        0,
    ]
    assert Classes(name="y", classes=["1", "2"]).numbers(
        column_from_texts(["2.0", "1"], NumberFormat()), where
    ).tolist() == [1, 0]


def test_none_is_a_word_beside_yes():
    def role(cells: list[str]) -> str:
        return detect_role(
            "b",
            column_from_texts(cells, NumberFormat()),
            np.ones(len(cells), bool),
            None,
            named=False,
        ).role

    assert role(["none", "yes"] * 20) == "categorical"
    assert role(["no", "yes"] * 20) == "boolean"
    assert role(["no", "yes", "NA"] * 20) == "boolean"
