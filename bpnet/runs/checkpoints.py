"""Checkpoints: the whole state of a training in one file, of which the newest two are kept.

A checkpoint is a safetensors file. Its metadata hold, as JSON, the values that are not arrays. The
last tensor is a checksum of all bytes before it: a torn or damaged file is recognized, and the
checkpoint before it is read instead.
"""

import contextlib
import io
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
from bpnet.runs.weights import DTYPES, parse_header

FORMAT = "1"
"""The version of the checkpoints that this bpnet writes and reads."""
KEPT = 2
"""Number of checkpoints that are kept: the newest may be damaged."""
_LARGEST_HEADER = 100_000_000
"""Bytes; it has all of the state that is not an array."""

_NAME = re.compile(r"([0-9]{6})\.safetensors")
_CHECKSUM = "checksum"
_NAMES = {dtype: name for name, dtype in DTYPES.items()}

_Array = npt.NDArray[np.generic]


class OtherVersionError(RunError):
    """A checkpoint was written by another series of versions, whose trainings may differ."""


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
        if len(view) < 4 or zlib.crc32(view[:-4]) != int.from_bytes(view[-4:], "little"):
            raise ValueError
        file = io.BytesIO(content)
        metadata, tensors = parse_header(file, len(content), _LARGEST_HEADER)
        version, writer = metadata["format"], metadata["bpnet"]
    except (ValueError, KeyError, RecursionError):
        raise RunError(
            f"{path}: is not a whole checkpoint: it is torn or damaged; "
            "`bpnet resume` takes the one before it"
        ) from None
    if version != FORMAT or _series(writer) != _series(__version__):
        raise OtherVersionError(
            f"{path}: was written by bpnet {writer} in the format {version}, and only "
            f"{_series(writer)} goes on from it; this is {__version__}: "
            f"pip install bpnet-cli=={writer}"
        )
    data = view[file.tell() :]
    arrays = {
        name: np.frombuffer(data[tensor.start : tensor.stop], tensor.dtype).reshape(tensor.shape)
        for name, tensor in tensors.items()
    }
    try:
        state: dict[str, Any] = dict(_with_arrays(json.loads(metadata["state"]), arrays))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RunError(f"{path}: is not a checkpoint that bpnet wrote; train again") from None
    return state


def _series(version: str) -> str:
    """Return the first two numbers of a version, of which all train and save in the same way."""
    return ".".join(version.split(".")[:2])


def _entry(dtype: str, shape: tuple[int, ...], start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


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
