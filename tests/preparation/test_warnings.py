"""Warnings before training: columns that are left out, and classes with few rows."""

from pathlib import Path

import pytest

from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.preparation.prepare import prepare


def warnings(folder: Path, header: str, rows: list[str]) -> list[str]:
    """Return the warnings for a table with the target y."""
    (folder / "t.csv").write_text("\n".join([header, *rows]) + "\n")
    text = "dataset: {path: t.csv, target: y}\n"
    return prepare(load_config(parse_source(text, "c.yaml", folder))).warnings


def test_a_column_that_is_left_out_is_named_with_its_reason(tmp_path: Path):
    rows = [f"{100 + k},{k % 7},{'ab'[k % 2]}" for k in range(40)]
    assert warnings(tmp_path, "id,x,y", rows) == [
        "left out: 'id' (it looks like an ID: a different whole number in every row); "
        "to use it anyway: --set dataset.roles.id=numeric"
    ]


def test_columns_left_out_for_the_same_reason_share_a_warning(tmp_path: Path):
    rows = [f",,{k % 7},{'ab'[k % 2]}" for k in range(40)]
    assert warnings(tmp_path, "p,q,x,y", rows) == [
        "left out: 'p', 'q' (each is blank in every training row)"
    ]


@pytest.mark.parametrize(
    ("rare", "words"),
    [(["N/A", "N/A"], "class 'N/A' has"), (["c", "c", "d", "d"], "classes 'c', 'd' have")],
)
def test_classes_with_fewer_than_three_rows_are_named(tmp_path: Path, rare, words):
    classes = [*("ab"[k % 2] for k in range(40)), *rare]
    rows = [f"{k % 7},{label}" for k, label in enumerate(classes)]
    assert warnings(tmp_path, "x,y", rows) == [
        f"{words} fewer than 3 rows and cannot be in every part of the split"
    ]


def test_large_numbers_that_float64_rounds_to_one_are_not_called_the_same(tmp_path: Path):
    rows = [f"{2**63 + k % 30},7,{k % 7},{'ab'[k % 2]}" for k in range(40)]
    same, close = warnings(tmp_path, "big,one,x,y", rows)
    assert same.startswith("column 'one' has the same value in every training row: ")
    assert close.startswith("column 'big' has numbers with the same first 12 digits in every ")
    assert "if they are codes: --set dataset.roles.big=categorical; " in close


def test_numbers_that_are_0_in_the_network_are_named_with_what_to_set(tmp_path: Path):
    rows = [f"{(k % 7 + 1) * 1e-50!r},{(k % 5 + 0.5) * 1e-60!r}" for k in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    text = "dataset: {path: t.csv, target: y, preprocessing: {numeric: none, target: none}}\n"

    def said(*settings: str) -> list[str]:
        source = apply_overrides(parse_source(f"{text}task: regression", "c", tmp_path), settings)
        return prepare(load_config(source)).warnings

    x, y = said()
    assert x == (
        "column 'x' is at most 7e-50, which is 0 in float32, and is not scaled; "
        "to scale it: --set dataset.preprocessing.numeric=standardize"
    )
    assert y.startswith("column 'y' is at most 4.5e-60, which is 0 in float32")
    assert said(*(text.partition("--set ")[2] for text in (x, y))) == []
    assert said("training.precision=float64") == []
