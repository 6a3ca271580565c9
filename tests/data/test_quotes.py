"""The end of the last whole record: quotes that begin a cell, and those within one."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bpnet.data.reading import open_table
from bpnet.data.reading.quotes import end_of_records


def end_by_character(text: str, separator: str) -> int:
    """Return where the last record ends, going through the text as the module csv does."""
    state, end, k = "start", 0, 0
    while k < len(text):
        character = text[k]
        if state == "quoted":
            if character == '"':
                doubled = text[k + 1 : k + 2] == '"'
                state = "quoted" if doubled else "text"
                k += doubled
        elif character == "\n":
            state, end = "start", k + 1
        elif character == separator:
            state = "start"
        elif state == "start" and character != " ":
            state = "quoted" if character == '"' else "text"
        k += 1
    return end


@given(st.text('"",\n ab', max_size=14))
@example('bb "\n')
@example('a,5" pipe\n1,"x\ny"\n')
@example('"a""\n",1\n"b')
def test_the_end_is_that_of_the_last_record(text: str):
    assert end_of_records(text.encode(), b'"', ",") == end_by_character(text, ",")


@pytest.mark.parametrize("cell", ['5" pipe', '"', 'a "b" c', '5"'])
def test_quotes_within_cells_lose_no_rows_of_many_blocks(tmp_path: Path, monkeypatch, cell: str):
    monkeypatch.setattr("bpnet.data.reading.streams.BLOCK", 300)
    monkeypatch.setattr("bpnet.data.reading.streams.LONGEST_RECORD", 3000)
    text = f"x {cell}" if cell == '"' else cell
    rows = [f"{k},{text if k == 3 else 'b'},y" for k in range(2000)]
    (tmp_path / "t.csv").write_text("\n".join(["id,part,z", *rows]))
    table = open_table(tmp_path / "t.csv")
    assert table.cells("id", wanted_for="is read") == [str(k) for k in range(2000)]
    assert table.cells("part", wanted_for="is read")[3] == text
