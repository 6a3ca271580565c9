"""Atomic writes, and reading JSON that may be damaged."""

import json
import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.errors import RunError
from bpnet.runs.files import (
    json_text,
    read_json,
    read_text,
    replacing,
    write_bytes,
    write_json,
    write_text,
)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(json_values)
def test_json_reads_back_the_same(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / f"value-{os.getpid()}.json"
    write_json(path, value)
    assert repr(read_json(path)) == repr(value)


@given(json_values | st.dictionaries(st.none() | st.booleans() | st.integers(), st.floats(0, 1)))
def test_json_is_what_the_json_module_writes(value: Any) -> None:
    expected = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    assert json_text(value) == expected


def test_what_json_lacks_is_an_error() -> None:
    with pytest.raises(TypeError, match="object is not JSON serializable"):
        json_text({"a": [object()]})


def test_json_looks_like_this(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_json(path, {"z": 1, "a": ["größe", None], "loss": 1e-07})
    assert path.read_bytes().decode() == (
        '{\n  "z": 1,\n  "a": [\n    "größe",\n    null\n  ],\n  "loss": 1e-07\n}\n'
    )


def test_numbers_that_json_lacks_become_null_and_numpy_scalars_become_numbers(
    tmp_path: Path,
) -> None:
    path = tmp_path / "metrics.json"
    value = {
        "a": [math.nan, (math.inf, -math.inf)],
        "b": np.float32("nan"),
        "c": np.float32(0.5),
        "d": np.int64(3),
    }
    write_json(path, value)
    assert json.loads(path.read_text()) == {"a": [None, [None, None]], "b": None, "c": 0.5, "d": 3}


def test_a_lone_surrogate_survives(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_json(path, {"command": "bpnet train gr\udcf6sse.yaml"})
    assert read_json(path) == {"command": "bpnet train gr\udcf6sse.yaml"}


def test_a_write_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old, and longer\r\n")
    assert path.read_bytes() == b"old, and longer\r\n"
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_usual_rights(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "")
    (tmp_path / "theirs").write_text("")
    ours, theirs = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "theirs"))
    assert ours == theirs


def test_the_content_is_on_disk_before_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def traced_fsync(handle: int) -> None:
        folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        events.append("fsync folder" if folder else f"fsync {os.fstat(handle).st_size} bytes")
        fsync(handle)

    def traced_replace(self: Path, target: Path) -> Path:
        assert self.parent == target.parent
        events.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", traced_fsync)
    monkeypatch.setattr(Path, "replace", traced_replace)
    write_bytes(tmp_path / "file", b"12345")
    assert events == ["fsync 5 bytes", "rename", "fsync folder"]


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    path = tmp_path / "run.json"
    write_text(path, "old")

    def fail(handle: int) -> None:
        raise failure

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((RunError, KeyboardInterrupt)) as caught:
        write_text(path, "new")
    if isinstance(failure, OSError):
        assert str(caught.value).startswith(
            f"{path}: cannot be written: No space left on device; check"
        )
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_flushed_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    write_text(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"


def test_writing_into_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "run.json"
    with pytest.raises(
        RunError, match=r"run\.json: cannot be written: No such file or directory; check"
    ) as caught:
        write_json(path, {})
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ": there is no such file; restore it from a copy, or train again"),
        (b"", ", line 1: is not JSON: Expecting value; restore it from a copy, or train again"),
        (b'{\n"a": 1,\n', ", line 3: is not JSON: Expecting property name"),
        (b'{"a": "\xff"}', ": is not UTF-8 text at byte 8; restore it"),
        (b"[" * 100_000, ": is not JSON that bpnet wrote; restore it"),
        (b"9" * 5000, ": is not JSON that bpnet wrote; restore it"),
    ],
)
def test_damaged_json(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_json(path)
    assert str(caught.value).startswith(f"{path}{words}")
    assert caught.value.exit_code == 5


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        read_text(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Is a directory; check its permissions"


def test_a_pipe_is_written_to_also_by_a_link_that_leads_to_no_path() -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as piped:
        with open(writer, "wb"), replacing(Path(f"/dev/fd/{writer}")) as stream:
            stream.write(b"a,b\n")
        assert piped.read() == b"a,b\n"
