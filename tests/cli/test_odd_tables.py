"""Tables that look odd and are accepted, with a warning where one is due."""

import gzip
import re
from pathlib import Path

import pytest
from command_cases import (
    TABLE,
    rows_of,
)
from command_line import bpnet


@pytest.mark.parametrize(
    "table",
    [
        b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode(),
        TABLE.replace("\n", "\n\n").encode(),
        TABLE.replace(",", " , ").encode(),
        TABLE.replace("a,b,c", '"epoch, in\nyears","loss.x y",c').encode(),
        TABLE.replace("a,b,c", "epoch,predicted,c").encode(),
        TABLE.replace("\n1.5,", "\nnan,", 1).encode(),
        TABLE.replace("\n1.5,", "\n,").encode(),
    ],
    ids=["BOM and CRLF", "blank lines", "spaces", "odd names", "names of figures", "nan", "gaps"],
)
def test_odd_tables_that_are_in_order(table: bytes, here: Path) -> None:
    (here / "t.csv").write_bytes(table)
    assert bpnet("train", "c.yaml", cwd=here).code == 0
    assert bpnet("eval", "runs/c-001", cwd=here).code == 0
    assert bpnet("predict", "runs/c-001", "t.csv", cwd=here).code == 0


@pytest.mark.parametrize(
    "table",
    [
        b"\xef\xbb\xbf" + TABLE.encode(),
        TABLE.replace(",", ";").encode(),
        TABLE.replace(",", ";").replace(".", ",").encode(),
        TABLE.replace(",", "\t").encode(),
        TABLE.replace(",", " | ").encode(),
        TABLE.replace("\n", "\r\n").encode("utf-16"),
        TABLE.replace("\n", "\r").encode(),
        TABLE.removesuffix("\n").encode(),
        TABLE.replace("\n", "\r").removesuffix("\r").encode(),
        re.sub("([^,\n]+)", r'"\1"', TABLE).encode(),
        gzip.compress(TABLE.encode()),
    ],
    ids=[
        "BOM",
        "semicolons",
        "decimal commas",
        "tabs",
        "bars",
        "UTF-16",
        "old Mac",
        "no end",
        "old Mac without an end",
        "quotes",
        "gzip",
    ],
)
def test_a_table_is_the_same_however_it_is_written(table: bytes, trained: Path) -> None:
    before = (trained / "runs/c-001/model/weights.safetensors").read_bytes()
    (trained / "t.csv").write_bytes(table)
    assert bpnet("train", "c.yaml", cwd=trained).code == 0
    assert (trained / "runs/c-002/model/weights.safetensors").read_bytes() == before


def test_a_constant_column_is_warned_of(here: Path) -> None:
    (here / "t.csv").write_text(rows_of("7,{k},{'xy'[k % 2]}"))
    said = bpnet("train", "c.yaml", cwd=here)
    assert said.code == 0
    assert (
        len(
            [
                line
                for line in said.err.splitlines()
                if line.startswith("warning: ") and "'a'" in line
            ]
        )
        == 1
    )


def test_a_column_of_numbers_and_words_is_warned_of(here: Path) -> None:
    (here / "t.csv").write_text(rows_of("{'red' if k % 8 == 5 else k % 7},{k * k},{'xy'[k % 2]}"))
    said = bpnet("train", "c.yaml", cwd=here)
    assert said.code == 0
    (warning,) = [line for line in said.err.splitlines() if line.startswith("warning: ")]
    assert all(part in warning for part in ("'a'", "'red'", "categories"))
