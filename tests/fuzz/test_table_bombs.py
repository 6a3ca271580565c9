"""Tables that are small and decompress, or expand, to very much."""

import bz2
import contextlib
import gzip
import io
import lzma
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest
import zstandard
from harness import survives, survives_apart
from hypothesis import given
from hypothesis import strategies as st
from workbooks import workbook

from bpnet.data.reading import expansion, parquet
from bpnet.data.reading.arrow_messages import decompressed_sizes
from bpnet.data.reading.arrow_values import DAMAGED
from bpnet.data.reading.parquet_pages import BYTE_ARRAY, column_chunks, pages
from bpnet.data.reading.workbook_limits import refuse_large_workbook
from bpnet.errors import DataError

CONFIG = "dataset: {path: TABLE, target: y}\narchitecture: {hidden: []}\ntraining: {epochs: 1}\n"
ROWS = b"1,2,0\n3,4,1\n"


def _zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", content)
    return stream.getvalue()


COMPRESSIONS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "csv.gz": ("gunzip -k", gzip.compress),
    "csv.bz2": ("bunzip2 -k", bz2.compress),
    "csv.xz": ("unxz -k", lzma.compress),
    "csv.zst": ("unzstd", zstandard.compress),
    "zip": ("unzip", _zipped),
}


def _check(here: Path, name: str, content: bytes) -> tuple[int, str]:
    (here / name).write_bytes(content)
    (here / "c.yaml").write_text(CONFIG.replace("TABLE", name))
    said = survives("check", "c.yaml", cwd=here)
    return said.code, said.err


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_a_small_file_that_holds_very_much(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expansion, "MODERATE", 500_000)
    command, compress = COMPRESSIONS[suffix]
    bomb = compress(b"a,b,y\n" + ROWS * 200_000)
    code, err = _check(tmp_path, f"t.{suffix}", bomb)
    assert code == 4
    assert f"decompress it first: {command} t.{suffix}" in err


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_a_moderate_file_is_read_however_well_it_is_compressed(suffix: str, tmp_path: Path) -> None:
    _, compress = COMPRESSIONS[suffix]
    content = b"a,b,y\n" + ROWS * 20_000
    assert len(compress(content)) < len(content) / expansion.RATIO
    assert _check(tmp_path, f"t.{suffix}", compress(content))[0] == 0


def test_a_large_file_that_is_compressed_as_tables_are_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expansion, "MODERATE", 1000)
    rows = "".join(f"{k * 7919 % 1000},{k % 17},{k % 2}\n" for k in range(5000))
    assert _check(tmp_path, "t.csv.gz", gzip.compress(f"a,b,y\n{rows}".encode()))[0] == 0


def test_a_line_without_an_end(tmp_path: Path) -> None:
    bomb = gzip.compress(b"a,y\n" + b"0" * 70_000_000, 1)
    assert _check(tmp_path, "t.csv.gz", bomb)[0] == 4


@pytest.mark.slow
@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_a_bomb_of_half_a_gigabyte_in_a_process_of_its_own(suffix: str, tmp_path: Path) -> None:
    _, compress = COMPRESSIONS[suffix]
    (tmp_path / f"t.{suffix}").write_bytes(compress(b"a,b,y\n" + ROWS * 40_000_000))
    (tmp_path / "c.yaml").write_text(CONFIG.replace("TABLE", f"t.{suffix}"))
    assert survives_apart("check", "c.yaml", cwd=tmp_path).code == 4


def _sheet(rows: str) -> bytes:
    """Return a workbook whose only sheet has these rows, as XML."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook({"S": [[1]]}))) as plain,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in plain.namelist():
            sheet = f"<worksheet {main}><sheetData>{rows}</sheetData></worksheet>"
            made.writestr(name, sheet if "worksheets/" in name else plain.read(name))
    return stream.getvalue()


def _open_document(rows: str) -> bytes:
    """Return a workbook of OpenDocument whose only sheet has these rows, as XML."""
    name = "urn:oasis:names:tc:opendocument:xmlns"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        made.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{name}:manifest:1.0"/>')
        made.writestr(
            "content.xml",
            f'<office:document-content xmlns:office="{name}:office:1.0" '
            f'xmlns:table="{name}:table:1.0"><office:body><office:spreadsheet>'
            f'<table:table table:name="S">{rows}</table:table></office:spreadsheet>'
            "</office:body></office:document-content>",
        )
    return stream.getvalue()


FIRST = '<row r="1"><c r="A1"><v>1</v></c></row>'
FAR = {
    "the last cell": f'{FIRST}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
    "a row beyond all": f'{FIRST}<row r="4294967295"><c r="A4294967295"><v>1</v></c></row>',
    "a row without places": f'{FIRST}<row r="4294967290"><c><v>1</v></c></row>',
}


@pytest.mark.parametrize("rows", FAR)
def test_a_cell_far_from_the_table(rows: str, tmp_path: Path) -> None:
    code, err = _check(tmp_path, "t.xlsx", _sheet(FAR[rows]))
    assert code == 4
    assert "has room for" in err


@pytest.mark.parametrize("times", [1_000_000, 4_000_000_000])
def test_a_row_that_is_repeated(times: int, tmp_path: Path) -> None:
    cell = '<table:table-cell office:value-type="float" office:value="1"/>' * 50
    rows = f'<table:table-row table:number-rows-repeated="{times}">{cell}</table:table-row>'
    code, err = _check(tmp_path, "t.ods", _open_document(rows))
    assert code == 4
    assert "has room for" in err


def test_a_workbook_that_lies_about_its_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "MODERATE", 1_000_000)
    content = _sheet(FIRST + " " * 2_000_000)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = max(entry.file_size for entry in archive.infolist())
    lying = content.replace(struct.pack("<I", size), struct.pack("<I", 300))
    assert lying != content
    with pytest.raises(DataError, match="hold more than 1 MB"):
        refuse_large_workbook(lying, "t.xlsx", len(lying))


def test_a_sheet_with_few_cells_is_read(tmp_path: Path) -> None:
    rows = [["a", "b", "y"], *([k % 5, None, k % 2] for k in range(30))]
    assert _check(tmp_path, "t.xlsx", workbook({"S": rows}))[0] == 0


def _parquet(columns: dict[str, object], **options: object) -> bytes:
    stream = io.BytesIO()
    pa.parquet.write_table(pa.table(columns), stream, **options)
    return stream.getvalue()


def test_a_page_that_is_far_larger_than_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "LONGEST_RECORD", 1_000_000)
    cells = ["x" * 2_000_000, *("v" * 19)]
    columns = {"a": cells, "y": [k % 2 for k in range(20)]}
    code, err = _check(tmp_path, "t.parquet", _parquet(columns, compression="zstd"))
    assert code == 4
    assert "a page holds 2 MB" in err


def test_more_rows_than_a_file_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_MODERATE_ROWS", 100_000)
    columns = {"a": [1.0] * 500_000, "y": [1] * 500_000}
    code, err = _check(tmp_path, "t.parquet", _parquet(columns))
    assert code == 4
    assert "500,000 rows" in err


@pytest.mark.parametrize("cell", [b"\xff" * 1_200_000, b"x" * 1_200_000], ids=["bytes", "text"])
def test_one_long_value_of_many_rows(cell: bytes, tmp_path: Path) -> None:
    columns = {"a": pa.array([cell] * 100, pa.binary()), "b": range(100), "y": [1, 2] * 50}
    code, err = _check(tmp_path, "t.parquet", _parquet(columns, compression="zstd"))
    assert code == 4 or cell.isascii()
    assert "Traceback" not in err


@given(
    st.sampled_from(["none", "snappy", "gzip", "zstd"]),
    st.booleans(),
    st.sampled_from(["1.0", "2.0"]),
    st.integers(1, 400),
    st.lists(st.text(max_size=20), min_size=1, max_size=400),
)
def test_the_pages_add_up_to_what_the_file_says_of_its_columns(
    compression: str, dictionary: bool, version: str, page: int, texts: list[str]
) -> None:
    columns = {"a": texts, "b": range(len(texts)), "c": [[k] for k in range(len(texts))]}
    content = io.BytesIO(
        _parquet(
            columns, compression=compression, use_dictionary=dictionary,
            data_page_version=version, data_page_size=page, row_group_size=150, write_batch_size=10,
        )
    )  # fmt: skip
    metadata = pa.parquet.read_metadata(content)
    chunks = column_chunks(content)
    for k in range(metadata.num_row_groups):
        for i in range(metadata.num_columns):
            column, chunk = metadata.row_group(k).column(i), next(chunks)
            assert chunk.name == column.path_in_schema.partition(".")[0]
            assert (chunk.physical_type == BYTE_ARRAY) == (column.physical_type == "BYTE_ARRAY")
            assert chunk.num_values == column.num_values
            found = list(pages(content, chunk))
            headers = column.total_compressed_size - sum(page.compressed for page in found)
            assert sum(page.size for page in found) + headers == column.total_uncompressed_size
            assert [page.is_dictionary for page in found[1:]] == [False] * (len(found) - 1)
            assert found[0].is_dictionary == bool(column.has_dictionary_page)


ARROW = {"a file": pa.ipc.new_file, "a stream": pa.ipc.new_stream}


def _arrow(table: pa.Table, kind: str, compression: str | None) -> bytes:
    stream = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with ARROW[kind](stream, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=50_000)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ARROW)
@pytest.mark.parametrize("compression", ["zstd", "lz4", None])
def test_buffers_that_are_far_larger_than_in_the_file(
    compression: str | None, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expansion, "MODERATE", 1_000_000)
    monkeypatch.setattr(expansion, "RATIO", 20)
    table = pa.table({"a": [1.0] * 200_000, "y": [0, 1] * 100_000})
    code, err = _check(tmp_path, "t.arrow", _arrow(table, kind, compression))
    assert code == (4 if compression else 0)
    assert compression is None or "write it without compression" in err


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("inner", ["t.arrow", "t.xlsx"])
def test_ratios_do_not_multiply_in_a_file_that_is_compressed_once_more(
    inner: str,
    compress: Callable[[bytes], bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expansion, "MODERATE", 100_000)
    monkeypatch.setattr(expansion, "RATIO", 60)
    if inner == "t.arrow":
        table = pa.table({"a": [1.0] * 50_000, "y": [0, 1] * 25_000})
        content = _arrow(table, "a file", "zstd")
    else:
        content = _sheet(FIRST + "<row/>" * 100_000)
    once = compress(content)
    name = f"{inner}.{'gz' if compress is gzip.compress else 'zst'}"
    assert len(content) < expansion.most_content(len(once))  # which alone is allowed
    code, err = _check(tmp_path, name, once)
    assert code == 4
    assert f"its {len(once):,} bytes hold more than" in err


@pytest.mark.parametrize("kind", ARROW)
@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_the_sizes_of_buffers_are_those_of_the_columns(kind: str, compression: str) -> None:
    words = pa.array(["a", "b"] * 60_000).dictionary_encode()
    table = pa.table({"a": [1.5] * 120_000, "w": words})
    found = list(decompressed_sizes(io.BytesIO(_arrow(table, kind, compression))))
    assert len(found) == 4  # the words, and three batches
    assert max(found) >= 50_000 * 12
    assert sum(found) == pytest.approx(120_000 * 12, rel=0.01)


@given(st.data())
def test_damaged_arrow_messages_are_errors_of_their_kind(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(ARROW)))
    content = bytearray(_arrow(pa.table({"a": [1.0] * 99, "y": ["b"] * 99}), kind, "zstd"))
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(*DAMAGED):
        list(decompressed_sizes(io.BytesIO(bytes(content))))
