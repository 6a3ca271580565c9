"""The tables that come with scikit-learn."""

from typing import Any

from bpnet.data.reading.in_memory import table_from_rows
from bpnet.data.reading.table import Table
from bpnet.errors import DataError
from bpnet.messages import did_you_mean, quoted_list

SKLEARN_PREFIX = "sklearn:"
"""The path of a scikit-learn table begins with this."""

_NAMES = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")


def sklearn_table(name: str) -> Table:
    """Return a table of scikit-learn's; raise DataError if it has none of that name.

    The target is the last column, named `target`; classes are given by name.
    """
    if name not in _NAMES:
        raise DataError(
            f"{SKLEARN_PREFIX}{name}: scikit-learn bundles no such table; "
            f"it has {quoted_list(_NAMES)}{did_you_mean(name, _NAMES)}"
        )
    import sklearn.datasets  # takes a second to import

    loaded: Any = getattr(sklearn.datasets, f"load_{name}")(as_frame=True)
    frame = loaded.frame.copy()
    class_names = [str(word) for word in getattr(loaded, "target_names", [])]
    if "target" in frame and len(class_names) > 1:
        frame["target"] = [class_names[k] for k in frame["target"]]
    columns = [str(column).replace(" (cm)", "").replace(" ", "_") for column in frame.columns]
    rows = frame.to_numpy(dtype=object).tolist()
    return table_from_rows(f"{SKLEARN_PREFIX}{name}", columns, rows)
