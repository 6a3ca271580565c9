"""On a terminal: lines fit its width, commands and paths stay whole, control codes are shown."""

from pathlib import Path

import pytest
from command_line import ROOT, bpnet
from hypothesis import given
from hypothesis import strategies as st
from terminal import on_terminal

from bpnet.messages import visible
from bpnet.reports.terminal import wrapped


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three", ["one two three"]),
        (
            "flowers.csv: is a table, not a config; write a config with: "
            "bpnet init 'my data/all the flowers.csv' --target COLUMN",
            [
                "flowers.csv: is a table, not a config;",
                "  write a config with:",
                "  bpnet init 'my data/all the flowers.csv' --target COLUMN",
            ],
        ),
        (
            "keep one of the two layers, (--set architecture.layers=null removes them)",
            ["keep one of the two layers,", "  (--set architecture.layers=null", "  removes them)"],
        ),
        (
            "the columns are 'petal length', 'petal width', 'a b'",
            ["the columns are 'petal length',", "  'petal width', 'a b'"],
        ),
        ("a  row of a table that is much wider than the terminal", None),
        ("  an indented line that is much wider than the terminal", None),
    ],
)
def test_lines_are_wrapped_at_words(text: str, lines: list[str] | None) -> None:
    assert wrapped(text, 40).split("\n") == (lines or [text])


@given(st.text(), st.integers(10, 90))
def test_wrapping_changes_nothing_but_blanks(text: str, width: int) -> None:
    assert wrapped(text, width).split() == text.split()


@given(st.text())
def test_what_is_shown_holds_no_control_code(text: str) -> None:
    shown = visible(text)
    assert not any(ord(c) < 32 and c not in "\n\t" for c in shown)
    assert not set(shown) & set("\x7f\x9b\u202e\u2066\u2028\u200f")
    assert shown == text or "\\u" in shown or "\\x" in shown


def test_a_terminal_gets_short_lines_without_control_codes(tmp_path: Path) -> None:
    words = [f"name number {k}" for k in range(9)]
    (tmp_path / "t.csv").write_text(",".join([*words, "\x1b[2Jy\x07\u202ez"]) + "\n" + "1," * 9)
    (tmp_path / "c.yaml").write_text("dataset: {path: t.csv, target: missing}\n")
    shown = on_terminal("check", "c.yaml", cwd=tmp_path)
    assert "\\x1b[2Jy\\x07\\u202ez" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)
    assert max(map(len, shown.split("\n"))) <= 80


@pytest.mark.slow
def test_a_look_ends_with_the_commands_to_type_next(tmp_path: Path) -> None:
    """On a terminal only: what goes into a file is the result."""
    words = ["--set", "training.epochs=3", "--quiet", "--runs", "runs"]
    assert bpnet("train", ROOT / "configs/iris.yaml", *words, cwd=tmp_path).code == 0
    for command, following in (
        (["eval", "runs/iris-001"], ["eval runs/iris-001 --importance", "report runs/iris-001"]),
        (
            ["trace", "runs/iris-001"],
            ["quiz runs/iris-001", "trace runs/iris-001 --html > trace.html"],
        ),
    ):
        shown = on_terminal(*command, cwd=tmp_path).partition("Next: ")[2]
        assert [line.strip().removeprefix("bpnet ") for line in shown.splitlines()] == following
    assert "Next:" not in bpnet(*command, cwd=tmp_path).out
    # meanwhile it says what it does, and takes that away
    shown = on_terminal("plot", "runs/iris-001", "curves", cwd=tmp_path, term="xterm")
    assert "making the figure …" in shown
    assert shown.index("making the figure") < shown.index("\x1b[2K") < shown.index("Figure:")
