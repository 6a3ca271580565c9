"""The tables in datasets/ equal their sources, and datasets/README.md says what is in them."""

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "datasets"
CLASSIFICATION = {
    "iris": "species",
    "wine": "cultivar",
    "breast_cancer": "diagnosis",
    "digits": "digit",
    "penguins": "species",
    "xor": "y",
}
REGRESSION = {"diabetes": "progression", "penguins_raw": "body_mass_g"}
NAMES = [*CLASSIFICATION, *REGRESSION]


def read(name: str) -> tuple[list[str], list[list[str]]]:
    with (FOLDER / f"{name}.csv").open(encoding="ascii", newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def numbers(rows: list[list[str]]) -> np.ndarray:
    return np.array([row[:-1] for row in rows], dtype=float)


def test_all_tables_are_there():
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(NAMES)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits"])
def test_classes_equal_scikit_learns(name):
    from sklearn import datasets

    theirs = getattr(datasets, f"load_{name}")()
    header, rows = read(name)
    columns = [re.sub(r" \(cm\)|_of_diluted_wines", "", column) for column in theirs.feature_names]
    assert header == [re.sub(r"\W", "_", column) for column in columns] + [CLASSIFICATION[name]]
    np.testing.assert_array_equal(numbers(rows), theirs.data)
    assert [row[-1] for row in rows] == [str(theirs.target_names[label]) for label in theirs.target]


def test_diabetes_equals_scikit_learns():
    from sklearn.datasets import load_diabetes

    theirs = load_diabetes(scaled=False)
    header, rows = read("diabetes")
    assert header == [*theirs.feature_names, "progression"]
    np.testing.assert_array_equal(numbers(rows), theirs.data)
    np.testing.assert_array_equal([float(row[-1]) for row in rows], theirs.target)


def test_penguins():
    header, rows = read("penguins")
    measured = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    assert header == ["island", *measured, "sex", "species"]
    assert len(rows) == 344
    assert Counter(row[-1] for row in rows) == {"Adelie": 152, "Chinstrap": 68, "Gentoo": 124}
    assert Counter(row[0] for row in rows) == {"Biscoe": 168, "Dream": 124, "Torgersen": 52}
    assert Counter(row[-2] for row in rows) == {"male": 168, "female": 165, "": 11}
    assert [k for k, row in enumerate(rows, start=1) if not row[1]] == [4, 272]
    # the sums over palmerpenguins 0.1.6
    sums = [sum(float(row[k]) for row in rows if row[k]) for k in range(1, 5)]
    np.testing.assert_allclose(sums, [15021.3, 5865.7, 68713, 1437000])


def test_penguins_raw_are_the_same_penguins():
    header, rows = read("penguins_raw")
    assert (len(header), header[-1]) == (17, "body_mass_g")
    tidy_header, tidy = read("penguins")
    for name in tidy_header:
        raw = [row[header.index(name)] for row in rows]
        if name == "species":
            raw = [cell.split()[0] for cell in raw]
        elif name == "sex":
            raw = [cell.lower() if cell != "NA" else "" for cell in raw]
        raw = ["" if cell == "NA" else cell for cell in raw]
        assert raw == [row[tidy_header.index(name)] for row in tidy], name
    missing = {name: column.count("NA") for name, *column in zip(header, *rows, strict=True)}
    assert {name: count for name, count in missing.items() if count} == {
        "bill_length_mm": 2,
        "bill_depth_mm": 2,
        "flipper_length_mm": 2,
        "body_mass_g": 2,
        "sex": 11,
        "delta_15_n": 14,
        "delta_13_c": 13,
        "comments": 290,
    }
    assert len({row[header.index("individual_id")] for row in rows}) == 190
    # the sums over palmerpenguins 0.1.6
    for name, total in {"delta_15_n": 2882.01596, "delta_13_c": -8502.1625}.items():
        cells = [row[header.index(name)] for row in rows]
        assert sum(float(cell) for cell in cells if cell != "NA") == pytest.approx(total, abs=1e-6)


def test_xor():
    assert read("xor") == (["x1", "x2", "y"], [list("000"), list("011"), list("101"), list("110")])


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_as_short_as_they_can_be(name):
    header, rows = read(name)
    assert all(len(row) == len(header) for row in rows)
    cells = {cell for row in rows for cell in (row if name == "diabetes" else row[:-1])}
    if name == "penguins":
        cells = {cell for row in rows for cell in row[1:-2] if cell}
    if name == "penguins_raw":
        measured = [
            k for k, column in enumerate(header) if re.search(r"_(mm|g|n|c|number)$", column)
        ]
        assert len(measured) == 7
        cells = {row[k] for row in rows for k in measured if row[k] != "NA"}
    assert [
        cell for cell in cells if cell != np.format_float_positional(float(cell), trim="-")
    ] == []
    assert b"\r" not in (FOLDER / f"{name}.csv").read_bytes()


def test_readme_has_the_sizes():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    found = re.findall(
        r"^\| \[`(\w+)\.csv`\]\(#\1\) \| (\d+) \| (\d+) \|.*\| `(\w+)` \|$", readme, re.MULTILINE
    )
    sizes = {name: (int(rows), int(columns), target) for name, rows, columns, target in found}
    tables = {name: read(name) for name in NAMES}
    assert sizes == {
        name: (len(rows), len(header), header[-1]) for name, (header, rows) in tables.items()
    }
    assert len(found) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_readme_has_the_target(name):
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    section = readme.split(f"\n## {name}\n")[1].split("\n## ")[0]
    target = section.split("- **Target:**")[1].split("- **Columns:**")[0]
    labels = [row[-1] for row in read(name)[1]]
    if name in CLASSIFICATION:
        counts = {label: int(count) for label, count in re.findall(r"(\w+) \((\d+)\)", target)}
        assert counts == Counter(labels)
    else:
        values = np.array([label for label in labels if label != "NA"], dtype=float)
        facts = (
            f"mean {values.mean():.2f}, "
            f"standard deviation {values.std(ddof=1):.2f} (divisor n − 1), "
            f"minimum {values.min():.0f}, maximum {values.max():.0f}"
        )
        assert facts in target
