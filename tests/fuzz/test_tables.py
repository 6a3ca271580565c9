"""Tables of every format, mutated as bytes, end as documented."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
import zstandard
from harness import counts, fuzz, survives
from hypothesis import strategies as st
from mutations import mutated
from workbooks import workbook

NAMES = ["a", "b", "c", "d", "y"]
VALUES = [
    [k % 5, k * k % 7 / 4, "uvw"[k % 3], f"2024-01-{k % 28 + 1:02d}", k % 2] for k in range(30)
]
CSV = "\n".join([",".join(NAMES), *(",".join(map(str, row)) for row in VALUES)]).encode() + b"\n"
JSONL = "\n".join(json.dumps(dict(zip(NAMES, row, strict=True))) for row in VALUES).encode()
JSON = b"[" + JSONL.replace(b"\n", b",\n") + b"]"


def _columns() -> pa.Table:
    return pa.table({name: [row[k] for row in VALUES] for k, name in enumerate(NAMES)})


def _parquet(**options: object) -> bytes:
    stream = io.BytesIO()
    pa.parquet.write_table(_columns(), stream, **options)
    return stream.getvalue()


def _arrow(*, as_stream: bool, compression: str | None) -> bytes:
    sink, table = io.BytesIO(), _columns()
    new = pa.ipc.new_stream if as_stream else pa.ipc.new_file
    with new(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", content)
    return stream.getvalue()


CELLS = [
    *(b",", b";", b"\t", b"|", b" ", b'"', b'""', b"'", b"\n", b"\r", b"\r\n", b"\n\n", b"\0"),
    *(b"nan", b"NA", b"inf", b"-inf", b"1e999", b"-0", b"1e-320", b"1e308", b"+5", b"007", b"0x10"),
    *(b"1,234.5", b"1.234,5", b"50%", b"$5", b"1 000", "1\N{NO-BREAK SPACE}000".encode()),
    *(
        "1\N{ARABIC-INDIC DIGIT THREE}".encode(),
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\x1b[",
    ),
    *(b"9" * 25, b"9" * 400, b"9" * 5000, b"x" * 140_000, b"true", b"2024-13-45", b"31/12/2024"),
    *(b"00:00", b"9999-12-31T23:59:59.999999999Z", b"0001-01-01", b"999999-01-01", b"#"),
]
MARKS = [
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\n", b"null", b"true", b"NaN", b"1e999", b"-0"),
    *(
        b"9" * 400,
        b"9" * 5000,
        b"[" * 3000,
        b'{"a":' * 1100,
        b"\\ud800",
        b"\\u0000",
        b"\0",
        b"\xff",
    ),
    *(b'"a": [1], ', b'"a": {"b": 1}, ', b'"": 1, ', '"1\N{ARABIC-INDIC DIGIT THREE}"'.encode()),
]
TEXTS = {"csv": (CSV, CELLS), "jsonl": (JSONL, MARKS), "json": (JSON, MARKS)}
BINARIES: dict[str, list[bytes]] = {
    "parquet": [
        _parquet(),
        _parquet(compression="zstd", use_dictionary=False, version="1.0"),
        _parquet(compression="gzip", data_page_version="2.0", row_group_size=10),
        _parquet(compression="none", write_page_checksum=True),
    ],
    "feather": [
        _arrow(as_stream=as_stream, compression=compression)
        for as_stream in (False, True)
        for compression in (None, "zstd", "lz4")
    ],
    "xlsx": [workbook({"S": [NAMES, *VALUES]}), workbook({"S": [NAMES, *VALUES], "T": [[1]]})],
    "csv.gz": [gzip.compress(CSV, mtime=0)],
    "csv.bz2": [bz2.compress(CSV)],
    "csv.xz": [lzma.compress(CSV)],
    "csv.zst": [zstandard.compress(CSV)],
    "zip": [_zipped(CSV), _zipped(_parquet())],
}
CONFIG = """dataset: {path: TABLE, target: y}
architecture: {hidden: [3]}
training: {epochs: 1}
name: c
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


def _ends(here: Path, suffix: str, *verb: str) -> Callable[[bytes], None]:
    """Return a function that runs a verb on a table, given its bytes."""
    (here / f"{suffix}.yaml").write_text(CONFIG.replace("TABLE", f"t.{suffix}"))

    def ends(content: bytes) -> None:
        (here / f"t.{suffix}").write_bytes(content)
        survives(*verb, cwd=here)

    return ends


@pytest.mark.parametrize("cases", counts(25, slow=400))
@pytest.mark.parametrize("suffix", TEXTS)
def test_texts(suffix: str, cases: int, here: Path) -> None:
    content, tokens = TEXTS[suffix]
    tables = mutated(st.just(content), tokens)
    fuzz(cases, tables, _ends(here, suffix, "check", f"{suffix}.yaml"))


@pytest.mark.parametrize("cases", counts(10, slow=200))
@pytest.mark.parametrize("suffix", TEXTS)
def test_trainings(suffix: str, cases: int, here: Path) -> None:
    content, tokens = TEXTS[suffix]
    tables = mutated(st.just(content), tokens, most=2)
    fuzz(cases, tables, _ends(here, suffix, "train", f"{suffix}.yaml"))


@pytest.mark.parametrize("cases", counts(15, slow=300))
@pytest.mark.parametrize("suffix", BINARIES)
def test_binaries(suffix: str, cases: int, here: Path) -> None:
    tables = mutated(st.sampled_from(BINARIES[suffix]))
    fuzz(cases, tables, _ends(here, suffix, "check", f"{suffix}.yaml"))


FOUND = {
    "nested JSON on the first line": ("json", b'{"a":' * 1100),
    "nested JSON, and a second line": ("json", b'{"a":' * 1100 + b"\n{"),
    "a whole number of 5,000 digits": ("csv", CSV.replace(b",0\n", b",0" + b"9" * 5000 + b"\n", 1)),
    # which ends the process where pyarrow describes the column
    "a damaged histogram of a column": (
        "parquet",
        BINARIES["parquet"][0].replace(b"<\x16<\x19\x06", b"<\x16\xff\xff\x06"),
    ),
    "an archive whose names are blank": (
        "xlsx",
        BINARIES["xlsx"][0].replace(b"xl/worksheets/s1.xml", b"\0" * 20),
    ),
    "a zip whose names are blank": ("zip", BINARIES["zip"][0].replace(b"t.csv", b"\0" * 5)),
    "a zip whose names are not UTF-8": (
        "zip",
        _zipped(CSV).replace(b"t.csv", b"\xff.csv").replace(b"\0\0\x08\0", b"\0\x08\x08\0"),
    ),
}
"""Tables that once ended in a way that is not documented."""


@pytest.mark.parametrize("found", FOUND)
def test_what_was_found(found: str, here: Path) -> None:
    suffix, content = FOUND[found]
    _ends(here, suffix, "check", f"{suffix}.yaml")(content)


@pytest.mark.parametrize("cases", counts(10, slow=200))
def test_lists_of_columns(cases: int, here: Path) -> None:
    tables = mutated(st.just(CSV), CELLS)
    fuzz(cases, tables, _ends(here, "csv", "init", "t.csv"))
