"""A model as one file of Python that needs NumPy alone: source of functions, and numbers."""

import base64
import io
import json
import textwrap
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from bpnet import __version__
from bpnet.data.targets import Classes, Labels
from bpnet.engine.component import Array
from bpnet.integrations.export import numpy_answers, numpy_columns
from bpnet.integrations.export.cells import features_of
from bpnet.integrations.export.python_content import TABLES, Function, ModelWriter
from bpnet.integrations.export.python_source import definitions, source_of
from bpnet.models.ensemble import Ensemble

_HEADER = '''\
"""A model that bpnet {version} has trained: it predicts {target}.

NumPy and the standard library are all that it needs. From Python, `predict(rows)` takes rows as
dictionaries by column name; `python {file} rows.csv` prints the predictions for a table.

Columns: {columns}
A missing value is None, nan or a blank text. A number in a text has a decimal point and no other
marks. A date is a datetime, a text, or a number of days since 1970-01-01.
"""
'''

_PREDICT = '''\
def predict(rows):
    """Return the predictions for rows, which are dictionaries by column name.

    Raises ValueError for a cell that cannot be used.
    """
    if isinstance(rows, Mapping) or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError(
            "rows are a list of dictionaries by column name; of a data frame they are "
            'frame.to_dict("records")'
        )
    with np.errstate(all="ignore"):  # what overflows is refused
        inputs = [encode(encoder, rows, MODEL["precision"]) for encoder in MODEL["encoders"]]
        outputs = [member_outputs(each, inputs[each["encoder"]]) for each in MODEL["members"]]
        predictions = {combine}(outputs, MODEL)
    finite = np.isfinite(predictions).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite)) + 1
        raise ValueError(f"the prediction for row {{row}} is not a finite number")
    return {answer}(predictions, MODEL)


def main(path):
    """Print the predictions for a table of CSV."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        names, rows = reader.fieldnames or [], []
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{{path}} has the column {{name!r}} twice")
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"line {{reader.line_num}} has not a cell for each column")
            rows.append(row)
    if not rows:
        raise ValueError(f"{{path}} has no rows")
    writer = csv.writer(sys.stdout, lineterminator="\\n")
    answers = predict(rows)
    writer.writerow([name for output in answers for name in MODEL["names"][output]])
    for k in range(len(rows)):
        cells = [np.asarray(values)[k].tolist() for values in answers.values()]
        writer.writerow([one for cell in cells for one in (cell if type(cell) is list else [cell])])

'''

_FOOTER = """
MODEL = with_arrays(MODEL, ARRAYS)

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} rows.csv")
    try:
        main(sys.argv[1])
    except (OSError, ValueError, csv.Error) as error:
        sys.exit(f"error: {error}")
"""

_IMPORTS = ("import base64", "import csv", "import io", "import json", "import sys")
_WIDTH = 100


def python_file(model: Ensemble, seen: Mapping[str, Collection[str]], file: str) -> bytes:
    """Return a model as a file of Python called `file`.

    `seen` are texts of columns that the file must understand as the model does. Raises UsageError
    if it has a kind of component that has no part.
    """
    writing = ModelWriter(model.description.reading.number_format(), seen)
    features, target = features_of(model), model.description.target
    content = writing.model(model)
    combine, answer = _final(model)
    needed: list[Function] = [
        numpy_columns.encode,
        numpy_answers.member_outputs,
        numpy_answers.with_arrays,
        *writing.parts.values(),
        combine,
        answer,
    ]
    found, imports = definitions(needed, apart_from=TABLES)
    source = source_of(found)
    tables = [_table(name, source, writing.parts) for name in TABLES]
    columns = ", ".join(f"{feature.name} ({feature.kind})" for feature in features)
    header = _HEADER.format(
        version=__version__,
        target=_plain(", ".join(target.names)),
        file=_plain(file),
        columns=textwrap.fill(_plain(columns), 90),
    )
    text = "\n".join(
        [
            header,
            "from __future__ import annotations\n",
            *sorted({*imports, *_IMPORTS}, key=_import_order),
            source.removeprefix("\n"),
            "",
            *filter(None, tables),
            "\n",
            _PREDICT.format(answer=answer.__name__, combine=combine.__name__),
            "",
            # in a raw text, since three quotes cannot follow each other in JSON
            f'MODEL = json.loads(r"""\n{_json(content)}\n""")',
            _arrays(writing.arrays),
            _FOOTER,
        ]
    )
    return text.encode("utf-8", "backslashreplace")


def _import_order(line: str) -> tuple[bool, bool, str]:
    """Return what import statements are sorted by: NumPy last, plain imports first."""
    return "numpy" in line, line.startswith("from"), line


def _final(model: Ensemble) -> tuple[Function, Function]:
    """Return the functions that combine the networks' outputs, and answer."""
    target, blended = model.description.target, model.combination is not None
    if isinstance(target, Classes):
        combine = numpy_answers.blended_shares if blended else numpy_answers.mean_shares
        return combine, numpy_answers.answer_classes
    if isinstance(target, Labels):
        combine = numpy_answers.blended_labels if blended else numpy_answers.mean_labels
        return combine, numpy_answers.answer_labels
    combine = numpy_answers.blended_values if blended else numpy_answers.mean_values
    return combine, numpy_answers.answer_values


def _table(name: str, source: str, parts: Mapping[tuple[str, str], Function]) -> str:
    """Return the source of a table of parts by kind, with those that are needed."""
    if f"{name}[" not in source:
        return ""
    lines = [
        f'    "{kind}": {function.__name__},\n'
        for (table, kind), function in parts.items()
        if table == name
    ]
    return f"{name} = {{\n{''.join(lines)}}}" if lines else f"{name} = {{}}"


def _json(value: Any, line: str = "\n") -> str:
    """Return JSON in which what is short is on one line."""
    text = json.dumps(value)
    if len(text) <= _WIDTH - len(line) or not isinstance(value, (dict, list)):
        return text
    inner = line + " "
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {_json(each, inner)}" for key, each in value.items()]
        return f"{{{inner}{f',{inner}'.join(items)}{line}}}"
    return f"[{inner}{f',{inner}'.join(_json(each, inner) for each in value)}{line}]"


def _arrays(arrays: Mapping[str, Array]) -> str:
    """Return the source of the arrays, compressed, as text."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **dict(arrays))  # type: ignore[arg-type]
    encoded = base64.b64encode(stream.getvalue()).decode()
    lines = "\n".join(encoded[k : k + _WIDTH] for k in range(0, len(encoded), _WIDTH))
    return f'ARRAYS = np.load(io.BytesIO(base64.b64decode("""\n{lines}\n""")))'


def _plain(text: str) -> str:
    """Return a text that can be in a docstring."""
    return "".join(one if one.isprintable() and one not in '"\\' else "?" for one in text)
