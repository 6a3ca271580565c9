"""The section dataset.split: what it takes, what it refuses, and what it says will be drawn."""

import pytest

from bpnet.config.loading import as_data, load_config
from bpnet.config.source import parse_source, yaml_text
from bpnet.config.split_schema import Split
from bpnet.engine.component import FieldError
from bpnet.errors import ConfigError

AMOUNT = "it must be a share, at least 0 and less than 1, or a whole number of rows"


def source_of(split: str):
    return parse_source(f"dataset:\n  path: t.csv\n  target: y\n  split: {split}\n", "t.yaml")


def loaded(split: str) -> Split:
    return load_config(source_of(split)).config.dataset.split


@pytest.mark.parametrize(
    ("split", "amounts"),
    [
        ("{}", (0.15, 0.15)),
        ("{validation: 0.2, test: 0}", (0.2, 0)),
        ("{validation: 200, test: 0.99}", (200, 0.99)),
        ("{validation: 1, test: 1}", (1, 1)),
        ("{validation_rows: [1], test: 30}", (0, 30)),
        ("{group: patient, test: 30}", (0.15, 30)),
        ("{time: day}", (0.15, 0.15)),
        ("{column: part}", (0, 0)),
    ],
)
def test_what_is_drawn_is_a_share_or_a_count_and_comes_back_the_same(split, amounts):
    config = load_config(source_of(split)).config
    parts = config.dataset.split
    found = (parts.amount("validation"), parts.amount("test"))
    assert found == amounts
    assert [isinstance(amount, int) for amount in found if amount] == [
        amount >= 1 for amount in amounts if amount
    ]
    assert (parts.share("validation"), parts.share("test")) == tuple(
        amount if amount < 1 else 0 for amount in amounts
    )
    assert load_config(parse_source(yaml_text(as_data(config)), "again.yaml")).config == config


@pytest.mark.parametrize(
    ("split", "validates"),
    [
        ("{}", True),
        ("{validation: 5}", True),
        ("{validation: 0}", False),
        ("{validation: 0, validation_rows: [3]}", True),
        ("{validation: 0, time: day}", False),
        ("{validation: 0, column: part}", True),
    ],
)
def test_whether_there_will_be_validation_rows(split, validates):
    assert loaded(split).validates is validates


@pytest.mark.parametrize(
    ("split", "classification", "regression"),
    [
        ("{}", True, False),
        ("{stratify: false}", False, False),
        ("{stratify: true}", True, True),
        ("{shuffle: false}", False, False),
        ("{group: patient}", True, False),
        ("{group: patient, stratify: false}", False, False),
        ("{time: day}", False, False),
        ("{time: day, shuffle: false}", False, False),
        ("{column: part}", False, False),
    ],
)
def test_what_is_drawn_at_random_is_stratified_by_default_in_a_classification(
    split, classification, regression
):
    assert loaded(split).stratifies("classification") is classification
    assert loaded(split).stratifies("regression") is regression


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("{test: 1.0}", f"test is 1.0; {AMOUNT}"),
        ("{test: .inf}", f"test is inf; {AMOUNT}"),
        ("{validation: 1.5}", f"validation is 1.5; {AMOUNT}"),
        ("{validation: -1}", f"validation is -1; {AMOUNT}"),
        ("{validation: -0.1}", f"validation is -0.1; {AMOUNT}"),
        ("{validation: .nan}", f"validation is nan; {AMOUNT}"),
        (f"{{validation: {10**23}}}", f"validation is 1e+23; {AMOUNT}"),
        (f"{{validation: {10**200}}}", f"validation is 1e+200; {AMOUNT}"),
        ("{validation: some}", "validation is 'some'; it must be a number"),
        (
            "{validation: '0.2'}",
            "validation is '0.2'; it must be a number; it is text: remove the quotes",
        ),
        ("{validation: true}", "validation is true; it must be a number"),
        (
            "{validation: 0.5, test: 0.5}",
            "validation is 0.5 and test is 0.5, which leaves no rows to train on",
        ),
        ("{group: ''}", "group is ''; it must be text that is not empty"),
        ("{time: [3]}", "time is a list; it must be text"),
        ("{group: a, time: b}", "time and group are both set; keep one of the two"),
        ("{group: a, column: b}", "column and group are both set; keep one of the two"),
        ("{time: a, column: b}", "column and time are both set; keep one of the two"),
        (
            "{group: a, validation_rows: [1]}",
            "validation_rows and group are both set; keep one of the two",
        ),
        ("{time: a, test_rows: [1]}", "test_rows and time are both set; keep one of the two"),
        ("{column: a, test_rows: [1]}", "test_rows and column are both set; keep one of the two"),
        (
            "{time: a, stratify: true}",
            "stratify is true, but time is set, which takes the rows in order of time",
        ),
        (
            "{column: a, stratify: true}",
            "stratify is true, but column is set, which assigns each row to a part",
        ),
        (
            "{group: a, shuffle: false}",
            "shuffle is false, but group is set, which draws whole groups at random",
        ),
        (
            "{column: a, shuffle: false}",
            "shuffle is false, but column is set, which assigns each row to a part",
        ),
        ("{shuffle: false, stratify: true}", "stratify is true, but shuffle is false"),
    ],
)
def test_what_makes_no_sense_is_refused(split, message):
    with pytest.raises(ConfigError) as caught:
        loaded(split)
    (problem,) = caught.value.problems
    assert f"t.yaml, line 4: dataset.split.{message}" in problem


def test_a_split_made_in_python_is_checked_too():
    with pytest.raises(FieldError, match="it must be a share") as caught:
        Split(test=2.5)
    assert caught.value.field == "test"
