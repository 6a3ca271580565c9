"""bpnet quiz: every answer can be computed from what is shown, and is counted as it should be."""

from pathlib import Path

import pytest
from command_line import ROOT, bpnet
from hypothesis import given
from hypothesis import strategies as st
from printed_equations import computed

from bpnet.config.loading import read_config
from bpnet.reports.notation import Notation
from bpnet.workflows.quiz import Judgment, Score, chosen_numbers, judge
from bpnet.workflows.trace import trace_rows

SMALL = ROOT / "configs/tutorials/sigmoid-2-2-1.yaml"


def asked(config: Path, count: int, *settings: str, steps: int = 1):
    return chosen_numbers(trace_rows(read_config(config, settings), None, steps).explanation, count)


def play(*answers: str, config: Path = SMALL, options: tuple[str, ...] = ()):
    return bpnet("quiz", config, *options, stdin="".join(f"{a}\n" for a in answers).encode())


@given(st.floats(-1e6, 1e6).filter(lambda value: abs(value) > 1e-3), st.integers(3, 9))
def test_three_digits_are_enough(value: float, digits: int) -> None:
    assert judge(float(f"{value:.{digits}g}"), value) is Judgment.RIGHT
    assert judge(1.05 * value, value) is Judgment.WRONG
    assert judge(-value, value) is Judgment.OTHER_SIGN


def test_zero_is_zero() -> None:
    assert judge(0, 0) is Judgment.RIGHT
    assert judge(0.01, 0) is Judgment.WRONG
    assert judge(float("nan"), 1) is Judgment.WRONG


@pytest.mark.parametrize("count", [1, 5, 12, 1000])
@pytest.mark.parametrize(
    "settings", [(), ("training.optimizer=adam",), ("architecture.output.activation=softmax",)]
)
def test_each_number_follows_from_its_equation(count: int, settings: tuple[str, ...]) -> None:
    numbers = asked(ROOT / "configs/iris.yaml", count, *settings, steps=2)
    assert 0 < len(numbers) <= count
    for number in numbers:
        value = computed(Notation().numbers(number.equation))
        assert judge(value, number.value) is Judgment.RIGHT


def test_few_questions_are_of_different_kinds() -> None:
    numbers = asked(SMALL, 6)
    assert len({number.name for number in numbers}) == len(numbers) == 6
    assert {"forward", "loss", "backward", "update"} <= {number.place.phase for number in numbers}


def test_all_right_gives_every_point() -> None:
    said = play(*(f"{number.value:.4g}" for number in asked(SMALL, 12)))
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("12 of 12 points: 12 right at once\n")
    assert "= ?\n  > " in said.out


def test_hints_errors_and_the_end() -> None:
    first, second, third, *_ = asked(SMALL, 12)
    said = play(
        *("?", str(first.value)),
        *(str(-second.value), "words", str(second.value)),
        *("=", "9", "9", "9"),
        "q",
    )
    assert "weighted sum: z⁽¹⁾[1] = w⁽¹⁾[1,1]·x[1] + w⁽¹⁾[1,2]·x[2]" in said.out
    assert "the other sign; try again" in said.out
    assert "words is not a number" in said.out
    # told after three tries
    (told,) = [
        line for line in said.out.splitlines() if line.startswith("  > ") and "wrong" in line
    ]
    assert told.endswith(f"= {third.value:.4g}")
    assert max(map(len, said.out.splitlines())) <= 80
    assert said.out.endswith("1 of 3 points: 0 right at once, 9 not asked\n")


def test_the_end_of_the_input_ends_the_quiz() -> None:
    said = play()
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("No question was answered.\n")


def test_a_skipped_question_is_told() -> None:
    said = play("", "s", "q")
    assert "  > " + "    ? shows the formula, = its numbers, s skips, q ends\n" in said.out
    assert "answer: unit 1: z = 0.2·0.35 + 0.2·0.7 = 0.21" in said.out
    assert "0 of 1 point: 0 right at once" in said.out


def test_a_run_is_asked_from_its_kept_weights(tmp_path: Path) -> None:
    trained = bpnet("train", ROOT / "configs/xor.yaml", "--runs", tmp_path, "--quiet",
                    "--set", "training.epochs=3")  # fmt: skip
    assert trained.code == 0, trained.err
    said = play("q", config=tmp_path / "xor-001", options=("--questions", "1"))
    assert said.code == 0, said.err
    assert said.out.startswith("note: the weights are those that the run keeps, of epoch ")
    assert "1 number is asked. Type each" in said.out
    refused = play("q", config=tmp_path / "xor-001", options=("--set", "seed=1"))
    assert refused.code == 2
    assert "which is traced unchanged" in refused.err


def test_a_score() -> None:
    score = Score()
    score.count(tries=1, hinted=False, right=True)
    score.count(tries=1, hinted=True, right=True)
    score.count(tries=2, hinted=False, right=True)
    score.count(tries=3, hinted=False, right=False)
    assert (score.asked, score.points, score.right_at_once) == (4, 2.0, 1)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--row", "999"), 2, "there is no row 999"),
        (("--questions", "0"), 2, "greater than or equal to 1"),
        (("--set", "training.loss=nope"), 3, "training.loss"),
    ],
)
def test_bad_input(options: tuple[str, ...], code: int, message: str) -> None:
    said = play("1", options=options)
    assert said.code == code
    assert message in said.err
