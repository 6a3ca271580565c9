"""Cells of an Excel sheet that hold no value: errors, and formulas without a stored result."""

import io
import posixpath
import re
from html import unescape

from bpnet.data.reading.archives import DAMAGED, open_archive

_ERROR = re.compile(rb'<(?:\w+:)?c r="([A-Z]+\d+)"[^>]*? t="e"[^>]*>.*?<(?:\w+:)?v>([^<]*)<')
_FORMULA = re.compile(
    rb'<(?:\w+:)?c r="([A-Z]+\d+)"[^>]*>'
    rb"<(?:\w+:)?f(?:\s[^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?</(?:\w+:)?c>"
)


def gap_warnings(content: bytes, sheet: str, name: str) -> list[str]:
    """Return warnings of cells without a value in a sheet of a workbook (.xlsx) named `name`.

    They are read as missing values, and a reader of values does not tell them from blank cells.
    """
    text = _sheet_text(content, sheet)
    errors, formulas = _ERROR.findall(text), _FORMULA.findall(text)
    warnings = []
    if errors:
        place, code = errors[0]
        warnings.append(
            f"{name}, cell {place.decode()}: holds {code.decode()}, an error, which is read as a "
            "missing value" + (f", as {len(errors) - 1} more are" if len(errors) > 1 else "")
        )
    if formulas:
        warnings.append(
            f"{name}, cell {formulas[0].decode()}: a formula without a result is read as a missing "
            "value"
            + (f", as {len(formulas) - 1} more are" if len(formulas) > 1 else "")
            + "; to store results, open and save the workbook in a spreadsheet"
        )
    return warnings


def _sheet_text(content: bytes, sheet: str) -> bytes:
    """Return the XML of a sheet, or nothing if the workbook is of another kind."""
    try:
        with open_archive(io.BytesIO(content)) as archive:
            sheets = archive.read("xl/workbook.xml").decode()
            relations = archive.read("xl/_rels/workbook.xml.rels").decode()
            for element in re.findall(r"<(?:\w+:)?sheet\s[^>]*>", sheets):
                if unescape(_attribute(element, "name")) == sheet:
                    identifier = _attribute(element, r"\w+:id")
                    for relation in re.findall(r"<Relationship\s[^>]*>", relations):
                        if _attribute(relation, "Id") == identifier:
                            path = posixpath.join("/xl", _attribute(relation, "Target"))
                            return archive.read(posixpath.normpath(path).lstrip("/"))
    except DAMAGED:
        pass
    return b""


def _attribute(element: str, name: str) -> str:
    """Return an attribute of an XML element, nothing if it has none."""
    match = re.search(rf"\s{name}=[\"']([^\"']*)[\"']", element)
    return match[1] if match else ""
