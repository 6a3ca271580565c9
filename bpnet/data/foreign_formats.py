"""Files that bpnet does not read, recognized by their first bytes, each with what to do."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from bpnet.errors import DataError
from bpnet.messages import shell_quoted


@dataclass(frozen=True)
class ForeignFormat:
    """A format that is not read, and what to do with such a file.

    `advice` may hold {file} and {stem}, the file's name without and with its ending, as they are
    typed, and {name}, the file's name as it is.
    """

    title: str
    first_bytes: bytes
    """A regular expression; `.` is any byte."""
    advice: str


def _pandas(call: str) -> str:
    """Return advice to convert a file to CSV by a call of pandas."""
    code = f"import sys, pandas; pandas.{call}(sys.argv[1]).to_csv(sys.argv[2], index=False)"
    return f"convert it with: python -c '{code}' {{file}} {{stem}}.csv"


FOREIGN_FORMATS = (
    ForeignFormat(
        "a pickle",
        rb"\x80[\x02-\x05]",
        "if you trust whoever made it, for a pickle runs code, " + _pandas("read_pickle"),
    ),
    ForeignFormat("HDF5", rb"\x89HDF\r\n\x1a\n", _pandas("read_hdf")),
    ForeignFormat(
        "an SQLite database",
        rb"SQLite format 3\0",
        "write one of its tables as CSV with: "
        "sqlite3 -header -csv {file} 'select * from TABLE' > {stem}.csv",
    ),
    ForeignFormat(
        "a DuckDB database",
        rb".{8}DUCK",
        "write one of its tables as CSV with: "
        "duckdb -csv {file} 'select * from TABLE' > {stem}.csv",
    ),
    ForeignFormat(
        "Avro",
        rb"Obj\x01",
        "convert it with: duckdb -csv -c \"install avro; load avro; from read_avro('{name}')\" "
        "> {stem}.csv",
    ),
    ForeignFormat(
        "ARFF",
        rb"(?i)(\s|%[^\n]*\n)*@relation\s",
        "convert it with: python -c 'import sys, pandas; from scipy.io import arff; "
        "frame = pandas.DataFrame(arff.loadarff(sys.argv[1])[0]); "
        'texts = frame.select_dtypes(object).apply(lambda column: column.str.decode("utf-8")); '
        "frame.assign(**texts).to_csv(sys.argv[2], index=False)' {file} {stem}.csv",
    ),
    ForeignFormat("ORC", rb"ORC.{0,200}?[\0-\x08\x80-\xff]", _pandas("read_orc")),
    ForeignFormat(
        "a Stata file",
        rb"<stata_dta>|[\x69\x6c\x6e\x6f\x71-\x73][\x01\x02]\x01\0",
        _pandas("read_stata"),
    ),
    ForeignFormat(
        "an SPSS file",
        rb"\$FL[23]@\(#\)",
        "install pyreadstat, and " + _pandas("read_spss"),
    ),
    ForeignFormat(
        "a SAS file",
        rb"\0{12}\xc2\xea\x81\x60|HEADER RECORD\*{7}LIB",
        _pandas("read_sas"),
    ),
    ForeignFormat(
        "an R file of several objects",
        rb"RD[AXB][1-3]\n",
        "write its table as CSV with: "
        "Rscript -e \"load('{name}'); write.csv(TABLE, '{name}.csv', row.names=FALSE)\"",
    ),
    ForeignFormat(
        "an R file of one object",
        rb"X\n\0\0\0[\x02\x03]",
        "convert it with: "
        "Rscript -e \"write.csv(readRDS('{name}'), '{name}.csv', row.names=FALSE)\"",
    ),
    ForeignFormat(
        "a NumPy array",
        rb"\x93NUMPY",
        "convert it with: python -c 'import sys, numpy, pandas; "
        "pandas.DataFrame(numpy.load(sys.argv[1])).to_csv(sys.argv[2], index=False)' "
        "{file} {stem}.csv",
    ),
    ForeignFormat(
        "an archive of NumPy arrays",
        rb"PK\x03\x04.{26}[^/]{0,80}\.npy",
        "write one of its arrays with: python -c 'import sys, numpy, pandas; pandas.DataFrame("
        "numpy.load(sys.argv[1])[sys.argv[2]]).to_csv(sys.argv[3], index=False)' "
        "{file} ARRAY {stem}.csv",
    ),
    ForeignFormat("Feather of version 1", rb"FEA1", _pandas("read_feather")),
    ForeignFormat(
        "a MATLAB file", rb"MATLAB 5\.0 MAT-file", "in MATLAB: writetable(TABLE, 'table.csv')"
    ),
    ForeignFormat("a PDF", rb"%PDF-", "copy its table into a spreadsheet, and save that as CSV"),
    ForeignFormat(
        "a picture", rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF.{4}WEBP", "give a table"
    ),
    ForeignFormat(
        "a web page",
        rb"(?i)\s*(<!doctype html|<html)",
        "its address is perhaps that of a page about the table, or of a login; download the "
        "link of the file itself",
    ),
    ForeignFormat("XML", rb"\s*<(\?xml|[A-Za-z]+>\s*<)", _pandas("read_xml")),
    ForeignFormat(
        "a pointer of Git LFS",
        rb"version https://git-lfs\.github\.com/spec/",
        "get the table with: git lfs pull",
    ),
    ForeignFormat("a 7z archive", rb"7z\xbc\xaf\x27\x1c", "unpack it with: 7z x {file}"),
    ForeignFormat("a RAR archive", rb"Rar!\x1a\x07", "unpack it with: unrar x {file}"),
    ForeignFormat("a tar archive", rb".{257}ustar", "unpack it with: tar xf {file}"),
    ForeignFormat("compressed by lz4", rb"\x04\x22\x4d\x18", "decompress it with: lz4 -d {file}"),
    ForeignFormat("compressed by compress", rb"\x1f\x9d", "decompress it with: gzip -d {file}"),
    ForeignFormat(
        "compressed by Snappy",
        rb"\xff\x06\0\0sNaPpY",
        "decompress it with: python -m snappy -d {file} {stem}",
    ),
    ForeignFormat(
        "compressed twice",
        rb"\x1f\x8b|BZh[1-9]1AY&SY|\xfd7zXZ\0|\x28\xb5\x2f\xfd",
        "decompress it once, with gunzip, bunzip2, unxz, unzstd or unzip",
    ),
    ForeignFormat(
        "text in UTF-16 without the mark of its encoding",
        rb"([\t\n\r -~]\0){4}",
        "add: --set dataset.reading.encoding=utf-16-le",
    ),
    ForeignFormat(
        "text in UTF-16 without the mark of its encoding",
        rb"(\0[\t\n\r -~]){4}",
        "add: --set dataset.reading.encoding=utf-16-be",
    ),
)


def refuse_foreign_format(name: str, head: bytes) -> None:
    """Raise DataError, with what to do, if a file that begins with `head` is of a known format."""
    for file_format in FOREIGN_FORMATS:
        if re.match(file_format.first_bytes, head, re.DOTALL):
            path = PurePath("FILE" if name == "standard input" else name)
            advice = file_format.advice.format(
                file=shell_quoted(str(path)),
                stem=shell_quoted(str(path.with_name(path.name.partition(".")[0] or "table"))),
                name=path,
            )
            raise DataError(f"{name}: is {file_format.title}, which is not read; {advice}")
