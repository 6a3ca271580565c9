"""Messy tables, drawn from a seed: each mixes ways in which real tables are written.

A table has columns of several kinds, some of which hold a signal, a target of one kind, names in
one style, and a file of one form. `messy_table` returns the bytes of the file with its name.
"""

import bz2
import gzip
import io
import json
import lzma
import random
import re
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
from workbooks import workbook


@dataclass
class Cells:
    """The cells of a column: texts, and the values that a typed format such as Parquet holds."""

    texts: list[str]
    values: list[Any] | None = None


@dataclass
class MessyTable:
    """A file, the target to predict, what it mixes, and the settings that its user would give."""

    file: str
    content: bytes
    target: str
    rows: int
    kinds: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    roles: dict[str, set[str]] = field(default_factory=dict)
    """The roles that each feature may be given."""
    task: str = ""


Numbers = list[float]
Draw = random.Random


def _grouped(value: float, mark: str, decimal: str, digits: int) -> str:
    text = f"{abs(value):,.{digits}f}"
    text = text.replace(",", "\0").replace(".", decimal).replace("\0", mark)
    return ("-" if value < 0 else "") + text


def _plain(z: Numbers, draw: Draw) -> Cells:
    values = [round(5 + 2 * v, 2) for v in z]
    return Cells([repr(v) for v in values], values)


def _integers(z: Numbers, draw: Draw) -> Cells:
    values = [round(40 + 10 * v) for v in z]
    return Cells([str(v) for v in values], values)


def _few_integers(z: Numbers, draw: Draw) -> Cells:
    values = [min(4, max(0, round(2 + v))) for v in z]
    return Cells([str(v) for v in values], values)


def _integers_as_floats(z: Numbers, draw: Draw) -> Cells:
    """Whole numbers with missing ones, as pandas writes them."""
    values = [None if draw.random() < 0.1 else float(round(40 + 10 * v)) for v in z]
    return Cells(["" if v is None else repr(v) for v in values], values)


def _with_missing(word: str) -> Callable[[Numbers, Draw], Cells]:
    def cells(z: Numbers, draw: Draw) -> Cells:
        values = [None if draw.random() < 0.12 else round(3 * v, 3) for v in z]
        return Cells([word if v is None else repr(v) for v in values], values)

    return cells


def _thousands(mark: str, decimal: str, digits: int) -> Callable[[Numbers, Draw], Cells]:
    def cells(z: Numbers, draw: Draw) -> Cells:
        values = [round(1500 * 2.5**v, digits) for v in z]
        return Cells([_grouped(v, mark, decimal, digits) for v in values])

    return cells


def _decimal_comma(z: Numbers, draw: Draw) -> Cells:
    return Cells([f"{4 + v:.2f}".replace(".", ",") for v in z])


def _percent(z: Numbers, draw: Draw) -> Cells:
    space = draw.choice(["", " "])
    return Cells([f"{20 + 5 * v:.1f}{space}%" for v in z])


def _currency(before: str, after: str) -> Callable[[Numbers, Draw], Cells]:
    def cells(z: Numbers, draw: Draw) -> Cells:
        return Cells([f"{before}{1500 * 2.0**v:,.2f}{after}" for v in z])

    return cells


def _accounting(z: Numbers, draw: Draw) -> Cells:
    return Cells([f"({-v:.2f})" if v < 0 else f"{v:.2f}" for v in (100 * v for v in z)])


def _unicode_minus(z: Numbers, draw: Draw) -> Cells:
    return Cells([f"{9 * v:.1f}".replace("-", "\u2212") for v in z])


def _tiny(z: Numbers, draw: Draw) -> Cells:
    values = [1e-9 * (2 + v) for v in z]
    return Cells([repr(v) for v in values], values)


def _offset(z: Numbers, draw: Draw) -> Cells:
    values = [2460400.5 + round(3 * v, 2) for v in z]
    return Cells([repr(v) for v in values], values)


def _words(*words: str) -> Callable[[Numbers, Draw], Cells]:
    """Words by the size of the hidden number."""

    def cells(z: Numbers, draw: Draw) -> Cells:
        texts = [words[min(len(words) - 1, max(0, int((v + 1.5) / 3 * len(words))))] for v in z]
        return Cells(texts, texts)

    return cells


def _words_with(missing: str) -> Callable[[Numbers, Draw], Cells]:
    def cells(z: Numbers, draw: Draw) -> Cells:
        cells = _words("low", "mid", "high")(z, draw).texts
        texts = [missing if draw.random() < 0.1 else cell for cell in cells]
        return Cells(texts, [None if text == missing else text for text in texts])

    return cells


def _booleans(
    true: str, false: str, missing: str | None = None
) -> Callable[[Numbers, Draw], Cells]:
    def cells(z: Numbers, draw: Draw) -> Cells:
        values = [None if missing is not None and draw.random() < 0.1 else v > 0 for v in z]
        texts = [missing or "" if v is None else true if v else false for v in values]
        return Cells(texts, values)

    return cells


def _one_and_one_point_zero(z: Numbers, draw: Draw) -> Cells:
    cells = _few_integers(z, draw).texts
    return Cells([f"{cell}.0" if draw.random() < 0.5 else cell for cell in cells])


def _codes(z: Numbers, draw: Draw) -> Cells:
    return Cells([f"{7 * abs(round(2 * v)) + 3:05}" for v in z])


def _case_variants(z: Numbers, draw: Draw) -> Cells:
    cells = _words("fr", "de", "it")(z, draw).texts
    return Cells([cell.upper() if draw.random() < 0.3 else cell for cell in cells])


def _two_unicode_forms(z: Numbers, draw: Draw) -> Cells:
    cells = _words("thé", "café crème", "lait")(z, draw).texts
    forms = ["NFC", "NFD"]
    return Cells([unicodedata.normalize(draw.choice(forms), cell) for cell in cells])


def _many_words(z: Numbers, draw: Draw) -> Cells:
    texts = [f"shop {round(10 * v) % 40}" for v in z]
    return Cells(texts, texts)


def _free_text(z: Numbers, draw: Draw) -> Cells:
    words = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "near"]
    texts = [" ".join(draw.choice(words) for _ in range(7)) for _ in z]
    return Cells(texts, texts)


def _whole_id(z: Numbers, draw: Draw) -> Cells:
    values = draw.sample(range(10_000, 99_999), len(z))
    return Cells([str(v) for v in values], values)


def _text_id(z: Numbers, draw: Draw) -> Cells:
    texts = [f"{draw.randrange(16**8):08x}" for _ in z]
    return Cells(texts, texts)


def _counter(z: Numbers, draw: Draw) -> Cells:
    start = draw.choice([0, 1])
    values = list(range(start, start + len(z)))
    return Cells([str(v) for v in values], values)


def _constant(z: Numbers, draw: Draw) -> Cells:
    return Cells(["x"] * len(z), ["x"] * len(z))


def _blank(z: Numbers, draw: Draw) -> Cells:
    return Cells([""] * len(z), [None] * len(z))


def _days(z: Numbers) -> list[date]:
    return [date(2019, 1, 1) + timedelta(days=round(300 * (v + 2.5))) for v in z]


def _dates(form: str) -> Callable[[Numbers, Draw], Cells]:
    def cells(z: Numbers, draw: Draw) -> Cells:
        days = _days(z)
        texts = [day.strftime(form) for day in days]
        return Cells(texts, days if form == "%Y-%m-%d" else texts)

    return cells


def _ambiguous_dates(form: str) -> Callable[[Numbers, Draw], Cells]:
    """Dates whose day is at most 12."""

    def cells(z: Numbers, draw: Draw) -> Cells:
        return Cells([day.replace(day=day.day % 12 + 1).strftime(form) for day in _days(z)])

    return cells


def _quarters(z: Numbers, draw: Draw) -> Cells:
    return Cells([f"{day.year}Q{(day.month + 2) // 3}" for day in _days(z)])


def _clock_times(z: Numbers, draw: Draw) -> Cells:
    when = [
        datetime(day.year, day.month, day.day) + timedelta(minutes=draw.randrange(1440))
        for day in _days(z)
    ]
    return Cells([w.strftime("%m/%d/%Y %I:%M %p") for w in when])


FEATURES: dict[str, Callable[[Numbers, Draw], Cells]] = {
    "plain numbers": _plain,
    "whole numbers": _integers,
    "few whole numbers": _few_integers,
    "whole numbers as floats with blanks": _integers_as_floats,
    "numbers with NA": _with_missing("NA"),
    "numbers with NaN": _with_missing("NaN"),
    "numbers with <NA>": _with_missing("<NA>"),
    "numbers with #N/A": _with_missing("#N/A"),
    "numbers with a dash": _with_missing("-"),
    "numbers with a long dash": _with_missing("–"),
    "numbers with unknown": _with_missing("unknown"),
    "numbers with n.a.": _with_missing("n.a."),
    "numbers with -999": _with_missing("-999"),
    "thousands with a comma": _thousands(",", ".", 0),
    "thousands with a comma and fractions": _thousands(",", ".", 2),
    "thousands with a point and a decimal comma": _thousands(".", ",", 2),
    "thousands with an apostrophe": _thousands("'", ".", 1),
    "thousands with a no-break space and a decimal comma": _thousands("\u00a0", ",", 2),
    "thousands with a narrow space": _thousands("\u202f", ".", 1),
    "decimal comma": _decimal_comma,
    "percent": _percent,
    "dollars": _currency("$", ""),
    "euros after": _currency("", " €"),
    "accounting": _accounting,
    "U+2212": _unicode_minus,
    "tiny numbers": _tiny,
    "large offset": _offset,
    "words": _words("red", "green", "blue"),
    "words with NA": _words_with("NA"),
    "words with None": _words_with("None"),
    "words with blanks": _words_with(""),
    "TRUE, FALSE, NA": _booleans("TRUE", "FALSE", "NA"),
    "True, False": _booleans("True", "False"),
    "yes, no, blank": _booleans("yes", "no", ""),
    "1.0, 0.0, blank": _booleans("1.0", "0.0", ""),
    "1 and 1.0": _one_and_one_point_zero,
    "codes with leading zeros": _codes,
    "categories in two cases": _case_variants,
    "two Unicode forms": _two_unicode_forms,
    "many words": _many_words,
    "free text": _free_text,
    "whole ID": _whole_id,
    "text ID": _text_id,
    "counter": _counter,
    "constant": _constant,
    "blank": _blank,
    "ISO dates": _dates("%Y-%m-%d"),
    "day-first dates": _dates("%d.%m.%Y"),
    "month-first dates": _dates("%m/%d/%Y"),
    "two-digit years": _dates("%d/%m/%y"),
    "month names": _dates("%d %b %Y"),
    "long month names": _dates("%B %d, %Y"),
    "dashed month names": _dates("%d-%b-%y"),
    "months": _dates("%Y-%m"),
    "quarters": _quarters,
    "AM and PM": _clock_times,
    "ambiguous dashes": _ambiguous_dates("%d-%m-%Y"),
    "ambiguous slashes": _ambiguous_dates("%m/%d/%Y"),
    "ambiguous two-digit years": _ambiguous_dates("%d.%m.%y"),
}

_DATES = re.compile("date|month|quarter|AM|ambiguous|two-digit")
_NOT_NUMERIC: dict[str, set[str]] = {
    "TRUE, FALSE, NA": {"boolean"},
    "True, False": {"boolean"},
    "yes, no, blank": {"boolean"},
    "1.0, 0.0, blank": {"numeric", "boolean"},
    "codes with leading zeros": {"categorical"},
    "categories in two cases": {"categorical"},
    "two Unicode forms": {"categorical"},
    "many words": {"categorical", "ignored"},  # an ID, where there are few rows
    "free text": {"ignored"},
    "whole ID": {"numeric", "ignored"},  # its name decides, too
    "text ID": {"ignored"},
    "counter": {"ignored"},
    "constant": {"categorical"},
    "blank": {"ignored"},
}


def roles_of(kind: str) -> set[str]:
    """Return the roles that a column of a kind may be given."""
    if kind in _NOT_NUMERIC:
        return _NOT_NUMERIC[kind]
    if kind.startswith("words"):
        return {"categorical"}
    return {"date"} if _DATES.search(kind) else {"numeric"}


TARGETS: dict[str, Callable[[Numbers, Draw], Cells]] = {
    "two words": _words("ham", "spam"),
    "three words": _words("low", "mid", "high"),
    "words in upper case and NA": _booleans("TRUE", "FALSE", "NA"),
    "True and False": _booleans("True", "False"),
    "1.0, 0.0 and blank": _booleans("1.0", "0.0", ""),
    "0 and 1": _booleans("1", "0"),
    "yes, no, blank": _booleans("yes", "no", ""),
    "grades": _few_integers,
    "grades in two spellings": _one_and_one_point_zero,
    "words and blanks": _words_with(""),
    "numbers": _plain,
    "numbers with NA": _with_missing("NA"),
    "numbers with unknown": _with_missing("unknown"),
    "thousands": _thousands(",", ".", 0),
    "thousands with a point": _thousands(".", ",", 2),
    "percent": _percent,
    "dollars": _currency("$", ""),
    "decimal comma": _decimal_comma,
    "large offset": _offset,
    "tiny numbers": _tiny,
    "U+2212": _unicode_minus,
}

CLASSES = set(list(TARGETS)[: list(TARGETS).index("numbers")])
"""The targets that are of classes; the others are numbers."""

_NAMES: dict[str, list[str]] = {
    "plain names": ["a", "b", "c", "d", "e", "f", "g", "h", "i"],
    "dotted names": [
        "Sepal.Length",
        "Sepal.Width",
        "a.b.c",
        "x.",
        "y.1",
        "z.2",
        "w.w",
        "v.",
        "u.u",
    ],
    "names with spaces": [
        "net sales",
        "unit price",
        "the first",
        "a b",
        "c d",
        "e f",
        "g h",
        "i j",
        "k",
    ],
    "numbers as names": ["1", "2", "3", "4", "5", "6", "7", "8", "9"],
    "taken names": [
        "probability",
        "flags",
        "null",
        "yes",
        "true",
        "predicted_target",
        "row",
        "disagreement",
        "no",
    ],
    "names with marks": ["a=b", "size (cm)", "it's", 'the "x"', "[k]", "100%", "#1", "a: b", "a&b"],
    "accented names": ["größe", "prénom", "año", "ж", "温度", "naïve", "ø", "ß", "é"],
}

_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


def messy_table(seed: int) -> MessyTable:
    """Return the messy table of a seed."""
    draw = Draw(seed)
    rows = draw.choice([48, 80, 150, 240])
    style = draw.choice(list(_NAMES))
    names = [*_NAMES[style]]
    chosen = draw.sample(list(FEATURES), draw.randint(3, 6))
    # something to learn from
    chosen.append(draw.choice(["plain numbers", "whole numbers", "words"]))
    hidden = [[draw.gauss(0, 1) for _ in range(rows)] for _ in chosen]
    columns = {
        name: FEATURES[kind](z, draw) for name, kind, z in zip(names, chosen, hidden, strict=False)
    }
    of_target = draw.choice(list(TARGETS))
    signal = [sum(z) / len(hidden) ** 0.5 + draw.gauss(0, 0.3) for z in zip(*hidden, strict=True)]
    target = names[len(chosen)]
    columns[target] = TARGETS[of_target](signal, draw)
    kinds = [*chosen, f"target: {of_target}", style]
    order = list(columns)
    draw.shuffle(order)
    columns = {name: columns[name] for name in order}
    if draw.random() < 0.65:
        file, content, form = _delimited(columns, draw)
    else:
        file, content, form = _typed(columns, draw)
    table = MessyTable(file, content, target, rows, [*kinds, *form])
    table.roles = {name: roles_of(kind) for name, kind in zip(names, chosen, strict=False)}
    table.task = "classification" if of_target in CLASSES else "regression"
    _add_split(table, dict(zip(chosen, names, strict=False)), draw)
    return table


def _add_split(table: MessyTable, name_of: dict[str, str], draw: Draw) -> None:
    """Let a user who knows the table ask for a split by time or group."""
    times = [name for kind, name in name_of.items() if "dates" in kind or kind == "months"]
    groups = [name_of[kind] for kind in ("many words", "1 and 1.0") if kind in name_of]
    plain = [name for name in times if name.isidentifier()]
    if plain and draw.random() < 0.5:
        table.settings.append(f"dataset.split.time={plain[0]}")
        table.kinds.append("split by time")
    elif groups and groups[0].isidentifier() and draw.random() < 0.5:
        table.settings.append(f"dataset.split.group={groups[0]}")
        table.kinds.append("split by group")


def _delimited(columns: dict[str, Cells], draw: Draw) -> tuple[str, bytes, list[str]]:
    """Write the columns as delimited text, with what spreadsheets and other tools add."""
    which = draw.choice(list(_SEPARATORS))
    separator = _SEPARATORS[which]
    form = [f"separator: {which}"]
    lines = [[*columns], *map(list, zip(*(cells.texts for cells in columns.values()), strict=True))]
    extra = draw.choice(["", "", "", "unnamed index", "trailing separator", "sep line"])
    if extra == "unnamed index":
        lines = [["", *lines[0]], *([str(k), *line] for k, line in enumerate(lines[1:]))]
    elif extra == "trailing separator":
        lines = [[*line, ""] for line in lines]
    text = "\n".join(separator.join(_quoted(cell, separator) for cell in line) for line in lines)
    if extra == "sep line":
        text = f"sep={separator}\n{text}"
    text += draw.choice(["\n", "\n", "", "\n\n"])
    if draw.random() < 0.2:
        text, form = text.replace("\n", "\r\n"), [*form, "CRLF"]
    encoding = draw.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16"])
    ending = ".tsv" if which == "tab" and draw.random() < 0.5 else ".csv"
    content, suffix = _compressed(text.encode(encoding), f"table{ending}", draw)
    return f"table{ending}{suffix}", content, [*form, extra, encoding, suffix]


def _quoted(cell: str, separator: str) -> str:
    if separator in cell or '"' in cell or "\n" in cell:
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _compressed(content: bytes, name: str, draw: Draw) -> tuple[bytes, str]:
    suffix = draw.choice(["", "", "", "", ".gz", ".bz2", ".xz", ".zip"])
    if suffix == ".gz":
        return gzip.compress(content), suffix
    if suffix == ".bz2":
        return bz2.compress(content), suffix
    if suffix == ".xz":
        return lzma.compress(content), suffix
    if suffix == ".zip":
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        return held.getvalue(), suffix
    return content, suffix


def _typed(columns: dict[str, Cells], draw: Draw) -> tuple[str, bytes, list[str]]:
    """Write the columns in a format that has types."""
    values = {name: cells.values or cells.texts for name, cells in columns.items()}
    form = draw.choice(["jsonl", "json", "parquet", "feather", "xlsx"])
    if form in ("jsonl", "json"):
        rows = [
            dict(zip(values, map(_json_value, row), strict=True))
            for row in zip(*values.values(), strict=True)
        ]
        text = json.dumps(rows, ensure_ascii=False)
        if form == "jsonl":
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        content, suffix = _compressed(text.encode(), f"table.{form}", draw)
        return f"table.{form}{suffix}", content, [form, suffix]
    frame, held = pd.DataFrame(values), io.BytesIO()
    if form == "parquet":
        frame.to_parquet(held)
    elif form == "feather":
        frame.to_feather(held)
    else:
        held.write(workbook({"Sheet1": [[*values], *zip(*values.values(), strict=True)]}))
    return f"table.{form}", held.getvalue(), [form]


def _json_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
