"""weights.safetensors: named arrays, without pickle; the same arrays give the same bytes.

The file is the length of the header (8 bytes, little-endian), the header (JSON, padded with spaces
to a multiple of 8 bytes), and the data: https://huggingface.co/docs/safetensors/index#format
"""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from bpnet.errors import RunError
from bpnet.runs.files import refuse_pipe, write_bytes

Arrays = Mapping[str, npt.NDArray[np.generic]]

_RESTORE = "train again or restore the file"
_LARGEST_HEADER = 10_000_000
"""Bytes; a tensor takes about a hundred of them."""
_MOST_AXES = 32
DTYPES = {
    "BOOL": np.dtype("?"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    **{f"I{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"U{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
}
"""The types of arrays by their names in a header."""


class Tensor(NamedTuple):
    """An array of the file: its type and shape, and the bytes of the data that it takes."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class WeightsFile:
    """The header of a file, which agrees with itself and with the file's size."""

    path: Path
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    def read(self, sha256: str | None = None) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name, in the order of the data.

        `sha256` is that of the file's bytes, if it is known. Raises RunError if it differs.
        """
        digest = hashlib.sha256()
        arrays: dict[str, npt.NDArray[Any]] = {}
        with _opened(self.path) as file:
            length = file.read(8)
            digest.update(length)
            digest.update(file.read(int.from_bytes(length, "little")))
            for name, tensor in self.tensors.items():
                array = np.empty(tensor.shape, tensor.dtype)
                view = array.reshape(-1).view(np.uint8).data
                if file.readinto(view) != len(view):  # type: ignore[attr-defined]
                    raise RunError(f"{self.path}: has become shorter; {_RESTORE}")
                digest.update(view)
                arrays[name] = array
        if sha256 is not None and digest.hexdigest() != sha256:
            raise RunError(
                f"{self.path}: is not the file that model.json was written with: its SHA-256 is "
                f"{digest.hexdigest()[:12]}…, not {sha256[:12]}…; {_RESTORE}"
            )
        return arrays


def write_weights(path: Path, arrays: Arrays, metadata: Mapping[str, str]) -> str:
    """Replace the file atomically with these arrays; `metadata` is text for its readers.

    Returns the SHA-256 of its bytes.
    """
    # safetensors writes an array's memory as it is, whatever the strides say
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    content = _with_metadata(safetensors.numpy.save(dense), metadata)
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


def read_weights(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Return the arrays of a file by name; raises RunError."""
    return open_weights(path).read()


def open_weights(path: Path) -> WeightsFile:
    """Read a file's header, and nothing of its data; raises RunError if it is not sound."""
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            metadata, tensors = parse_header(file, size)
        except (ValueError, RecursionError) as error:
            raise RunError(
                f"{path}: its {size} bytes are not a whole safetensors file ({error}); {_RESTORE}"
            ) from None
    return WeightsFile(path, tensors, metadata)


def parse_header(
    file: BinaryIO, size: int, most: int = _LARGEST_HEADER
) -> tuple[Mapping[str, str], Mapping[str, Tensor]]:
    """Read the metadata and tensors of a safetensors file of a size, and none of its data.

    Raises ValueError or RecursionError if they are not sound, or the header has more than `most`
    bytes.
    """
    header = _header(file, size, most)
    metadata = _metadata(header.pop("__metadata__", {}))
    return metadata, dict(_tensors(header, size - file.tell()))


def check_shapes(
    path: Path,
    tensors: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
    dtype: npt.DTypeLike,
) -> None:
    """Raise RunError unless the tensors of `path` are the expected ones."""
    for name, shape in expected.items():
        if name not in tensors:
            raise RunError(f"{path}: the tensor '{name}' of shape {shape} is missing; {_RESTORE}")
        tensor = tensors[name]
        if tensor.shape != shape:
            raise RunError(
                f"{path}: the tensor '{name}' has shape {tensor.shape}, "
                f"the model needs {shape}; {_RESTORE}"
            )
        if tensor.dtype != np.dtype(dtype):
            raise RunError(
                f"{path}: the tensor '{name}' is {tensor.dtype}, "
                f"the model needs {np.dtype(dtype)}; {_RESTORE}"
            )
    for name in sorted(tensors.keys() - expected.keys()):
        raise RunError(
            f"{path}: the tensor '{name}' of shape {tensors[name].shape} is not in the model; "
            f"{_RESTORE}"
        )


def check_finite(path: Path, arrays: Arrays) -> None:
    """Raise RunError if an array read from `path` holds NaN or infinity."""
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise RunError(f"{path}: the tensor '{name}' holds NaN or infinity; {_RESTORE}")


def _opened(path: Path) -> BinaryIO:
    """Open a file; raises RunError."""
    try:
        refuse_pipe(path)
        return open(path, "rb")
    except FileNotFoundError:
        raise RunError(f"{path}: there is no such weights file; {_RESTORE}") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}; {_RESTORE}") from error


def _header(file: BinaryIO, size: int, most: int) -> dict[str, Any]:
    """Return the header as JSON gives it; raises ValueError."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise ValueError("it ends within the header")
    if length > most:
        raise ValueError(f"its header of {length} bytes is longer than {most}")
    header = json.loads(file.read(length).decode(), object_pairs_hook=_each_once)
    if not isinstance(header, dict):
        raise ValueError("its header is not an object")
    return header


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of the pairs; raise ValueError if two have the same key."""
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("its header has a key twice")
    return content


def _metadata(content: object) -> dict[str, str]:
    """Return the metadata of a header; raises ValueError."""
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise ValueError("its metadata are not texts")
    return content


def _tensors(header: Mapping[str, Any], size: int) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors in the order of the data, of which each byte belongs to one of them.

    Raises ValueError.
    """
    tensors = {name: _tensor(name, content) for name, content in header.items()}
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1][2:]):
        if tensor.start != end:
            raise ValueError(f"'{name}' does not begin where the tensor before ends")
        end = tensor.stop
        yield name, tensor
    if end != size:
        raise ValueError(f"its tensors take {end} bytes, and it has {size} for them")


def _tensor(name: str, content: Any) -> Tensor:
    """Return a tensor from its entry in a header; raises ValueError."""
    if not isinstance(content, dict) or content.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"'{name}' needs dtype, shape and data_offsets only")
    dtype, shape, offsets = (content[key] for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"the type of '{name}' is unknown: {dtype!r}"[:200])
    for numbers, most in ((shape, _MOST_AXES), (offsets, 2)):
        if (
            not isinstance(numbers, list)
            or len(numbers) > most
            or not all(type(n) is int and 0 <= n < 2**63 for n in numbers)
        ):
            raise ValueError(f"shape and data_offsets of '{name}' must be whole numbers")
    if len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * DTYPES[dtype].itemsize:
        raise ValueError(f"the data_offsets of '{name}' do not suit its shape and type")
    return Tensor(DTYPES[dtype], tuple(shape), *offsets)


def _with_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """Put metadata into the header in the given order, which safetensors itself shuffles."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = {"__metadata__": dict(metadata), **json.loads(content[8:start])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[start:]
