"""Workbooks of Excel made by hand: cells of every type, as Excel stores them."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_FORMATS = {"date": (1, 14), "moment": (2, 22), "percent": (3, 10)}
"""The style of each kind of cell, and the number format built into Excel that it has."""


@dataclass(frozen=True)
class Formula:
    """A formula, and the result that the workbook stores for it, None if it has none."""

    text: str
    result: float | None


@dataclass(frozen=True)
class Percent:
    """A number that is shown as a percentage."""

    value: float


@dataclass(frozen=True)
class ErrorCell:
    """An error such as #N/A."""

    code: str


Cell = None | bool | int | float | str | date | Formula | Percent | ErrorCell


def workbook(sheets: Mapping[str, Sequence[Sequence[Cell]]]) -> bytes:
    """Return a workbook of sheets, each a list of rows; an empty row is left out."""
    numbered = list(enumerate(sheets.items(), start=1))
    files = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        + "".join(
            f'<sheet name="{escape(name)}" sheetId="{k}" r:id="r{k}"/>' for k, (name, _) in numbered
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        + "".join(
            f'<Relationship Id="r{k}" Type="{_OFFICE}/worksheet" Target="worksheets/s{k}.xml"/>'
            for k, _ in numbered
        )
        + f'<Relationship Id="s" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs><xf numFmtId="0"/>'
        + "".join(
            f'<xf numFmtId="{number}" applyNumberFormat="1"/>' for _, number in _FORMATS.values()
        )
        + "</cellXfs></styleSheet>",
    }
    for k, (_, rows) in numbered:
        body = "".join(_row(number, cells) for number, cells in enumerate(rows, start=1))
        files[f"xl/worksheets/s{k}.xml"] = (
            f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'
        )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + text)
    return stream.getvalue()


def _row(number: int, cells: Sequence[Cell]) -> str:
    filled = "".join(_cell(f"{_letters(k)}{number}", c) for k, c in enumerate(cells))
    return f'<row r="{number}">{filled}</row>' if filled else ""


def _letters(column: int) -> str:
    return (_letters(column // 26 - 1) if column >= 26 else "") + chr(ord("A") + column % 26)


def _cell(place: str, value: Cell) -> str:
    match value:
        case None:
            return ""
        case bool():
            return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
        case str():
            text = escape(value)
            return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
        case Formula():
            result = "" if value.result is None else repr(value.result)
            return f'<c r="{place}"><f>{escape(value.text)}</f><v>{result}</v></c>'
        case Percent():
            return f'<c r="{place}" s="{_FORMATS["percent"][0]}"><v>{value.value!r}</v></c>'
        case ErrorCell():
            return f'<c r="{place}" t="e"><v>{escape(value.code)}</v></c>'
        case datetime():
            days = (value - datetime(1899, 12, 30)).total_seconds() / 86_400
            return f'<c r="{place}" s="{_FORMATS["moment"][0]}"><v>{days!r}</v></c>'
        case date():
            days = (value - date(1899, 12, 30)).days
            return f'<c r="{place}" s="{_FORMATS["date"][0]}"><v>{days}</v></c>'
    return f'<c r="{place}"><v>{value!r}</v></c>'
