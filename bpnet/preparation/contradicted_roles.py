"""Roles that the later rows of a large table contradict."""

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.data.encoding.columns import CategoricalColumn
from bpnet.data.encoding.encoder import Encoder
from bpnet.data.reading import Table
from bpnet.data.reading.column import column_from_texts
from bpnet.data.roles import DetectedRole, detect_role
from bpnet.errors import DataError
from bpnet.messages import quoted_cell, set_option
from bpnet.preparation.column_roles import ColumnRoles


def refuse_contradicted(
    loaded: LoadedConfig, roles: ColumnRoles, encoder: Encoder, rows: int, table: Table
) -> None:
    """Raise DataError if columns of categories are of numbers or dates by all training `rows`.

    Their roles were detected from the first block with values.
    """
    problems = []
    for column in encoder.columns:
        detected = roles.detected[column.name]
        if (
            not isinstance(column, CategoricalColumn)
            or column.name not in roles.of_first_block
            or detected.role != "categorical"
        ):
            continue
        role = _role_of_all(column, rows, loaded).role
        if role in ("numeric", "date"):
            first = quoted_cell(roles.of_first_block[column.name])
            held = "numbers" if role == "numeric" else "dates"
            problems.append(
                f"{table.name}, column '{column.name}': its first rows hold text such as {first}, "
                f"the later ones mostly {held}; say what it is: "
                f"{set_option('dataset.roles', role, column.name)} or "
                f"{set_option('dataset.roles', 'categorical', column.name)}"
            )
    if problems:
        raise DataError(problems)


def _role_of_all(column: CategoricalColumn, rows: int, loaded: LoadedConfig) -> DetectedRole:
    """Return the role of a column by the distinct texts of its training rows."""
    texts = [*column.levels, *column.rare]
    cells = column_from_texts(texts, loaded.config.dataset.reading.number_format())
    # what counts is only whether there are more rows than texts, or more than twice as many
    codes = np.resize(np.arange(len(texts)), min(rows, 3 * len(texts)))
    return detect_role(column.name, cells.take(codes), np.ones(len(codes), bool), None, named=True)
