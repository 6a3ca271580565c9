"""JSON lines: an object for each row, and the line of what is not an object."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.reading import open_table, streams
from bpnet.data.reading.json_lines import JsonLinesFile
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import bytes_opener
from bpnet.data.reading.table import Table
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.errors import DataError

VALUES = st.one_of(
    st.none(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6).map(str.strip),
)


def table(text: str | bytes, **settings: object) -> Table:
    content = text if isinstance(text, bytes) else text.encode()
    return Table("t.jsonl", [JsonLinesFile("t.jsonl", bytes_opener(content), Reading(**settings))])  # type: ignore[arg-type]


def cells(read: Table) -> dict[str, list[str]]:
    return {name: read.cells(name, wanted_for="is read") for name in read.columns}


@given(
    st.lists(st.fixed_dictionaries({"a": VALUES}, optional={"b": VALUES}), min_size=1, max_size=9),
    st.booleans(),
)
def test_what_json_writes_is_read_back(rows, as_ascii):
    text = "".join(json.dumps(row, ensure_ascii=as_ascii) + "\n" for row in rows)
    for name, read in cells(table(text)).items():
        for cell, row in zip(read, rows, strict=True):
            value = row.get(name)
            assert (
                cell == value
                if isinstance(value, str)
                else cell == ""
                if value is None
                else float(cell) == value
            )


def test_keys_are_columns_and_an_absent_key_is_a_missing_value():
    read = table(
        '{"b": 1, "a": "x"}\n\n{"a": null}\n{"c": true, "b": 2.50}\r\n{"a": "y", "c": false}'
    )
    assert read.columns == ["b", "a", "c"]
    assert cells(read) == {
        "b": ["1", "", "2.5", ""],
        "a": ["x", "", "", "y"],
        "c": ["", "", "true", "false"],
    }
    assert [read.where(row) for row in (0, 1, 3)] == [
        "t.jsonl, line 1 (row 1)",
        "t.jsonl, line 3 (row 2)",
        "t.jsonl, line 5 (row 4)",
    ]
    numbers = whole_columns(read, {"b": "number"})["b"].as_numbers()
    assert numbers[[0, 2]].tolist() == [1, 2.5]


def test_nan_is_a_missing_number_and_words_may_be_set_as_missing():
    column = whole_columns(
        table('{"a": NaN}\n{"a": 1}\n{"a": "-"}\n', missing=["-"]), {"a": "number"}
    )["a"]
    assert str(column.as_numbers().tolist()) == "[nan, 1.0, nan]"


def test_the_format_is_known_by_name_or_by_the_first_bytes(tmp_path):
    for name in ("t.jsonl", "t.ndjson", "t.txt"):
        (tmp_path / name).write_text('{"a": 1, "b": "x;y"}\n')
        assert open_table(tmp_path / name).columns == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ("the table is empty",)),
        ("\n \n", ("the table is empty",)),
        (
            "{}\n",
            (
                "the objects have no keys",
                "each must hold a row",
            ),
        ),
        ('{"a": 1}\n[1]\n', ("line 2: is a list, not an object",)),
        ('{"a": 1}\n\n7\n', ("line 3: is 7, not an object",)),
        ('{"a": 1}\n{"a": 1,}\n', ("line 2: not a JSON object", "each line must hold one")),
        ('{"a": 1}\n{"a"', ("line 2: not a JSON object",)),
        (b'{"a": 1}\n{"a": "\xff"}\n', ("line 2: not a JSON object",)),
        ('{"a": 1}\n' + "[" * 100_000, ("line 2: not a JSON object",)),
    ],
)
def test_a_line_that_is_no_row_is_named(text, parts):
    with pytest.raises(DataError) as caught:
        cells(table(text))
    assert caught.value.exit_code == 4
    (message,) = caught.value.problems
    assert [part for part in ("t.jsonl", *parts) if part not in message] == []


def test_a_key_that_comes_after_the_first_block_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(streams, "BLOCK", 100)
    content = '{"a": 1}\n' * 50 + '{"b": 1}\n'
    with pytest.raises(DataError, match=r"line 51: the key 'b' is not a column; .* 'a'; remove"):
        cells(table(content))


@given(st.integers(1, 60))
def test_blocks_are_one_table(block):
    content = "".join(json.dumps({"a": k, "b": "ü\n" * k}) + "\n" for k in range(20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "BLOCK", block)
        read = table(content)
        if read.columns == ["a", "b"]:
            assert cells(read) == {
                "a": [str(k) for k in range(20)],
                "b": [("ü\n" * k).strip() for k in range(20)],
            }
            assert read.where(13) == "t.jsonl, line 14 (row 14)"


@pytest.mark.parametrize(
    "line",
    [b'{"a": 1, "b": "\\ud800"}', b'{"a": "x\\udfffy", "b": "r"}'],
    ids=["alone", "within text"],
)
def test_half_of_a_surrogate_pair_is_refused(tmp_path: Path, line: bytes):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"a": 1, "b": "red"}\n' * 5 + line + b"\n")
    with pytest.raises(DataError, match=r"t\.jsonl, line 6 .*column '[ab]': half .*surrogate pair"):
        whole_columns(open_table(path), {"a": "text", "b": "text"})


def test_half_of_a_surrogate_pair_is_no_name_either(tmp_path: Path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"a": 1, "b": "red"}\n' * 5 + b'{"a": 1, "\\ud800": 2}\n')
    with pytest.raises(DataError, match=r"t\.jsonl.* key .*surrogate pair"):
        open_table(path)
