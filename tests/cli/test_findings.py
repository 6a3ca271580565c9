"""What `bpnet check` finds in a table: each is named, and its advice, as typed, ends it."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import ROOT, bpnet

CONFIG = "dataset: {path: t.csv, target: y}\narchitecture: {hidden: [5]}\ntraining: {epochs: 3}\n"
RNG = np.random.default_rng(5)


def frame(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows)})
    made["y"] = np.where(made.a + rng.normal(size=rows) > 0, "yes", "no")
    return made


def checked(folder: Path, table: pd.DataFrame, *words: str) -> dict:
    table.to_csv(folder / "t.csv", index=False)
    (folder / "c.yaml").write_text(CONFIG)
    said = bpnet("check", "c.yaml", "--json", *words, cwd=folder)
    assert (said.code, said.err) == (0, "")
    return json.loads(said.out)


def advised(text: str) -> list[list[str]]:
    """The `--set` options of an advice, each as it is typed."""
    words = shlex.split(text.replace(";", " ; "), posix=True)
    return [words[k : k + 2] for k, word in enumerate(words) if word == "--set"]


def repeated(name: str) -> Callable[[], pd.DataFrame]:
    def table() -> pd.DataFrame:
        made = frame()
        made.insert(0, name, [f"c{k % 60}" for k in range(300)])
        return made

    return table


def determined() -> pd.DataFrame:
    """A whole number whose rows agree in two other columns."""
    made = frame()
    made["who"] = 70_000 + 13 * (np.arange(300) % 50)
    made["born"] = 1950.5 + np.arange(300) % 50 % 17
    made["team"] = np.array(["p", "q", "r"])[np.arange(300) % 50 % 3]
    return made


def few_of_a_class() -> pd.DataFrame:
    made = frame()
    made.loc[::38, "y"] = "seldom"
    return made


TABLES: dict[str, tuple[str, str, Callable[[], pd.DataFrame], list[str]]] = {
    # name -> the kind, its level, the table, what the text names
    "a customer": ("repeated_ids", "warning", repeated("customer"), ["'customer'", "60 values"]),
    "a dotted id": ("repeated_ids", "warning", repeated("the.user"), ["'the.user'"]),
    "an id with a quote": ("repeated_ids", "warning", repeated("x=it's id"), ["it's id"]),
    "a whole number": ("repeated_ids", "warning", determined, ["'who'", "50 values"]),
    "codes": (
        "few_whole_numbers",
        "note",
        lambda: frame().assign(zone=np.arange(300) % 7 + 1),
        ["column 'zone' has few values, all whole numbers (7: 1 to 7)"],
    ),
    "dates": (
        "dates",
        "note",
        lambda: frame().assign(day=pd.date_range("2024-01-01", periods=300).astype(str)),
        ["'day' holds dates"],
    ),
    "years": (
        "times",
        "note",
        lambda: frame().assign(year=1990 + np.arange(300) * 7 % 30),
        ["column 'year' holds times"],
    ),
    "a panel": (
        "repeated_ids",
        "warning",
        lambda: frame().assign(firm=np.arange(300) // 20, year=1990 + np.arange(300) % 20),
        ["'firm'", "15 values"],
    ),
    "few persons": (
        "repeated_ids",
        "warning",
        lambda: frame().assign(Subject=np.arange(300) // 75),
        ["'Subject'", "4 values"],
    ),
    "frequencies": (
        "counts",
        "note",
        lambda: pd.DataFrame(
            [(a, b, c, 7 + 3 * a, y) for a in range(5) for b in "pqr" for c in "uv" for y in "no"],
            columns=["a", "b", "c", "Freq", "y"],
        ),
        ["column 'Freq' seems to count the cases"],
    ),
    "whole numbers": (
        "numbers_as_classes",
        "note",
        lambda: frame().assign(y=(np.arange(300) * 7 % 11) + 5),
        ["the 11 classes of 'y' are whole numbers, 5 to 15"],
    ),
    "categories": (
        "many_categories",
        "warning",
        lambda: frame().assign(town=[f"t{k * k % 131}" for k in range(300)]),
        ["'town' has", "categories in 210 training rows", " of them in fewer than 5"],
    ),
    "common categories": (
        "many_categories",
        "note",
        lambda: frame(1200).assign(town=[f"t{k % 50}" for k in range(1200)]),
        ["column 'town' has 50 categories in 840 training rows"],
    ),
    "parts": (
        "split_column",
        "note",
        lambda: frame().assign(part=[["Train", "test", "train"][k % 3] for k in range(300)]),
        ["column 'part' holds the words 'Train', 'test', 'train'"],
    ),
    "inputs": (
        "more_inputs_than_rows",
        "warning",
        lambda: pd.concat(
            [frame(30), pd.DataFrame(RNG.normal(size=(30, 40))).add_prefix("v")], axis=1
        ),
        ["42 inputs for 22 training rows"],
    ),
    "a class": (
        "few_rows_of_a_class",
        "warning",
        few_of_a_class,
        ["class 'seldom' (6) has fewer than 10 training rows"],
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_each_is_found_and_its_advice_ends_it(tmp_path: Path, name: str) -> None:
    kind, level, table, parts = TABLES[name]
    found = [one for one in checked(tmp_path, table())["findings"] if one["kind"] == kind]
    assert len(found) == 1, found
    assert found[0]["level"] == level
    assert all(part in found[0]["text"] for part in parts), found[0]["text"]
    report = bpnet("check", "c.yaml", cwd=tmp_path).out
    assert f"{level}: {found[0]['text']}" in report
    for option in advised(found[0]["advice"]):
        after = checked(tmp_path, table(), *option)["findings"]
        if "training.l2" not in option[1]:
            assert kind not in [one["kind"] for one in after], option


@pytest.mark.parametrize("columns", [2, 3, 5])
def test_options_for_several_columns_of_codes_are_typed_together(
    tmp_path: Path, columns: int
) -> None:
    names = [f"k{number}" for number in range(columns)]
    table = frame().assign(**{name: np.arange(300) // 7 % (k + 4) for k, name in enumerate(names)})
    (found,) = checked(tmp_path, table)["findings"]
    assert (found["kind"], found["columns"]) == ("few_whole_numbers", names)
    assert "have few values, all whole numbers ('k0' has 4: 0 to 3)" in found["text"]
    options = [word for option in advised(found["advice"]) for word in option]
    assert (len(options) == 2 * columns) == (not found["advice"].endswith(" and so on"))
    left = [one["columns"] for one in checked(tmp_path, table, *options)["findings"]]
    assert left == ([names[3:]] if columns > 3 else [])


def test_columns_that_are_almost_empty_tell_nothing_of_an_identity(tmp_path: Path) -> None:
    some = np.where(np.arange(300) % 10 == 0, np.arange(300) / 7, np.nan)
    table = frame().assign(width=np.arange(300) // 4 % 30, c=some, d=some + 1)
    assert checked(tmp_path, table)["findings"] == []


def test_an_identity_of_many_values_is_named_though_a_preset_embeds_it(tmp_path: Path) -> None:
    table = frame(800).assign(customer=[f"c{k % 200}" for k in range(800)])
    words = ("--set", "dataset.preprocessing.categorical=auto")
    (found,) = checked(tmp_path, table, *words)["findings"]
    assert (found["kind"], found["columns"]) == ("repeated_ids", ["customer"])
    embedded = ("--set", "dataset.preprocessing.columns.customer=embedding")
    assert checked(tmp_path, table, *words, *embedded)["findings"] == []


def test_a_few_test_rows_are_beyond_training_by_chance(tmp_path: Path) -> None:
    table = frame(35).assign(a=np.arange(35) ** 1.5)
    kinds = {one["kind"] for one in checked(tmp_path, table)["findings"]}
    assert "beyond_training" not in kinds
    last = checked(tmp_path, table, "--set", "dataset.split.shuffle=false")["findings"]
    assert ["a"] in [one["columns"] for one in last if one["kind"] == "beyond_training"]


def test_a_target_of_dates_is_named(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=3).astype(str)
    table = frame().assign(y=np.array(days)[np.arange(300) % 3])
    assert any("'y' holds dates" in text for text in checked(tmp_path, table)["warnings"])


def test_a_time_is_no_leak(tmp_path: Path) -> None:
    table = frame().assign(y=np.arange(300) + 0.5, time=2001 + np.arange(300) / 12)
    content = checked(tmp_path, table.assign(x=table.y * 3))
    assert [leak["column"] for leak in content["leaks"]] == ["x"]


def test_a_table_without_faults_has_none(tmp_path: Path) -> None:
    assert checked(tmp_path, frame())["findings"] == []


def test_shipped_configs_have_no_warning_that_is_not_true() -> None:
    for name in ("iris", "wine", "penguins", "breast_cancer", "diabetes", "digits", "xor"):
        said = bpnet("check", f"configs/{name}.yaml", "--json", cwd=ROOT)
        content = json.loads(said.out)
        assert content["findings"] == [], name
        assert [one["rows"] for one in content["shared_rows"]] == [], name


def test_a_split_by_time_shows_the_dates_and_what_lies_beyond_training(tmp_path: Path) -> None:
    table = frame().assign(day=pd.date_range("2024-01-01", periods=300).astype(str))
    table["count"] = np.arange(300) // 2
    table["noise"] = RNG.permutation(300) // 2
    split = ("--set", "dataset.split.time=day")
    by_itself = checked(tmp_path, table, *split)
    assert [(one["kind"], one["columns"]) for one in by_itself["findings"]] == [
        ("without_trend", ["day"])
    ]
    assert "encoded as day_of_year, weekday" in by_itself["findings"][0]["text"]
    (trend,) = advised(by_itself["findings"][0]["advice"])
    (counts,) = (one for one in by_itself["warnings"] if "counts the time" in one)
    (kept,) = advised(counts)
    split = (*split, *trend, *kept)
    found = checked(tmp_path, table, *split)
    assert found["times"] == {
        "train": {"first": "2024-01-01", "last": "2024-07-28"},
        "validation": {"first": "2024-07-29", "last": "2024-09-11"},
        "test": {"first": "2024-09-12", "last": "2024-10-26"},
    }
    beyond = [one for one in found["findings"] if one["kind"] == "beyond_training"]
    assert [one["columns"] for one in beyond] == [["day"], ["count"]]
    assert "2024-09-12 to 2024-10-26 against 2024-01-01 to 2024-07-28" in beyond[0]["text"]
    options = [option for one in beyond for option in advised(one["advice"])]
    words = [word for option in options for word in option]
    after = checked(tmp_path, table, *split, *words)["findings"]
    assert "beyond_training" not in [one["kind"] for one in after]
    lines = bpnet("check", "c.yaml", *split, cwd=tmp_path).out.splitlines()
    assert "test        2024-09-12  2024-10-26" in lines


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        ({"train": ["rare"] * 12}, {"few_test_rows_of_a_class"}),
        ({"train": ["rare"] * 12, "test": ["rare"] * 9}, set()),
    ],
)
def test_a_class_that_is_seldom_in_a_part_is_named(
    tmp_path: Path, rows: dict[str, list[str]], kinds: set[str]
) -> None:
    table = frame().assign(part=["train"] * 200 + ["test"] * 100)
    for part, labels in rows.items():
        where = table.index[table.part == part][: len(labels)]
        table.loc[where, "y"] = labels
    found = checked(tmp_path, table, "--set", "dataset.split.column=part")["findings"]
    assert {one["kind"] for one in found} == kinds
    assert all("'rare'" in one["text"] for one in found)


def test_rows_are_equal_only_if_all_of_their_cells_are(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": np.arange(200) % 4, "note": [f"n{k}" for k in range(200)]})
    table["y"] = RNG.choice(["yes", "no"], 200)
    wishes = ("--set", "dataset.split.shuffle=false")
    assert checked(tmp_path, table, *wishes)["shared_rows"] == []
    table.loc[199] = table.loc[3]
    (shared,) = checked(tmp_path, table, *wishes)["shared_rows"]
    assert shared["examples"] == [[4, 200]]
    table.loc[150] = table.loc[4]
    checked(tmp_path, table, *wishes)
    assert (
        "warning: 1 validation row has the same cells in every column as a train row "
        "(rows 5 and 151), 1 test row as a train row (rows 4 and 200), so that"
    ) in bpnet("check", "c.yaml", *wishes, cwd=tmp_path).out
    table = table.drop(index=150).reset_index(drop=True)
    numbered = table.assign(row=np.arange(199))  # that each row has a number does not tell them
    assert len(checked(tmp_path, numbered, *wishes)["shared_rows"]) == 1
    few = checked(tmp_path, table.drop(columns="note"), *wishes)
    assert few["shared_rows"] == []
    assert [one["kind"] for one in few["findings"] if one["kind"] == "few_different_rows"]


@pytest.mark.parametrize(("rows", "level"), [(3, "note"), (40, "warning")])
def test_rows_in_two_parts_are_warned_of_if_they_can_change_a_metric(
    tmp_path: Path, rows: int, level: str
) -> None:
    table = frame(3000)
    table.loc[2999 - np.arange(rows)] = table.loc[np.arange(rows)].to_numpy()
    keys = ("--set", "dataset.split.shuffle=false")  # the last 450 rows are the test rows
    (shared,) = checked(tmp_path, table, *keys)["shared_rows"]
    assert (shared["second"], shared["rows"]) == ("test", rows)
    lines = bpnet("check", "c.yaml", *keys, cwd=tmp_path).out.splitlines()
    (line,) = [line for line in lines if "the same cells in every column" in line]
    assert line.startswith(f"{level}: {rows} test rows have ")
    assert ("too good" in line) == (level == "warning")


def test_columns_of_a_wide_table_are_shown_on_request(tmp_path: Path) -> None:
    wide = pd.concat(
        [frame(), pd.DataFrame(RNG.normal(size=(300, 50))).add_prefix("v")], axis=1
    ).assign(one=1, id=range(300))
    checked(tmp_path, wide)
    short = bpnet("check", "c.yaml", cwd=tmp_path).out.splitlines()
    assert "53 numeric columns: 53 inputs" in short
    assert "1 column left out" in short
    assert sum("'id'" in line for line in short) == 1
    shown = bpnet("check", "c.yaml", "--columns", "all", cwd=tmp_path).out
    rows = {line.split()[0] for line in shown.splitlines() if line}
    assert {"a", "b", "one", "id", *(f"v{k}" for k in range(50))} <= rows
