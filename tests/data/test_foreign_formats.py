"""Files that are not read: named by their first bytes, with what to do."""

import gzip
import io
import os
import shlex
import sqlite3
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.orc
import pytest

from bpnet.data.foreign_formats import FOREIGN_FORMATS
from bpnet.data.reading import open_table
from bpnet.data.reading.settings import Reading
from bpnet.errors import DataError

FRAME = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})


def made(write) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def sqlite() -> bytes:
    connection = sqlite3.connect(":memory:")
    FRAME.to_sql("t", connection)
    return connection.serialize()


def tar(stream: io.BytesIO) -> None:
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("t.csv"))


EXAMPLES = {
    "a pickle": made(lambda s: FRAME.to_pickle(s, compression=None)),
    "HDF5": b"\x89HDF\r\n\x1a\n\0\0",
    "an SQLite database": sqlite(),
    "a DuckDB database": b"\0\1\2\3\4\5\6\7DUCK@\0\0",
    "Avro": b"Obj\x01\x04\x14avro.codec",
    "ARFF": b"% x\n\n@RELATION x\n@attribute a numeric\n@attribute y {p,q}\n@data\n1,p\n2,q\n",
    "ORC": made(lambda s: pyarrow.orc.write_table(pa.Table.from_pandas(FRAME), s)),
    "a Stata file": made(lambda s: FRAME.to_stata(s, version=118)),
    "an SPSS file": b"$FL2@(#) SPSS DATA FILE",
    "a SAS file": b"\0" * 12 + b"\xc2\xea\x81\x60\xb3\x14\x11\xcf",
    "an R file of several objects": b"RDX3\nX\n\0\0\0\3",
    "an R file of one object": b"X\n\0\0\0\3\0\4\3\0",
    "a NumPy array": made(lambda s: np.save(s, np.eye(2))),
    "an archive of NumPy arrays": made(lambda s: np.savez(s, x=np.eye(2))),
    "Feather of version 1": b"FEA1\0\0\0\0",
    "a MATLAB file": b"MATLAB 5.0 MAT-file, Platform: GLNXA64",
    "a PDF": b"%PDF-1.7\n%\xe2\xe3",
    "a picture": b"\x89PNG\r\n\x1a\n\0",
    "a web page": b"\n<!DOCTYPE html><html><title>a,b</title>",
    "XML": b'<?xml version="1.0"?><rows><row/></rows>',
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "a 7z archive": b"7z\xbc\xaf\x27\x1c\0\4",
    "a RAR archive": b"Rar!\x1a\x07\x01\0",
    "a tar archive": made(tar),
    "compressed by lz4": b"\x04\x22\x4d\x18\x64\x40",
    "compressed by compress": b"\x1f\x9d\x90a",
    "compressed by Snappy": b"\xff\x06\0\0sNaPpY",
    "compressed twice": gzip.compress(b"a,b\n1,2\n"),  # and again below
    "text in UTF-16 without the mark of its encoding": "a,b\n1,2\n".encode("utf-16-le"),
}
"""A file of each format, or its beginning."""


def test_no_format_is_forgotten():
    assert list(EXAMPLES) == list(dict.fromkeys(each.title for each in FOREIGN_FORMATS))


@pytest.mark.parametrize("title", EXAMPLES)
@pytest.mark.parametrize("name", ["my data.csv", "t.csv.gz"])
def test_a_file_is_named_with_what_to_do(tmp_path: Path, title: str, name: str):
    content = EXAMPLES[title]
    twice = title == "compressed twice" or name.endswith(".gz")
    (tmp_path / name).write_bytes(gzip.compress(content) if twice else content)
    with pytest.raises(DataError) as caught:
        open_table(tmp_path / name)
    (message,) = caught.value.problems
    assert message.startswith(f"{tmp_path / name}: is {title}, which is not read; ")
    assert "{" not in message.replace("{print", "")


@pytest.mark.parametrize("title", ["a pickle", "ARFF", "ORC", "a Stata file", "a NumPy array"])
def test_the_command_converts_the_file(tmp_path: Path, title: str):
    path = tmp_path / "it's a table.bin"
    path.write_bytes(EXAMPLES[title])
    with pytest.raises(DataError) as caught:
        open_table(path)
    command = str(caught.value).partition("convert it with: ")[2]
    words = shlex.split(command)
    assert words[0] == "python"
    subprocess.run([sys.executable, *words[1:]], check=True)
    assert len(open_table(tmp_path / "it's a table.csv")) == 2


@pytest.mark.parametrize(
    "text",
    [
        "ORC,mass\nx,1\n",
        "MZ,RD\n1,2\n",
        "version,y\n1,2\n",
        "A\n2\n3\n",
        "BZh,y\n1,2\n",
        "PK,y\n1,2\n",
        "Obj,y\n1,2\n",
        "<b>,y\n1,2\n",
        "a,b\n1,\x1b[0m\n",
    ],
)
def test_text_that_begins_like_another_format_is_text(tmp_path: Path, text: str):
    (tmp_path / "t").write_text(text)
    assert open_table(tmp_path / "t").files[0].kind == "Delimited"


def test_text_in_utf_16_without_its_mark_is_read_with_its_name(tmp_path: Path):
    for encoding in ("utf-16-le", "utf-16-be"):
        (tmp_path / "t.csv").write_bytes("a,b\n1,2\n".encode(encoding))
        with pytest.raises(DataError, match=rf"add: --set dataset\.reading\.encoding={encoding}"):
            open_table(tmp_path / "t.csv")
        assert len(open_table(tmp_path / "t.csv", Reading(encoding=encoding))) == 1


@pytest.mark.parametrize(
    ("address", "command"),
    [
        (
            "https://example.com/a%20b.csv?x=1&y=2",
            "curl -L -o a%20b.csv 'https://example.com/a%20b",
        ),
        ("http://example.com", "curl -L -o example.com http://example.com"),
        ("s3a://bucket/k/t.parquet", "aws s3 cp s3://bucket/k/t.parquet t.parquet"),
        ("gs://bucket/t.csv", "gcloud storage cp gs://bucket/t.csv t.csv"),
        ("file:///tmp/t.csv", "give the path: /tmp/t.csv"),
        ("postgres://h/db", "save its table as a file"),
    ],
)
def test_an_address_is_answered_with_a_command(address: str, command: str):
    with pytest.raises(DataError) as caught:
        open_table(address)
    assert command in str(caught.value)
    assert "is an address" in str(caught.value)


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_a_zip_of_one_table_is_that_table(tmp_path: Path):
    extra = {"data/": "", "__MACOSX/data/._t.csv": "x", "data/.DS_Store": "x"}
    path = zipped(tmp_path / "t.zip", {**extra, "data/t.csv": "a,b\n1,x\n"})
    assert open_table(path).cells("b", wanted_for="is read") == ["x"]


def test_a_zip_of_several_files_is_answered_with_their_names(tmp_path: Path):
    path = zipped(tmp_path / "my t.zip", {"a.csv": "a\n1\n", "b.csv": "a\n2\n"})
    with pytest.raises(DataError) as caught:
        open_table(path)
    for part in ("2 files ('a.csv', 'b.csv')", f"unzip '{path}'"):
        assert part in str(caught.value)
    with pytest.raises(DataError, match="the archive holds no file"):
        open_table(zipped(tmp_path / "empty.zip", {}))


def test_a_pipe_is_read_as_often_as_a_file(tmp_path: Path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    content = gzip.compress(b"a,b\n1,x\n2,y\n")
    writer = threading.Thread(target=path.write_bytes, args=(content,))
    writer.start()
    table = open_table(path)
    writer.join()
    assert [table.cells("b", wanted_for="is read") for _ in range(2)] == [["x", "y"]] * 2
    assert table.where(1) == f"{path}, line 3 (row 2)"
