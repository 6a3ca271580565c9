"""The table of file formats: each row is read by its suffixes and first bytes, and written."""

import bz2
import gzip
import importlib.util
import io
import json
import lzma
import sys
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import zstandard
from workbooks import workbook

from bpnet.cli.predict import OutputFormat
from bpnet.data.formats import (
    FORMATS,
    READABLE,
    WRITABLE,
    FileFormat,
    format_named,
    format_to_read,
    format_to_write,
)
from bpnet.data.reading import open_table, table_from_rows
from bpnet.data.reading.compression import COMPRESSIONS, without_compression_suffix
from bpnet.data.writing import OutputColumns, open_writer
from bpnet.errors import DataError, UsageError

COLUMNS = {"a": [1.5, -2.0, 3.0], "b": ["x, y", "größe", None]}


def parquet() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(COLUMNS), stream)
    return stream.getvalue()


def feather() -> bytes:
    stream = io.BytesIO()
    pyarrow.feather.write_feather(pa.table(COLUMNS), stream)
    return stream.getvalue()


def zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/t", content)
    return stream.getvalue()


EXAMPLES: dict[str, bytes] = {
    "csv": 'a,b\n1.5,"x, y"\n-2,größe\n3,\n'.encode(),
    "tsv": "a\tb\n1.5\tx, y\n-2\tgröße\n3\t\n".encode(),
    "jsonl": '{"a": 1.5, "b": "x, y"}\n{"a": -2, "b": "größe"}\n{"a": 3, "b": null}\n'.encode(),
    "json": json.dumps(
        {"predictions": [{"a": a, "b": b} for a, b in zip(COLUMNS["a"], COLUMNS["b"], strict=True)]}
    ).encode(),
    "parquet": parquet(),
    "arrow": feather(),
    "excel": workbook({"Data": [list(COLUMNS), *zip(*COLUMNS.values(), strict=True)]}),
}
"""The same table as a file of each format."""

COMPRESS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
    ".zip": zipped,
}


def named(formats: tuple[FileFormat, ...]) -> Any:
    """Return the formats as parameters of a test, named as they are."""
    return pytest.mark.parametrize(
        "file_format", [pytest.param(f, id=f.name, marks=needs(f)) for f in formats]
    )


def needs(file_format: FileFormat) -> pytest.MarkDecorator:
    """Return a mark that skips a test where the package of a format is not installed."""
    package = (file_format.package or "").replace("-", "_")
    missing = bool(package) and importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed")


def assert_is_the_table(path: Path) -> None:
    table = open_table(path)
    assert table.columns == list(COLUMNS)
    (a, b) = (table.cells(name, wanted_for="is read") for name in COLUMNS)
    assert [float(cell) for cell in a] == COLUMNS["a"]
    assert b == [cell or "" for cell in COLUMNS["b"]]


def test_no_format_is_forgotten() -> None:
    assert list(EXAMPLES) == [file_format.name for file_format in FORMATS]
    assert list(COMPRESS) == [compression.suffix for compression in COMPRESSIONS]
    assert all(file_format.reader or file_format.writer for file_format in FORMATS)


def test_no_two_formats_share_a_name_or_a_suffix() -> None:
    for values in (
        [f.name for f in FORMATS],
        [suffix for f in FORMATS for suffix in f.suffixes],
    ):
        assert len(set(values)) == len(values)


def test_an_example_begins_as_its_format_alone_does() -> None:
    for name, content in EXAMPLES.items():
        found = [f.name for f in FORMATS if f.first_bytes and f.first_bytes.match(content)]
        assert found == ([] if name in ("csv", "tsv") else ["json" if name == "jsonl" else name])
        assert name in ("csv", "tsv") or format_to_read("t.csv", content).name == name


@named(FORMATS)
def test_reader_and_writer_are_classes(file_format: FileFormat) -> None:
    for entry in (file_format.reader, file_format.writer):
        if entry:
            assert isinstance(file_format.load(entry), type)


@named(READABLE)
def test_a_file_is_read_by_its_suffix(file_format: FileFormat, tmp_path: Path) -> None:
    for suffix in file_format.suffixes:
        for name in (f"t{suffix}", f"T{suffix.upper()}"):
            (tmp_path / name).write_bytes(EXAMPLES[file_format.name])
            assert_is_the_table(tmp_path / name)


@named(READABLE)
def test_a_compressed_file_is_read(file_format: FileFormat, tmp_path: Path) -> None:
    for suffix, compress in COMPRESS.items():
        path = tmp_path / f"t{file_format.suffixes[0]}{suffix}"
        path.write_bytes(compress(EXAMPLES[file_format.name]))
        assert without_compression_suffix(path.name) == f"t{file_format.suffixes[0]}"
        assert_is_the_table(path)


@named(READABLE)
def test_a_compressed_file_that_is_cut_short_is_named(
    file_format: FileFormat, tmp_path: Path
) -> None:
    for suffix, compress in COMPRESS.items():
        path = tmp_path / f"t{file_format.suffixes[0]}{suffix}"
        path.write_bytes(compress(EXAMPLES[file_format.name])[:-9])
        with pytest.raises(DataError, match=rf"{suffix}: is (damaged or cut short|not a whole)"):
            open_table(path).cells("b", wanted_for="is read")


@named(READABLE)
def test_a_folder_is_searched_for_each_suffix(file_format: FileFormat, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("no table")
    with pytest.raises(DataError, match="the folder holds no table") as caught:
        open_table(tmp_path)
    for suffix in file_format.suffixes:
        assert f"{suffix}, " in str(caught.value)
        path = tmp_path / f"t{suffix}.gz"
        path.write_bytes(gzip.compress(EXAMPLES[file_format.name]))
        assert_is_the_table(tmp_path)
        path.unlink()


def test_a_workbook_or_document_beside_tables_is_not_part_of_them(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(EXAMPLES["csv"])
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / "notes.xlsx").write_bytes(EXAMPLES["excel"])
    assert_is_the_table(tmp_path)


@named(tuple(f for f in READABLE if f.first_bytes))
def test_first_bytes_tell_more_than_the_name(file_format: FileFormat, tmp_path: Path) -> None:
    for name in ("t.csv", "t", "t.data"):
        (tmp_path / name).write_bytes(EXAMPLES[file_format.name])
        assert_is_the_table(tmp_path / name)


def test_a_file_of_no_format_is_read_as_csv(tmp_path: Path) -> None:
    for name in ("t", "t.data", "standard input"):
        (tmp_path / name).write_bytes(EXAMPLES["csv"])
        assert_is_the_table(tmp_path / name)


@named(WRITABLE)
def test_what_is_written_is_the_table(file_format: FileFormat, tmp_path: Path) -> None:
    cells = [["1.5", "x, y"], ["-2", "größe"], ["3", ""]]
    table = table_from_rows("t", list(COLUMNS), cells)
    path = tmp_path / f"out{file_format.suffixes[0]}"
    with path.open("wb") as stream:
        columns = OutputColumns(["a", "b"], ["c"], numeric={"a": None})
        writer = open_writer(file_format, stream, columns)
        for chunk in table.chunks(dict.fromkeys(COLUMNS, "text")):
            writer.write(chunk, {"c": ["u", "v", "w"]})
        writer.close({})
    read = open_table(path)
    assert read.columns == ["a", "b", "c"]
    assert [float(cell) for cell in read.cells("a", wanted_for="is read")] == COLUMNS["a"]
    assert read.cells("b", wanted_for="is read") == ["x, y", "größe", ""]
    assert read.cells("c", wanted_for="is read") == ["u", "v", "w"]


@named(WRITABLE)
def test_predict_offers_each_format_that_is_written(file_format: FileFormat) -> None:
    assert file_format.name in list(OutputFormat)
    for suffix in file_format.suffixes:
        assert format_to_write(f"out{suffix}") is file_format
        assert format_to_write(f"folder.x/OUT{suffix.upper()}") is file_format


def test_a_format_that_is_not_written_is_not_guessed() -> None:
    assert list(OutputFormat) == [file_format.name for file_format in WRITABLE]
    assert format_to_write("out.tsv") is None
    assert format_to_write("out.csv.gz") is None
    assert format_to_write("out") is format_named("csv")


@named(tuple(f for f in FORMATS if f.package))
def test_a_package_that_is_missing_is_named(
    file_format: FileFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"t{file_format.suffixes[0]}"
    path.write_bytes(EXAMPLES[file_format.name])
    assert file_format.package is not None
    package = file_format.package.replace("-", "_")
    for module in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "bpnet.data.reading.arrow_values", raising=False)
    for entry in (file_format.reader, file_format.writer):
        module = f"bpnet.data.{str(entry).partition(':')[0]}"
        monkeypatch.delitem(sys.modules, module, raising=False)
    advice = (
        f"{file_format.title} needs {file_format.package}; "
        f"install it with: pip install {file_format.package}"
    )
    with pytest.raises(UsageError) as caught:
        open_table(path)
    assert str(caught.value) == f"{path}: {advice}"
    if file_format.writer is None:
        return
    with pytest.raises(UsageError) as caught:
        open_writer(file_format, io.BytesIO(), OutputColumns([], []))
    assert str(caught.value) == advice
