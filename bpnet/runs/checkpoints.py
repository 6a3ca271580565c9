"""Checkpoints: the whole state of a training in one file, of which the newest two are kept.

A checkpoint is a safetensors file. Its metadata hold, as JSON, the values that are not arrays. The
last tensor is a checksum of all bytes before it: a torn or damaged file is recognized, and the
checkpoint before it is read instead.
"""

import contextlib
import json
import re
import shutil
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bpnet import __version__
from bpnet.errors import RunError
from bpnet.runs.files import cannot_write, replacing

FORMAT = "1"
"""The version of the checkpoints that this bpnet writes and reads."""
KEPT = 2
"""Number of checkpoints that are kept: the newest may be damaged."""
MOST_HEADER = 100_000_000
"""Bytes that the header of a checkpoint may have."""

_NAME = re.compile(r"([0-9]{6})\.safetensors")
_CHECKSUM = "checksum"
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "I64": "<i8",
    "U64": "<u8",
    "I32": "<i4",
    "U8": "|u1",
    "BOOL": "|b1",
}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}

_Array = npt.NDArray[np.generic]


class OtherVersionError(RunError):
    """A checkpoint was written by another version of bpnet, whose trainings may differ."""


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints in a folder, numbered in the order in which they were written."""

    folder: Path

    def write(self, state: Mapping[str, Any], *, flush: bool = True) -> Path:
        """Write the next checkpoint, and remove those before the last but one.

        `state` holds arrays, numbers, texts, None, and lists and mappings of these. Without `flush`
        the file is not forced onto the disk. Raises RunError.
        """
        numbers = self.numbers()
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        path = self._path(max(numbers, default=0) + 1)
        write_state(path, state, flush=flush)
        for number in numbers[: len(numbers) + 1 - KEPT]:
            with contextlib.suppress(OSError):
                self._path(number).unlink()
        return path

    def latest(self) -> dict[str, Any] | None:
        """Return the state of the newest checkpoint that is whole; None if there is none."""
        return next(self.states(), None)

    def states(self) -> Iterator[dict[str, Any]]:
        """Yield the states of the checkpoints that are whole, the newest first."""
        for number in reversed(self.numbers()):
            try:
                state = read_state(self._path(number))
            except OtherVersionError:
                raise
            except RunError:
                continue
            yield state

    def numbers(self) -> list[int]:
        """Return the numbers of the checkpoints, in rising order."""
        try:
            names = [_NAME.fullmatch(entry.name) for entry in self.folder.iterdir()]
        except OSError:
            return []
        return sorted(int(match[1]) for match in names if match)

    def remove(self) -> None:
        """Remove all checkpoints, and the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"


def write_state(path: Path, state: Mapping[str, Any], *, flush: bool = True) -> None:
    """Replace a file atomically with a state; raises RunError."""
    arrays: dict[int, tuple[str, _Array]] = {}
    text = json.dumps(_without_arrays(state, "", arrays))
    header: dict[str, Any] = {
        "__metadata__": {"format": FORMAT, "bpnet": __version__, "state": text}
    }
    start = 0
    dense: list[memoryview] = []
    for name, array in arrays.values():
        dense.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        header[name] = _entry(_NAMES[array.dtype], array.shape, start, start + array.nbytes)
        start += array.nbytes
    header[_CHECKSUM] = _entry("U8", (4,), start, start + 4)
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    head = struct.pack("<Q", len(encoded)) + encoded
    with replacing(path, flush=flush) as file:
        checksum = 0
        for piece in (memoryview(head), *dense):
            file.write(piece)
            checksum = zlib.crc32(piece, checksum)
        file.write(struct.pack("<I", checksum))


def read_state(path: Path) -> dict[str, Any]:
    """Return the state in a file, after its checksum was compared; raises RunError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path}: the checkpoint cannot be read: {error.strerror}") from error
    view = memoryview(content)
    try:
        (length,) = struct.unpack("<Q", view[:8])
        if length > min(MOST_HEADER, len(content) - 12):
            raise ValueError
        (checksum,) = struct.unpack("<I", view[-4:])
        if zlib.crc32(view[:-4]) != checksum:
            raise ValueError
        header = json.loads(content[8 : 8 + length])
        metadata = header.pop("__metadata__")
        version = metadata["format"]
    except (ValueError, KeyError, TypeError, struct.error, RecursionError):
        raise RunError(
            f"{path}: is not a whole checkpoint: it is torn or damaged; "
            "`bpnet resume` takes the one before it"
        ) from None
    writer = metadata.get("bpnet")
    if (version, writer) != (FORMAT, __version__):
        raise OtherVersionError(
            f"{path}: was written by bpnet {writer} in the format {version}, and only the same "
            f"version goes on from it; this is {__version__}: pip install bpnet-cli=={writer}"
        )
    data = view[8 + length :]
    try:
        arrays = {name: _array(data, entry) for name, entry in header.items()}
        state: dict[str, Any] = dict(_with_arrays(json.loads(metadata["state"]), arrays))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RunError(f"{path}: is not a checkpoint that bpnet wrote; train again") from None
    return state


def _entry(dtype: str, shape: tuple[int, ...], start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def _array(data: memoryview, entry: Mapping[str, Any]) -> _Array:
    start, end = entry["data_offsets"]
    return np.frombuffer(data[start:end], _DTYPES[entry["dtype"]]).reshape(entry["shape"])


def _without_arrays(value: Any, path: str, arrays: dict[int, tuple[str, _Array]]) -> Any:
    """Return a value for JSON, in which {"tensor": NAME} stands for each array.

    An array that is in several places is written once.
    """
    if isinstance(value, np.ndarray):
        name, _ = arrays.setdefault(id(value), (path, value))
        return {"tensor": name}
    if isinstance(value, Mapping):
        # a list of pairs, so that no key can be taken for a tensor
        return {
            "items": [
                [key, _without_arrays(item, f"{path}.{key}".lstrip("."), arrays)]
                for key, item in value.items()
            ]
        }
    if isinstance(value, list | tuple):
        return [_without_arrays(item, f"{path}.{k}", arrays) for k, item in enumerate(value)]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _with_arrays(value: Any, arrays: Mapping[str, _Array]) -> Any:
    """Return a value with its arrays."""
    if isinstance(value, list):
        return [_with_arrays(item, arrays) for item in value]
    if isinstance(value, dict):
        if "tensor" in value:
            return arrays[value["tensor"]]
        return {key: _with_arrays(item, arrays) for key, item in value["items"]}
    return value
