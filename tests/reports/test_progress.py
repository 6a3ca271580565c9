"""The lines that follow a training on a terminal: what they say, and that they fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.reports.progress import WIDEST, Progress, curve, metrics_text

VALIDATED = {"loss": 0.4, "accuracy": 0.8, "val_loss": 0.5, "val_accuracy": 0.75}


def half_done(first: int = 1, kept: tuple[int, ...] = (40,), **options) -> Progress:
    """Return the progress of 200 epochs of 1,000 rows after the hundredth, half a second each."""
    progress = Progress(200, 1000, 100.0, **options)
    for epoch in range(first, 101):
        row = {**VALIDATED, "epoch": epoch, "loss": 1 / epoch, "learning_rate": 0.01}
        progress.note(row, np.array(kept), 100 + (epoch - first + 1) / 2)
    return progress


def test_lines_of_80_columns() -> None:
    assert half_done().lines(80) == [
        f"epoch 100/200  {'━' * 19}{'╌' * 20}  50 s left  2,000 rows/s",
        "loss     0.01      █▇▆▅▅▄▄▃▃▃▃▂▂▂▂▁▁▁  val_loss     0.5       ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁",
        "accuracy 0.8       ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁  val_accuracy 0.75      ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁",
        "learning rate 0.01  best epoch 40",
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "50 s left"),
        ({"may_stop": True}, "up to 50 s left"),
        ({"seconds": 80.0}, "30 s left"),  # of a budget of 80 s, 50 are spent
        ({"first": 51}, "50 s left"),  # a resumed training has its own pace
        ({"kept": (30, 40)}, "best epochs 30 to 40"),
        ({"kept": (0,)}, "learning rate 0.01"),
    ],
)
def test_what_is_left_and_what_is_best(options: dict, words: str) -> None:
    lines = half_done(**options).lines(80)
    assert words in lines[0] or words == lines[-1].removeprefix("learning rate 0.01  ")
    assert ("up to" in lines[0]) == ("may_stop" in options)


def test_before_the_first_epoch_and_without_validation() -> None:
    progress = Progress(200, 1000, 100.0)
    assert progress.lines(30) == ["epoch   0/200  ╌╌╌╌╌╌╌╌╌╌╌╌╌╌"[:29]]
    progress.note({"epoch": 1, "loss": float("nan"), "rmse": 3.0}, np.array([1]), 101.0)
    assert progress.lines(80)[1:] == [
        f"rmse 3         {curve([3.0], 9)}",
        "best epoch 1",
    ]


def test_without_curves_the_lines_are_ascii() -> None:
    assert all(line.isascii() for line in half_done(curves=False).lines(80))


@given(st.integers(2, 400), st.integers(1, 10**7), st.integers(1, 10**12), st.floats(1e-9, 1e9))
def test_no_line_is_longer_than_the_terminal(columns: int, epochs: int, rows: int, took: float):
    progress = Progress(epochs, rows, 0.0, may_stop=True)
    for epoch in (1, epochs):
        progress.note({**VALIDATED, "epoch": epoch, "learning_rate": 1e-9}, np.array([1]), took)
    assert all(len(line) < columns and len(line) <= WIDEST for line in progress.lines(columns))


@given(
    st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=60), st.integers(1, 40), st.booleans()
)
def test_a_curve_has_a_character_for_each_part(values: list, columns: int, logarithmic: bool):
    drawn = curve(values, columns, logarithmic=logarithmic)
    assert len(drawn) == min(columns, len(values))
    assert set(drawn) <= set("▁▂▃▄▅▆▇█")


def test_the_shape_of_a_curve() -> None:
    assert curve([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert curve([1, 1, 1], 8) == "▁▁▁"
    assert curve([1, 10, 100], 8, logarithmic=True) == "▁▅█"
    assert curve([1e9, *range(9)], 9) == "▁▂▃▄▅▅▆▇█"  # its first tenth is left out


def test_thousands_of_epochs_keep_the_curve_and_little_memory() -> None:
    progress = Progress(5000, 1, 0.0)
    for epoch in range(1, 5001):
        progress.note({"epoch": epoch, "loss": float(epoch)}, np.array([1]), float(epoch))
    drawn = progress.lines(30)[1].split()[-1]
    assert drawn[0] == "▁"
    assert drawn[-1] == "█"
    assert list(drawn) == sorted(drawn)


def test_the_metrics_of_a_line_in_a_file() -> None:
    assert metrics_text(VALIDATED) == "loss 0.4  accuracy 0.8  val_loss 0.5  val_accuracy 0.75"
