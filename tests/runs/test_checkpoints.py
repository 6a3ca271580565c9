"""Checkpoints: what is written is read back, and a damaged file is never taken for a whole one."""

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from bpnet import __version__
from bpnet.errors import RunError
from bpnet.models.checkpoint_model import model_of
from bpnet.runs.checkpoints import Checkpoints, read_state, write_state

NUMBERS = st.floats(allow_nan=False) | st.integers(-(2**130), 2**130)
VALUES = st.recursive(
    NUMBERS | st.text() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(state=st.dictionaries(st.text(), VALUES, max_size=4))
def test_numbers_and_texts_come_back(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("state") / "a.safetensors"
    write_state(path, state, flush=False)
    assert read_state(path) == state


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u8", "i4", "u1", "?"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (2, 3, 4)])
def test_arrays_come_back_in_any_layout(dtype, shape, tmp_path):
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    state = {"a": {"b": [array, np.asfortranarray(array)]}, "tensor": "items", "c": array.T}
    write_state(tmp_path / "a", state)
    read = read_state(tmp_path / "a")
    for found in (*read["a"]["b"], read["c"].T):
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
    assert read["tensor"] == "items"


def test_an_array_in_two_places_is_written_once(tmp_path):
    array = np.zeros(10_000)
    write_state(tmp_path / "a", {"one": array, "two": array})
    assert (tmp_path / "a").stat().st_size < 1.1 * array.nbytes


def test_other_programs_read_the_arrays(tmp_path):
    array = np.arange(6.0).reshape(2, 3)
    write_state(tmp_path / "a", {"fit": {"theta": array}})
    tensors = safetensors.numpy.load_file(tmp_path / "a")
    np.testing.assert_array_equal(tensors["fit.theta"], array)
    assert set(tensors) == {"fit.theta", "checksum"}


def test_the_newest_two_are_kept(tmp_path):
    store = Checkpoints(tmp_path / "checkpoints")
    assert store.latest() is None
    for k in range(5):
        store.write({"k": k})
    assert store.numbers() == [4, 5]
    assert store.latest() == {"k": 4}
    store.remove()
    assert not store.folder.exists()


def damages():
    """Every way to damage a file: cut it anywhere, or change any of its bytes."""
    return st.tuples(st.sampled_from(["cut", "flip", "zeros"]), st.integers(0, 10_000))


@given(damage=damages())
def test_a_damaged_checkpoint_is_refused_and_the_one_before_is_read(damage, tmp_path_factory):
    store = Checkpoints(tmp_path_factory.mktemp("run") / "checkpoints")
    store.write({"k": 1, "x": np.arange(9.0)}, flush=False)
    path = store.write({"k": 2, "x": np.arange(9.0)}, flush=False)
    content = bytearray(path.read_bytes())
    how, place = damage
    place %= len(content)
    if how == "cut":
        content = content[:place]
    elif how == "flip":
        content[place] ^= 1 + place % 255
    else:
        content[place:] = bytes(len(content) - place)
    if content == path.read_bytes():  # zeros for zeros
        return
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"not a whole checkpoint"):
        read_state(path)
    assert store.latest()["k"] == 1


def test_a_newer_format_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("bpnet.runs.checkpoints.FORMAT", "9")
    write_state(tmp_path / "a", {})
    monkeypatch.undo()
    with pytest.raises(RunError, match="in the format 9"):
        read_state(tmp_path / "a")


def test_another_version_is_refused_and_not_passed_over(tmp_path, monkeypatch):
    store = Checkpoints(tmp_path / "checkpoints")
    store.write({"k": 1})
    monkeypatch.setattr("bpnet.runs.checkpoints.__version__", "9.9.9")
    store.write({"k": 2})
    monkeypatch.undo()
    with pytest.raises(
        RunError, match=r"by bpnet 9\.9\.9 .* only 9\.9 goes on.*pip install bpnet-cli==9\.9\.9$"
    ):
        store.latest()


def test_a_version_of_the_same_series_goes_on(tmp_path, monkeypatch):
    series = __version__.rsplit(".", 1)[0]
    monkeypatch.setattr("bpnet.runs.checkpoints.__version__", f"{series}.99")
    write_state(tmp_path / "a", {"k": 1})
    monkeypatch.undo()
    assert read_state(tmp_path / "a") == {"k": 1}


@pytest.mark.parametrize("state", [{}, {"description": "{}"}, {"description": 3}, {"model": None}])
def test_a_model_that_a_checkpoint_lacks_is_an_error(state, tmp_path):
    with pytest.raises(RunError, match="its model cannot be read"):
        model_of(state, tmp_path / "a")
