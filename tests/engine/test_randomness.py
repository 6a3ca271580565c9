"""Random generators: their draws depend on seed, purpose, epoch and layer only."""

import numpy as np
import pytest

from bpnet.engine.layers import Dense, Dropout
from bpnet.engine.network import Network
from bpnet.engine.randomness import EpochGenerators, Purpose, generator
from bpnet.engine.schedules import FlatCosine


@pytest.mark.parametrize("epoch", [1, 2, 1000])
def test_an_epoch_begins_where_numpy_jumps(epoch):
    bits = generator(7, Purpose.LAYER, layer=3).bit_generator
    expected = np.random.Generator(bits.jumped(epoch)).random(20)
    generators = EpochGenerators(7, Purpose.LAYER, layer=3)
    generators.at(5).integers(10, size=3, dtype=np.uint8)  # leaves half a draw behind
    assert np.array_equal(generators.at(epoch).random(20), expected)


def test_the_bits_of_different_epochs_are_independent():
    generators = EpochGenerators(0, Purpose.LAYER)
    drawn = [generators.at(epoch).bit_generator.random_raw(4000) for epoch in range(1, 9)]
    for k, one in enumerate(drawn):
        for other in drawn[:k]:
            equal = np.unpackbits((one ^ other).view(np.uint8).reshape(-1, 8), axis=1)
            # of 4000 draws each of the 64 bits differs in half: 5.5 standard deviations
            assert np.abs(equal.mean(axis=0) - 0.5).max() < 5.5 * 0.5 / 4000**0.5


def test_passes_that_only_observe_leave_the_draws_of_scheduled_dropout():
    layers = [Dropout(rate=0.5, schedule=FlatCosine()), Dense(units=1)]
    network = Network(layers, 16, seeds=[1, 2])
    bound = network.bind(np.ones((1, 16, 24), np.float32), training=True)

    def drawn(*, observed: bool) -> list[np.ndarray]:
        masks = []
        network.begin_epoch(3)
        for _ in range(2):
            bound.layers[0].forward()
            masks.append(bound.layers[0].left_out)
            if observed:
                with network.untouched():
                    network.begin_epoch(8)
                    bound.layers[0].forward()
        return masks

    plain, observed = drawn(observed=False), drawn(observed=True)
    assert np.array_equal(plain, observed)
    assert not np.array_equal(plain[0], plain[1])
    assert not np.array_equal(plain[0][0], plain[0][1])


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1, 2**32, 2**70])
def test_a_generator_follows_from_the_numbers_as_numpy_takes_them(seed):
    ours = generator(seed, Purpose.ROW_ORDER, epoch=3, layer=5)
    theirs = np.random.default_rng([seed, 2, 3, 5])
    assert ours.bit_generator.state == theirs.bit_generator.state
