"""One table of Python values as files of each format, as other programs write them."""

import bz2
import csv
import gzip
import importlib.util
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import zstandard
from workbooks import workbook

Values = Mapping[str, Sequence[Any]]
"""Columns of texts, numbers, booleans and dates; None is a missing value."""


def _delimited(separator: str, decimal: str = ".", encoding: str = "utf-8") -> Any:
    def write(values: Values, path: Path) -> None:
        def cell(value: Any) -> str:
            text = "" if value is None else str(value)
            return text.replace(".", decimal) if isinstance(value, float) else text

        stream = io.StringIO(newline="")
        writer = csv.writer(stream, delimiter=separator)
        writer.writerow(values)
        writer.writerows(map(cell, row) for row in zip(*values.values(), strict=True))
        path.write_bytes(stream.getvalue().encode(encoding))

    return write


def _by_pandas(write: Callable[[pd.DataFrame, Path], object]) -> Any:
    return lambda values, path: write(pd.DataFrame(values).convert_dtypes(), path)


def _objects(values: Values) -> list[dict[str, Any]]:
    rows = (dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True))
    return [{name: str(v) if isinstance(v, date) else v for name, v in row.items()} for row in rows]


def _json_lines(values: Values, path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in _objects(values)))


def _stream(values: Values, path: Path) -> None:
    table = pa.table(dict(values))
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=17)


def _zip(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("table", content)
    return stream.getvalue()


def _compressed(write: Any, compress: Callable[[bytes], bytes]) -> Any:
    def write_compressed(values: Values, path: Path) -> None:
        write(values, path)
        path.write_bytes(compress(path.read_bytes()))

    return write_compressed


def _parquet(values: Values, path: Path) -> None:
    pq.write_table(pa.table(dict(values)), path, row_group_size=23)


def _excel(values: Values, path: Path) -> None:
    rows = zip(*values.values(), strict=True)
    path.write_bytes(workbook({"Notes": [], "Data": [list(values), *map(list, rows)]}))


COMMA = _delimited(",")
WRITERS: dict[str, Callable[[Values, Path], None]] = {
    "comma.csv": COMMA,
    "semicolon.csv": _delimited(";", decimal=","),
    "tab.tsv": _delimited("\t"),
    "utf_16.txt": _delimited("\t", encoding="utf-16"),
    "lines.jsonl": _json_lines,
    "list.json": lambda values, path: path.write_text(json.dumps({"data": _objects(values)})),
    "columns.json": lambda values, path: path.write_text(
        json.dumps({name: [row[name] for row in _objects(values)] for name in values}, indent=1)
    ),
    "plain.parquet": _parquet,
    "plain.feather": lambda values, path: pyarrow.feather.write_feather(
        pa.table(dict(values)), str(path)
    ),
    "stream.arrow": _stream,
    "pandas.csv": _by_pandas(lambda frame, path: frame.to_csv(path, index=False)),
    "pandas.parquet": _by_pandas(lambda frame, path: frame.to_parquet(path, index=False)),
    "categories.parquet": _by_pandas(
        lambda frame, path: frame.astype(
            {name: "category" for name in frame if frame[name].dtype == "string"}
        ).to_parquet(path, index=False)
    ),
    "comma.csv.gz": _compressed(COMMA, gzip.compress),
    "comma.csv.bz2": _compressed(COMMA, bz2.compress),
    "comma.csv.xz": _compressed(COMMA, lzma.compress),
    "comma.csv.zst": _compressed(COMMA, zstandard.compress),
    "comma.csv.zip": _compressed(COMMA, _zip),
    "lines.jsonl.xz": _compressed(_json_lines, lzma.compress),
    "plain.parquet.zst": _compressed(_parquet, zstandard.compress),
}
if importlib.util.find_spec("python_calamine"):
    WRITERS["book.xlsx"] = _excel
"""How each file is written; its name shows what it is."""


def write_all(values: Values, folder: Path) -> list[Path]:
    """Write a table as a file of each kind, and return the files."""
    for name, write in WRITERS.items():
        write(values, folder / name)
    return [folder / name for name in WRITERS]
