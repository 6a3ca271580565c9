"""Ensembles that a combination blends: predictions by hand, saved and read, edited, and refused."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.special import expit, softmax
from untrained_models import LABELS, QUANTITIES, THREE, TWO, untrained

from bpnet.data.encoding import Encoder
from bpnet.data.reading import open_table
from bpnet.errors import RunError, UsageError
from bpnet.models.combination import Combination, Shrinkage
from bpnet.models.curve import Curve
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import load_model
from bpnet.models.saved_ensemble import load_ensemble, save_ensemble

X = np.linspace(-2, 2, 9)[:, None]
WEIGHTS = [0.7, 0.3]


def members(target, outputs=0):
    """Two members of two and three networks, the first with a temperature."""
    first = untrained(target, [1, 2], outputs=outputs)
    if target is not QUANTITIES:
        first = first.described(temperature=2.5)
    return [first, untrained(target, [3, 4, 5], outputs=outputs)]


def scores(member):
    """The scores (R, N, O) of a member's networks, before any temperature."""
    description = member.description
    network = dataclasses.replace(description, temperature=1.0).network()
    network.theta[:] = member.network.theta
    return np.concatenate([z.transpose(0, 2, 1).copy() for _, z in network.scores(X)], axis=1)


def predict(ensemble):
    return ensemble.combine(ensemble.predict_each([X] * len(ensemble.members)))


def test_classes_by_hand():
    first, second = members(THREE)
    p = [softmax(scores(first) / 2.5, axis=2).mean(axis=0), softmax(scores(second), axis=2).mean(0)]
    product = p[0] ** (0.7 / 1.5) * p[1] ** (0.3 / 1.5)
    found = predict(Ensemble([first, second], Combination(weights=WEIGHTS, temperature=1.5)))
    np.testing.assert_allclose(found, product / product.sum(axis=1, keepdims=True))


def test_classes_of_one_output_by_hand():
    first, second = members(TWO, outputs=1)
    p = [expit(scores(first) / 2.5).mean(axis=0), expit(scores(second)).mean(axis=0)]
    yes, no = p[0] ** 0.7 * p[1] ** 0.3, (1 - p[0]) ** 0.7 * (1 - p[1]) ** 0.3
    found = predict(Ensemble([first, second], Combination(weights=WEIGHTS)))
    np.testing.assert_allclose(found, np.hstack([no, yes]) / (yes + no))


@pytest.mark.parametrize("rows", [9, 2000])
def test_members_of_one_output_and_of_two_predict_together(rows):
    one, two = untrained(TWO, [1], outputs=1), untrained(TWO, [2, 3])
    x = np.linspace(-2, 2, rows)[:, None]
    p = [one.predict_each(x)[0, :, 0], two.predict_each(x).mean(axis=0)[:, 1]]
    yes, no = p[0] ** 0.7 * p[1] ** 0.3, (1 - p[0]) ** 0.7 * (1 - p[1]) ** 0.3
    ensemble = Ensemble([one, two], Combination(weights=WEIGHTS))
    each = ensemble.predict_each([x, x])
    found = ensemble.combine(each)
    np.testing.assert_allclose(found, np.column_stack([no, yes]) / (yes + no)[:, None])
    votes = np.vstack([p[0] > 0.5, two.predict_each(x).argmax(axis=2)])
    # the second member's two networks have .15 each
    otherwise = np.array([0.7, 0.15, 0.15]) @ (votes != found.argmax(axis=1))
    np.testing.assert_allclose(ensemble.disagreement(each, found)[:, 0], otherwise)


def test_labels_by_hand():
    first, second = members(LABELS)
    p = [expit(scores(first) / 2.5).mean(axis=0), expit(scores(second)).mean(axis=0)]
    yes, no = p[0] ** 0.7 * p[1] ** 0.3, (1 - p[0]) ** 0.7 * (1 - p[1]) ** 0.3
    found = predict(Ensemble([first, second], Combination(weights=WEIGHTS)))
    np.testing.assert_allclose(found, yes / (yes + no))
    curve = Curve(x=[0.2, 0.8], y=[0.1, 0.9])
    curved = Combination(weights=WEIGHTS, isotonic=[curve, curve])
    np.testing.assert_allclose(predict(Ensemble([first, second], curved)), curve(found))


def test_isotonic_curves_of_classes_are_divided_by_their_sum():
    ensemble = Ensemble(members(THREE), Combination(weights=WEIGHTS))
    p = predict(ensemble)
    halves = [Curve(x=[0.0, 1.0], y=[0.0, high]) for high in (1.0, 0.5, 0.25)]
    curved = Ensemble(ensemble.members, Combination(weights=WEIGHTS, isotonic=halves))
    expected = p * [1.0, 0.5, 0.25]
    np.testing.assert_allclose(predict(curved), expected / expected.sum(axis=1, keepdims=True))
    nothing = [Curve(x=[0.5], y=[0.0])] * 3  # of which no sum can be made
    curved = Ensemble(ensemble.members, Combination(weights=WEIGHTS, isotonic=nothing))
    np.testing.assert_allclose(predict(curved), p)


def test_quantities_by_hand():
    first, second = members(QUANTITIES)
    shrinkage = [
        Shrinkage(center=100.0, slope=0.5, lowest=98.0, highest=103.0),
        Shrinkage(center=-1.95, slope=1.0, lowest=-2.1, highest=-1.9),
    ]
    low, high = np.array([98.0, -2.1]), np.array([103.0, -1.9])
    y = [
        np.clip(np.array([100.0, -2.0]) + scores(m) * [5.0, 0.1], low, high).mean(axis=0)
        for m in (first, second)
    ]
    blend = 0.7 * y[0] + 0.3 * y[1]
    blend[:, 0] = 100 + (blend[:, 0] - 100) / 2
    found = predict(Ensemble([first, second], Combination(weights=WEIGHTS, shrinkage=shrinkage)))
    np.testing.assert_allclose(found, blend, rtol=1e-12)


@pytest.mark.parametrize("target", [TWO, THREE, LABELS, QUANTITIES])
def test_a_single_member_of_weight_one_predicts_its_mean(target):
    model = untrained(target, [1, 2, 3])
    plain, combined = Ensemble([model]), Ensemble([model], Combination(weights=[1.0]))
    np.testing.assert_allclose(predict(combined), predict(plain), atol=1e-12)


@pytest.mark.parametrize("target", [TWO, THREE, LABELS, QUANTITIES])
@pytest.mark.parametrize("count", [1, 2])
def test_what_is_saved_predicts_the_same(target, count, tmp_path):
    weights = [1.0] if count == 1 else WEIGHTS
    combination = Combination(weights=weights, temperature=0.8)
    ensemble = Ensemble(members(target)[:count], combination)
    save_ensemble(ensemble, tmp_path / "model")
    again = load_ensemble(tmp_path / "model")
    assert again.combination == combination
    np.testing.assert_array_equal(predict(again), predict(ensemble))
    # one network alone has its temperature, and no combination
    alone = again.select("1")
    assert alone.combination is None
    assert alone.description.combination is None
    temperature = ensemble.members[0].description.temperature
    assert alone.description.temperature == temperature


def test_members_predict_on_threads_what_they_predict_by_themselves():
    ensemble = Ensemble([*members(THREE), untrained(THREE, [6])])
    x = np.linspace(-2, 2, 3000)[:, None]
    each = [member.predict_each(x) for member in ensemble.members]
    np.testing.assert_array_equal(ensemble.predict_each([x] * 3), np.concatenate(each))


def test_members_with_the_same_encoder_share_the_encoded_rows(tmp_path):
    first, second = members(THREE)
    column = dataclasses.replace(first.description.encoder.columns[0], fill=2.0)
    other = second.described(encoder=Encoder(columns=[column]))
    (tmp_path / "t.csv").write_text("x,z\n1,a\n,b\n")
    table = open_table(str(tmp_path / "t.csv"), first.description.reading)
    ensemble = Ensemble([first, other, second])
    (chunk,) = table.chunks(ensemble.wanted)
    x, flags = ensemble.encode(chunk)
    assert x[0] is x[2]
    assert [one[:, 0].tolist() for one in x] == [[1.0, 0.0], [1.0, 2.0], [1.0, 0.0]]
    assert flags.texts(2) == ["", "imputed x"]


def test_none_of_the_networks_of_folds_is_the_best():
    folds = Ensemble([untrained(THREE, [1, 2])], Combination(weights=[1.0]))
    with pytest.raises(UsageError, match=r"must be all, or a number from 1 to 2 \(the networks"):
        folds.select("best")
    assert folds.select("2").description.seeds == [2]
    ranked = Ensemble([folds.members[0].with_losses([2.0, 1.0])], folds.combination)
    assert ranked.select("best").description.seeds == [2]


def test_members_without_weight_are_left_out():
    first, second = members(THREE)
    ensemble = Ensemble([first, second, first], Combination(weights=[0.25, 0.75, 0.0]))
    pruned = ensemble.pruned()
    assert list(pruned.members) == [first, second]
    np.testing.assert_array_equal(predict(pruned), predict(ensemble))
    assert pruned.networks == 5
    assert Ensemble([first, second]).pruned().networks == 5


def test_the_disagreement_is_with_the_blend():
    first, second = members(THREE)
    ensemble = Ensemble([first, second], Combination(weights=[0.0, 1.0]))
    each = ensemble.predict_each([X, X])
    predictions = ensemble.combine(each)
    otherwise = each.argmax(axis=2) != predictions.argmax(axis=1)
    of_second = otherwise[len(first.description.seeds) :].mean(axis=0)
    np.testing.assert_allclose(ensemble.disagreement(each, predictions)[:, 0], of_second)


def test_the_disagreement_of_quantities_counts_networks_by_weight():
    first, second = untrained(QUANTITIES, [1]), untrained(QUANTITIES, [2, 3])
    ensemble = Ensemble([first, second], Combination(weights=[0.5, 0.5]))
    each = np.array([[[1.0, 0.0]], [[2.0, 0.0]], [[6.0, 8.0]]])  # (R, N, K)
    # mean 2.5 = 1/2 + 2/4 + 6/4; 2.25/2 + .25/4 + 12.25/4 = 4.25; Σ v² = 3/8
    # mean 2; 4/2 + 4/4 + 36/4 = 12
    found = ensemble.disagreement(each, np.zeros((1, 2)))
    np.testing.assert_allclose(found, np.sqrt([[4.25 / (5 / 8), 12 / (5 / 8)]]))
    # with equal votes the usual deviation
    equal = Ensemble([first, second]).disagreement(each, np.zeros((1, 2)))
    np.testing.assert_allclose(equal, each.std(axis=0, ddof=1))


NAN = float("nan")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [1.0]}, "has 1 numbers, but the members are 2"),
        ({"weights": [0.5, 0.3, 0.2]}, "has 3 numbers"),
        ({"weights": []}, "with a sum of 1"),
        ({"weights": [0.5, 0.6]}, "with a sum of 1"),
        ({"weights": [-0.5, 1.5]}, "from 0 to 1"),
        ({"weights": [NAN, 1.0]}, "from 0 to 1"),
        ({"weights": [None, 1.0]}, "weights"),
        ({"weights": "half"}, "weights"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": NAN}, "temperature"),
        ({"isotonic": []}, "has 0 entries; it must have one for each of 3"),
        ({"isotonic": [{"x": [0.0, 1.0], "y": [0.0]}] * 3}, "for each of the knots"),
        ({"isotonic": [{"x": [1.0, 0.0], "y": [0.0, 1.0]}] * 3}, "ascending"),
        ({"isotonic": [{"x": [0.0, 1.0], "y": [0.0, NAN]}] * 3}, "finite"),
        ({"isotonic": [{"x": [], "y": []}] * 3}, "knots"),
        (
            {"shrinkage": [{"center": 0.0, "slope": 1.0, "lowest": 0.0, "highest": 0.0}] * 3},
            "must be null, since the target is classes",
        ),
        ({"more": 1}, "more"),
    ],
)
def test_an_edited_combination_is_refused(change, message, tmp_path):
    save_ensemble(Ensemble(members(THREE), Combination(weights=WEIGHTS)), tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    content = json.loads(path.read_text())
    content["combination"] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(RunError, match="combination") as caught:
        load_ensemble(tmp_path / "model")
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"combination": {"weights": [0.5, 0.5]}}, "has 2 numbers, but the members are 1"),
        ({"combination": {"weights": [1.0], "temperature": -1.0}}, "temperature"),
        ({"combination": 3}, "combination"),
        ({"temperature": -2.0}, "temperature"),
        ({"temperature": NAN}, "temperature"),
    ],
)
def test_an_edited_model_without_members_is_refused(change, message, tmp_path):
    single = Ensemble([untrained(THREE)], Combination(weights=[1.0]))
    save_ensemble(single, tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(RunError) as caught:
        load_ensemble(tmp_path / "model")
    assert message in str(caught.value)


def test_quantities_have_no_temperature(tmp_path):
    untrained(QUANTITIES).save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "temperature": 2.0}))
    with pytest.raises(RunError, match="temperature: must be 1"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("slope", [-0.1, 1.1])
def test_a_slope_is_a_share(slope):
    with pytest.raises(ValueError, match="slope"):
        Shrinkage(center=0.0, slope=slope, lowest=-1.0, highest=1.0)
