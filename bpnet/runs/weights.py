"""weights.safetensors: named arrays, without pickle; the same arrays give the same bytes."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from bpnet.errors import RunError
from bpnet.runs.files import write_bytes

Arrays = Mapping[str, npt.NDArray[np.generic]]

_RESTORE = "train again or restore the file"


def write_weights(path: Path, arrays: Arrays, metadata: Mapping[str, str]) -> None:
    """Replace the file atomically with these arrays; `metadata` is text for its readers."""
    # safetensors writes an array's memory as it is, whatever the strides say
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    write_bytes(path, _with_metadata(safetensors.numpy.save(dense), metadata))


def read_weights(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Return the arrays of a file by name; raises RunError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise RunError(f"{path}: there is no such weights file; {_RESTORE}") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}; {_RESTORE}") from error
    try:
        return dict(safetensors.numpy.load(content))
    except (SafetensorError, KeyError, ValueError) as error:  # KeyError: a type that NumPy lacks
        raise RunError(
            f"{path}: its {len(content)} bytes are not a whole safetensors file ({error}); "
            f"{_RESTORE}"
        ) from None


def check_shapes(
    path: Path, arrays: Arrays, expected: Mapping[str, tuple[int, ...]], dtype: npt.DTypeLike
) -> None:
    """Raise RunError unless the arrays read from `path` are the expected ones, and finite."""
    for name, shape in expected.items():
        if name not in arrays:
            raise RunError(f"{path}: the tensor '{name}' of shape {shape} is missing; {_RESTORE}")
        array = arrays[name]
        if array.shape != shape:
            raise RunError(
                f"{path}: the tensor '{name}' has shape {array.shape}, "
                f"the model needs {shape}; {_RESTORE}"
            )
        if array.dtype != np.dtype(dtype):
            raise RunError(
                f"{path}: the tensor '{name}' is {array.dtype}, "
                f"the model needs {np.dtype(dtype)}; {_RESTORE}"
            )
        if not np.isfinite(array).all():
            raise RunError(f"{path}: the tensor '{name}' holds NaN or infinity; {_RESTORE}")
    for name in sorted(arrays.keys() - expected.keys()):
        raise RunError(
            f"{path}: the tensor '{name}' of shape {arrays[name].shape} is not in the model; "
            f"{_RESTORE}"
        )


def _with_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """Put metadata into the header in the given order, which safetensors itself shuffles.

    The file is the length of the header (8 bytes, little-endian), the header (JSON, padded with
    spaces to a multiple of 8 bytes), and the data: https://huggingface.co/docs/safetensors/index#format
    """
    start = 8 + int.from_bytes(content[:8], "little")
    header = {"__metadata__": dict(metadata), **json.loads(content[8:start])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[start:]
