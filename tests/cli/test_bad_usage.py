"""Words, options and places that a command line cannot have."""

from pathlib import Path

import pytest
from command_cases import Case, check_refusal

USAGE = [
    Case("unknown verb", 2, ("trian", "train"), ("trian",)),
    Case("no config", 2, ("CONFIG",), ("train",)),
    Case("unknown option", 2, ("--epochs",), ("train", "c.yaml", "--epochs", "3")),
    Case("two configs", 2, ("d.yaml",), ("train", "c.yaml", "d.yaml")),
    Case("name a/b", 2, ("'a/b'", "letters, digits"), ("train", "c.yaml", "--name", "a/b")),
    Case("name ..", 2, ("'..'", "letters, digits"), ("train", "c.yaml", "--name", "..")),
    Case("empty name", 2, ("''", "letters, digits"), ("train", "c.yaml", "--name", "")),
]

PLACES = [
    Case(
        "runs is a file",
        5,
        ("t.csv", "not a folder", "--runs"),
        ("train", "c.yaml", "--runs", "t.csv"),
    ),
    Case("runs in a file", 5, ("t.csv/x", "--runs"), ("train", "c.yaml", "--runs", "t.csv/x")),
    Case("runs in /proc", 5, ("/proc/x", "--runs"), ("train", "c.yaml", "--runs", "/proc/x")),
]


@pytest.mark.parametrize("case", USAGE + PLACES, ids=lambda case: case.name)
def test_a_command_that_cannot_be_run_is_refused_and_leaves_nothing(
    case: Case, tmp_path: Path
) -> None:
    check_refusal(case, tmp_path)
