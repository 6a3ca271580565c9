"""Out of core: stored rows train and are measured like rows in memory, a window at a time."""

import numpy as np
import pytest
from engine_cases import LOSSES, SOME_METRICS, named, network_of, some_rows, targets_for
from hypothesis import given
from hypothesis import strategies as st

from bpnet.doctor.examiner import Examiner
from bpnet.engine.activations import Tanh
from bpnet.engine.gradient_check import check_gradient
from bpnet.engine.layers import BatchNormalization, Dense, Dropout
from bpnet.engine.loop.batches import Batches, Rows, WholeBatch
from bpnet.engine.loop.evaluation import Evaluator
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.out_of_core import StoredRows
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from bpnet.engine.metrics import Accuracy


class Spy:
    """An array in a file that notes which of its rows are read, and never is read whole."""

    def __init__(self, array):
        self.array, self.shape, self.ndim, self.dtype, self.read = (
            array,
            array.shape,
            array.ndim,
            array.dtype,
            [],
        )

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        part = self.array[rows]
        self.read.append(len(part))
        return part

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("all rows were read at once")


def stored(rows=10, *, weighted=True, **how):
    """Rows whose every value says which row it is from."""
    n = np.arange(rows, dtype=np.float32)
    x, y = np.stack([n, n + 0.5], axis=1), -n[:, None]
    return StoredRows(x, y, n + 1 if weighted else None, **how)


def seen(batches, number):
    """The rows (R, N) of an epoch, in the order they came in."""
    return np.concatenate(
        [batches.shapes[shape].x[:, 0].astype(int) for shape in batches.epoch(number)], axis=1
    )


@given(
    st.integers(1, 60), st.integers(1, 70), st.integers(1, 70), st.integers(1, 70), st.booleans()
)
def test_each_row_once_an_epoch_whatever_divides(rows, size, window, block, shuffle):
    batches = stored(rows, window=window, block=block).batches(size, [3, 4], shuffle=shuffle)
    size = min(size, rows)
    for number in (1, 2):
        sizes, order = [], []
        for shape in batches.epoch(number):
            batch = batches.shapes[shape]
            sizes.append(batch.size)
            order.append(batch.x[:, 0].astype(int))
            assert np.array_equal(batch.x[:, 1], batch.x[:, 0] + 0.5)
            assert np.array_equal(batch.y, -batch.x[:, :1])
            assert np.array_equal(batch.weights, batch.x[:, :1] + 1)
        assert sizes == [size] * (rows // size) + [rows % size] * (rows % size > 0)
        assert len(sizes) == batches.per_epoch
        for replica in np.concatenate(order, axis=1):
            assert sorted(replica) == list(range(rows))
            if not shuffle:
                assert replica.tolist() == list(range(rows))


@given(st.integers(2, 60), st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))
def test_no_more_than_a_window_is_in_memory(rows, size, window, block):
    x, y = Spy(np.zeros((rows, 2), np.uint8)), Spy(np.zeros((rows, 1), np.float16))
    held, most = [0], max(window, size)

    def release():
        assert sum(x.read) == sum(y.read)
        held.append(sum(x.read))

    some = StoredRows(x, y, window=window, block=block, release=release)
    list(some.batches(size, [1], shuffle=True).epoch(1))
    steps = np.diff(held)
    assert held[-1] == rows
    assert (steps <= most).all()
    assert (steps[:-1] % min(size, rows) == 0).all()
    assert len(steps) == -(-rows // min(max(window // min(size, rows), 1) * min(size, rows), rows))
    assert max(x.read) <= block


def test_blocks_come_in_one_order_for_all_and_rows_in_each_replicas_own():
    def order(seeds, number=1):
        return seen(stored(64, window=16, block=4).batches(8, seeds, shuffle=True), number)

    both, alone = order([3, 4]), order([4])
    assert np.array_equal(both[1], alone[0])
    windows = [np.sort(replica.reshape(4, 16)) for replica in both]
    assert np.array_equal(windows[0], windows[1])
    assert not np.array_equal(both[0], both[1])
    # a window is whole blocks of four, not four in a row of the file
    assert all(
        (window.reshape(4, 4) == window[::4, None] + np.arange(4)).all() for window in windows[0]
    )
    assert any((np.diff(window) != 1).any() for window in windows[0])
    other = order([3, 4], 2)
    assert not np.array_equal(np.sort(other[0].reshape(4, 16)), windows[0])
    assert np.array_equal(order([3, 4]), both)


def test_every_place_is_as_likely_for_every_row():
    batches = stored(8, window=4, block=2).batches(2, [3], shuffle=True)
    places = np.zeros((8, 8))
    for number in range(3000):
        places[seen(batches, number)[0], np.arange(8)] += 1
    np.testing.assert_allclose(places / 3000, 1 / 8, atol=0.03)


def test_a_sorted_table_is_mixed_in_every_window():
    rows, classes = 200_000, 2
    y = (np.arange(rows) * classes // rows).astype(np.uint8)[:, None]
    batches = StoredRows(np.zeros((rows, 1), np.uint8), y).batches(8192, [1], shuffle=True)
    shares = [batches.shapes[shape].y.mean() for shape in batches.epoch(1) if shape == 0]
    assert len(shares) == 24
    assert max(abs(share - 0.5) for share in shares) < 0.2


def pair(tmp_path, loss, rows=37, *, weighted=False, **how):
    """The same rows in memory, as float32, and in a file, in float16."""
    some = some_rows(loss, rows=rows, weighted=weighted)
    x, y = some.x.astype(np.float16), some.y.astype(np.float16)
    weights = some.weights.astype(np.float32) if weighted else None
    for name, array in (("x", x), ("y", y)):
        array.tofile(tmp_path / name)
    mapped = [
        np.memmap(tmp_path / name, np.float16, "r", shape=array.shape)
        for name, array in (("x", x), ("y", y))
    ]
    return Rows(x.astype(np.float32), y.astype(np.float32), weights), StoredRows(
        *mapped, weights, **how
    )


LAYERS = [Dense(units=4), BatchNormalization(activation=Tanh()), Dropout(rate=0.3), Dense(units=3)]


def trained(rows, validation, loss, seeds=(1, 2), **how):
    network = network_of(LAYERS, seeds=seeds, precision="float32")
    training = Training(
        **{"loss": loss, "batch_size": 8, "epochs": 3, "learning_rate": 0.01, **how}
    )
    records = list(fit(training, network, rows, validation, SOME_METRICS))
    return network.theta, records


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("loss", named(LOSSES))
def test_rows_that_are_a_single_window_train_bit_by_bit_as_those_in_memory(
    loss, shuffle, weighted, tmp_path
):
    plain, mapped = pair(tmp_path, loss, weighted=weighted)
    (theta, records), (same, others) = (
        trained(rows, None, loss, shuffle=shuffle) for rows in (plain, mapped)
    )
    assert np.array_equal(theta, same)
    for one, other in zip(records, others, strict=True):
        for name, values in one.metrics.items():
            assert np.array_equal(values, other.metrics[name]), name


@pytest.mark.parametrize("loss", named(LOSSES))
def test_file_order_is_that_of_memory_in_windows_too(loss, tmp_path):
    plain, mapped = pair(tmp_path, loss, window=16, block=5)
    (theta, _), (same, _) = (trained(rows, None, loss, shuffle=False) for rows in (plain, mapped))
    assert np.array_equal(theta, same)


@pytest.mark.parametrize("loss", named(LOSSES))
def test_metrics_are_those_of_rows_in_memory(loss, tmp_path):
    network = network_of(LAYERS, seeds=(1, 2), precision="float32")
    measured = [
        Evaluator(network, loss, SOME_METRICS, rows).evaluate()
        for rows in pair(tmp_path, loss, weighted=True, window=7, block=3)
    ]
    for name, values in measured[0].items():
        np.testing.assert_allclose(measured[1][name], values, rtol=1e-6)


def test_a_replica_is_its_solo_run(tmp_path):
    loss = SquaredError()
    _, rows = pair(tmp_path, loss, window=16, block=5, weighted=True)
    together, _ = trained(rows, rows, loss, seeds=(4, 5, 6), epochs=6)
    for replica, seed in enumerate((4, 5, 6)):
        alone, _ = trained(rows, rows, loss, seeds=(seed,), epochs=6)
        np.testing.assert_allclose(together[replica], alone[0], rtol=1e-5, atol=1e-6)


def test_training_and_looking_never_read_all_inputs(tmp_path):
    x = np.random.default_rng(0).normal(size=(1000, 3))
    y = targets_for(CrossEntropy(), np.random.default_rng(1), 1000, 3)
    loss = CrossEntropy(label_smoothing=0.1)
    spies = Spy(x.astype(np.float16)), Spy(y.astype(np.uint8))
    rows = StoredRows(*spies, window=64, block=16)
    network = network_of(LAYERS, precision="float32")
    training = Training(loss=loss, epochs=2)
    list(fit(training, network, rows, rows, [Accuracy()]))
    Examiner(training, network, rows).examine()
    assert max(spies[0].read) <= 128  # the look's
    assert max(spies[1].read) <= 128


@pytest.mark.parametrize(
    "loss", named([SquaredError(), CrossEntropy(), BinaryCrossEntropy(label_smoothing=0.2)])
)
def test_a_look_is_that_of_rows_in_memory(loss, tmp_path):
    network = network_of(LAYERS, precision="float32")
    looks = [
        Examiner(Training(loss=loss), network, rows).examine()
        for rows in pair(tmp_path, loss, rows=300, weighted=True, window=7)
    ]
    assert looks[0] == looks[1]


def test_picked_rows_are_in_memory_in_the_type_of_the_network(tmp_path):
    plain, mapped = pair(tmp_path, SquaredError(), weighted=True)
    for which in (slice(None, None, 3), np.array([5, 1, 1]), np.arange(37) % 2 == 0):
        some, expected = mapped.picked(which), plain.picked(which)
        assert some.in_memory
        assert type(some) is Rows
        assert some.x.flags.owndata
        for name in ("x", "y", "weights"):
            assert getattr(some, name).dtype == np.float32
            assert np.array_equal(getattr(some, name), getattr(plain, name)[which])
            assert np.array_equal(getattr(some, name), getattr(expected, name))


def test_weights_are_normalized_in_memory_and_rows_stay_stored():
    rows = stored(10, window=4).normalized()
    assert isinstance(rows, StoredRows)
    assert rows.window == 4
    np.testing.assert_allclose(rows.weights, (np.arange(10) + 1) / 5.5, rtol=1e-6)


def test_a_window_is_released_once_it_is_copied():
    calls = []
    rows = stored(20, window=8, block=3, release=lambda: calls.append(None))
    counts = [len(calls) for _ in rows.batches(4, [1], shuffle=True).epoch(1)]
    assert counts == [1, 1, 2, 2, 3]


def test_buffers_have_the_networks_type_whatever_the_files():
    for dtype in (np.float32, np.float64):
        rows = StoredRows(np.zeros((9, 2), np.uint8), np.zeros((9, 1), np.float16), dtype=dtype)
        for batch in rows.batches(4, [1], shuffle=True).shapes:
            assert batch.x.dtype == batch.y.dtype == dtype


def test_all_stored_rows_are_no_single_batch():
    rows = stored(10, weighted=False)
    with pytest.raises(ValueError, match="all 10 rows cannot be one batch"):
        WholeBatch(rows, 1)
    with pytest.raises(ValueError, match="all 10 rows cannot be one batch"):
        Batches(rows, 10, [1], shuffle=False)
    network = network_of([Dense(units=1)], inputs=2, precision="float32")
    with pytest.raises(ValueError, match="all 10 rows"):
        check_gradient(network, SquaredError(), rows)
    with pytest.raises(ValueError, match="batch_size is full"):
        next(
            fit(Training(loss=SquaredError(), batch_size="full"), network, rows, None, SOME_METRICS)
        )


@pytest.mark.parametrize("name", ["window", "block"])
def test_impossible_sizes_are_refused(name):
    with pytest.raises(ValueError, match=f"StoredRows.{name} is 0"):
        stored(10, **{name: 0})


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"x is \(5, 2\) and y \(4, 1\)"):
        StoredRows(np.zeros((5, 2)), np.zeros((4, 1)))
