"""Weights: exact round trips, the same bytes every time, and damaged files."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import safe_open

from bpnet.errors import RunError
from bpnet.runs.weights import check_finite, check_shapes, open_weights, read_weights, write_weights

ARRAYS = {
    "0.weight": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
    "0.bias": np.array([[0.5, -0.5]], dtype=np.float32),
}
SHAPES = {"0.weight": (1, 2, 3), "0.bias": (1, 2)}

arrays = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.bool_]),
    hnp.array_shapes(min_dims=0, min_side=0),
)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5), arrays, max_size=4
    ),
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
        st.text('aé"\\\n'),
        max_size=4,
    ),
)
def test_arrays_and_metadata_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, named: dict[str, Any], metadata: dict[str, str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "weights.safetensors"
    named.pop("__metadata__", None)
    write_weights(path, named, metadata)
    loaded = read_weights(path)
    assert loaded.keys() == named.keys()
    for name, array in named.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
        assert loaded[name].tobytes() == array.tobytes()
    with safe_open(path, framework="np") as file:
        assert (file.metadata() or {}) == metadata


def test_arrays_may_lie_in_memory_in_any_way(tmp_path: Path) -> None:
    table = np.arange(24, dtype=np.float32).reshape(4, 6)
    views = {
        "transposed": table.T,
        "strided": table[::2, ::-3],
        "big-endian": table.astype(">f4"),
        "scalar": table[1, 1],
    }
    write_weights(tmp_path / "w", views, {})
    loaded = read_weights(tmp_path / "w")
    for name, view in views.items():
        np.testing.assert_array_equal(loaded[name], view)
        assert loaded[name].shape == np.shape(view)


def test_loaded_arrays_are_ready_for_training(tmp_path: Path) -> None:
    write_weights(tmp_path / "w", ARRAYS, {})
    for array in read_weights(tmp_path / "w").values():
        assert array.flags.writeable
        assert array.flags.aligned
        assert array.flags.c_contiguous


def test_every_process_writes_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import sys, numpy, pathlib; from bpnet.runs.weights import write_weights;"
        "write_weights(pathlib.Path(sys.argv[1]), {'w': numpy.ones(3)}, "
        "{key: key for key in 'qwertzuiop'})"
    )
    digests = set()
    for number in range(3):
        path = tmp_path / str(number)
        subprocess.run([sys.executable, "-c", code, str(path)], check=True)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_file_keeps_to_the_format(tmp_path: Path) -> None:
    write_weights(tmp_path / "w", ARRAYS, {"format": "1"})
    content = (tmp_path / "w").read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    assert json.loads(content[8 : 8 + length])["__metadata__"] == {"format": "1"}
    assert len(content) == 8 + length + 8 * 4
    np.testing.assert_array_equal(safetensors.numpy.load(content)["0.bias"], ARRAYS["0.bias"])
    assert list(tmp_path.iterdir()) == [tmp_path / "w"]


# Damage


def problem_of_file(path: Path) -> str:
    with pytest.raises(RunError) as caught:
        read_weights(path)
    assert caught.value.exit_code == 5
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith("; train again or restore the file")
    return str(caught.value)


@pytest.mark.parametrize("kept", [0, 1, 8, 9, 100, -1])
def test_a_truncated_file(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "weights.safetensors"
    write_weights(path, ARRAYS, {})
    content = path.read_bytes()[:kept]
    path.write_bytes(content)
    assert f"its {len(content)} bytes are not a whole safetensors file" in problem_of_file(path)


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_other_content(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.safetensors"
    path.write_bytes(content)
    assert f"its {len(content)} bytes are not a whole safetensors file" in problem_of_file(path)


def test_a_type_that_numpy_lacks(tmp_path: Path) -> None:
    header = b'{"w":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    (tmp_path / "w").write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
    assert (
        "its 65 bytes are not a whole safetensors file (the type of 'w' is unknown: 'BF16')"
        in problem_of_file(tmp_path / "w")
    )


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert "there is no such weights file" in problem_of_file(tmp_path / "gone")
    assert "cannot be read: Is a directory" in problem_of_file(tmp_path)


# Shapes


def test_the_expected_arrays_pass(tmp_path: Path) -> None:
    write_weights(tmp_path / "w", ARRAYS, {})
    tensors = open_weights(tmp_path / "w").tensors
    assert check_shapes(tmp_path / "w", tensors, SHAPES, np.float32) is None
    assert check_finite(tmp_path / "w", ARRAYS) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"0.bias": None}, "the tensor '0.bias' of shape (1, 2) is missing; "),
        (
            {"1.bias": np.zeros(4, np.float32)},
            "the tensor '1.bias' of shape (4,) is not in the model; ",
        ),
        (
            {"0.weight": np.zeros((1, 3, 2), np.float32)},
            "the tensor '0.weight' has shape (1, 3, 2), the model needs (1, 2, 3); ",
        ),
        (
            {"0.bias": np.zeros((1, 2))},
            "the tensor '0.bias' is float64, the model needs float32; ",
        ),
        (
            {"0.bias": np.array([[0, np.nan]], np.float32)},
            "the tensor '0.bias' holds NaN or infinity; ",
        ),
        (
            {"0.bias": np.array([[0, -np.inf]], np.float32)},
            "the tensor '0.bias' holds NaN or infinity; ",
        ),
        ({"0.weight": None, "0.bias": None}, "'0.weight' of shape (1, 2, 3) is missing"),
        ({"b": np.zeros(1), "a": np.zeros(2)}, "the tensor 'a' of shape (2,) is not in the model"),
    ],
)
def test_other_arrays_do_not(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = tmp_path / "w"
    changed = {name: array for name, array in (ARRAYS | change).items() if array is not None}
    write_weights(path, changed, {})

    def check() -> None:
        check_shapes(path, open_weights(path).tensors, SHAPES, np.float32)
        check_finite(path, read_weights(path))

    with pytest.raises(RunError) as caught:
        check()
    assert words in str(caught.value)
    assert str(caught.value).endswith("; train again or restore the file")
    assert caught.value.exit_code == 5


# Headers, before anything of the data is read or allocated


def with_header(path: Path, header: object, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(shape: object = (2,), start: object = 0, stop: object = 8, dtype: object = "F32") -> Any:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"[" * 100_000, "recursion"),
        (b"\xff{}", "decode"),
        (b"[]", "its header is not an object"),
        (b'{"a":{},"a":{}}', "its header has a key twice"),
        ({"__metadata__": {"format": 2}}, "its metadata are not texts"),
        ({"a": entry(), "b": entry()}, "'b' does not begin where the tensor before ends"),
        ({"a": entry(start=8, stop=16)}, "'a' does not begin where the tensor before ends"),
        ({"a": entry(shape=[1], stop=4)}, "its tensors take 4 bytes, and it has 8 for them"),
        ({"a": entry(stop=4)}, "the data_offsets of 'a' do not suit its shape and type"),
        ({"a": entry(shape=[2**62, 2**62, 2**62])}, "do not suit its shape and type"),
        ({"a": entry(shape=[-2], stop=-8)}, "must be whole numbers"),
        ({"a": entry(shape=[2.0])}, "must be whole numbers"),
        ({"a": entry(shape=[True, 2])}, "must be whole numbers"),
        ({"a": entry(shape=[1] * 40 + [2])}, "must be whole numbers"),
        ({"a": entry(stop=10**400)}, "must be whole numbers"),
        ({"a": entry(dtype=["F32"])}, "the type of 'a' is unknown"),
        ({"a": {**entry(), "url": "x"}}, "needs dtype, shape and data_offsets only"),
        ({"a": 3}, "needs dtype, shape and data_offsets only"),
    ],
)
def test_an_unsound_header_is_refused(tmp_path: Path, header: object, words: str) -> None:
    path = with_header(tmp_path / "w", header, b"\0" * 8)
    with pytest.raises(RunError) as caught:
        open_weights(path)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))


def test_a_huge_header_and_a_huge_file_take_no_memory(tmp_path: Path) -> None:
    path = with_header(tmp_path / "w", {"a": entry()}, b"\0" * 8)
    with open(path, "r+b") as file:
        file.truncate(3_000_000_000)  # sparse
    with pytest.raises(RunError, match="bytes, and it has 29999"):
        open_weights(path)
    with open(path, "r+b") as file:
        file.write((2_000_000_000).to_bytes(8, "little"))
    with pytest.raises(RunError, match="header of 2000000000 bytes is longer"):
        open_weights(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w")
    with pytest.raises(RunError, match="is not a regular file"):
        open_weights(tmp_path / "w")


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    digest = write_weights(tmp_path / "w", ARRAYS, {})
    assert open_weights(tmp_path / "w").read(digest).keys() == ARRAYS.keys()
    content = bytearray((tmp_path / "w").read_bytes())
    content[-1] ^= 1
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(RunError, match="is not the file that model"):
        open_weights(tmp_path / "w").read(digest)
