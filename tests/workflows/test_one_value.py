"""One value however it is written: the same classes, groups and inputs from every format."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from command_line import bpnet
from workflow_runs import predicted, train_text, write_csv

from bpnet.config.loading import load_config, read_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.data.reading import delimited
from bpnet.errors import DataError
from bpnet.models.saved_ensemble import load_ensemble
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.prepare import prepare

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 0, test: 0.2}}
architecture: {hidden: [3]}
training: {epochs: 2}
"""
BIG = 2**60

TARGETS: dict[str, tuple[list[Any], list[str]]] = {
    "large whole numbers": ([BIG, BIG + 1, BIG + 2], [str(BIG), str(BIG + 1), str(BIG + 2)]),
    "many large whole numbers": ([BIG + 512 * k for k in range(25)], []),
    "minus zero": ([0.0, -0.0, 1.0], ["0", "1"]),
    "floats": ([1.0, 2.0], ["1", "2"]),
    "floats with gaps": ([1.0, 0.0, None, 1.0], ["0", "1"]),
    "booleans": ([True, False], ["false", "true"]),
    "booleans with gaps": ([True, False, None], ["false", "true"]),
    "texts with gaps": (["a", "b", "NA"], ["a", "b"]),
    "codes": (["007", "7"], ["007", "7"]),
    "words and numbers": (["1.0", "1", "x"], ["1", "x"]),
    "two Unicode forms": (["caf\u00e9", "cafe\u0301", "the"], ["caf\u00e9", "the"]),
    "fractions": ([k + 0.5 for k in range(30)], []),
}


def cells_of(value: Any) -> str:
    """Return what pandas writes for a value."""
    return "" if value is None else str(value)


def columns(target: list[Any], rows: int = 60) -> dict[str, list[Any]]:
    """Return a table of features of each kind, and the target again and again."""
    return {
        "n": list(range(rows)),
        "x": [k % 7 + 0.5 for k in range(rows)],
        "code": [("1", "2", "3")[k % 3] for k in range(rows)],
        "flag": [k % 2 == 0 for k in range(rows)],
        "whole": [float(k % 5) for k in range(rows)],
        "city": [("Oslo", "Rome", "NA", "Rome")[k % 4] for k in range(rows)],
        "y": [target[k % len(target)] for k in range(rows)],
    }


def prepared(folder: Path, file: str, *settings: str) -> EncodedDataset:
    """Return what training would learn from."""
    source = apply_overrides(
        parse_source(CONFIG, "case.yaml", folder),
        [f"dataset.path={file}", "dataset.drop_missing_targets=true", *settings],
    )
    return prepare(load_config(source))


@pytest.mark.parametrize("kind", TARGETS)
def test_all_readers_agree(kind, tmp_path, monkeypatch):
    target, classes = TARGETS[kind]
    table = columns(target)
    rows = list(zip(*table.values(), strict=True))
    write_csv(tmp_path / "t.csv", list(table), [[cells_of(cell) for cell in row] for row in rows])
    objects = [json.dumps(dict(zip(table, row, strict=True))) for row in rows]
    (tmp_path / "t.jsonl").write_text("\n".join(objects))
    pa.parquet.write_table(pa.table(table), tmp_path / "t.parquet")
    # categories, though some of them are numbers
    roles = "dataset.roles={code: categorical, whole: categorical}"
    small = prepared(tmp_path, "t.csv", roles)
    assert small.split.target_values.classes == classes
    others = [prepared(tmp_path, file, roles) for file in ("t.jsonl", "t.parquet")]
    monkeypatch.setattr(delimited, "LARGE", 0)
    others.append(prepared(tmp_path, "t.csv", roles))
    for other in others:
        one, two = small.split.target_values, other.split.target_values
        assert (two.task, two.reason, two.classes) == (one.task, one.reason, one.classes)
        np.testing.assert_array_equal(two.values[two.kept_rows], one.values[one.kept_rows])
        roles_of = [
            {name: detected.role for name, detected in each.split.column_roles.detected.items()}
            for each in (small, other)
        ]
        assert roles_of[0] == roles_of[1]
        assert roles_of[0]["n"] == "ignored"
        assert other.encoder == small.encoder
        for part, encoded in small.rows.items():
            np.testing.assert_array_equal(other.rows[part].x, encoded.x)


def test_a_model_finds_its_categories_in_every_spelling(tmp_path):
    rows = [[k % 3 + 1, ["no", "yes"][k % 2], k % 2, k % 3 * 2.5 + k % 2] for k in range(60)]
    write_csv(tmp_path / "t.csv", ["a", "b", "c", "y"], rows)
    roles = "dataset.roles={a: categorical, c: categorical}"
    run = train_text(tmp_path, CONFIG, roles, "task=regression").run
    plain = [["1", "yes", "1"], ["2", "no", "0"], ["3", "yes", "0"]]
    spelled = [["1.0", "TRUE", "True"], ["2e0", "0", "false"], ["3.", "1.0", "-0"]]
    one, other = (
        predicted(run, write_csv(tmp_path / f"{name}.csv", ["a", "b", "c"], cells))
        for name, cells in (("plain", plain), ("spelled", spelled))
    )
    assert one == other
    assert set(one["flags"]) == {""}
    assert len(set(one["predicted_y"])) > 1


def test_order_and_class_weight_know_a_value_in_every_spelling(tmp_path):
    rows = [[f"{k % 3}.0", f"{k % 2}.0"] for k in range(60)]
    write_csv(tmp_path / "t.csv", ["a", "y"], rows)
    ordinal = "dataset.preprocessing.columns={a: {kind: ordinal, order: [2, 0, 1]}}"
    data = prepared(tmp_path, "t.csv", ordinal, "dataset.class_weight={1e0: 3}")
    assert data.split.target_values.classes == ["0", "1"]
    assert data.class_weight == {"0": 1.0, "1": 3.0}
    assert sorted(set(data.rows["train"].x[:, 0].tolist())) == [0.0, 0.5, 1.0]
    with pytest.raises(DataError, match=r"class_weight\.1 names the class '1', as '1\.0' does"):
        prepared(tmp_path, "t.csv", "dataset.class_weight={1: 3, 1.0: 2}")


def test_a_group_is_one_however_it_is_written_in_the_files_of_a_folder(tmp_path):
    (tmp_path / "both").mkdir()
    for name, form in (("a", "{}"), ("b", "{}.0"), ("c", "{}e0")):
        rows = [[k / 7, form.format(k % 9), ["no", "yes"][k % 2]] for k in range(27)]
        write_csv(tmp_path / "both" / f"{name}.csv", ["x", "customer", "y"], rows)
    run = train_text(tmp_path, CONFIG, "dataset.path=both", "dataset.split.group=customer").run
    with open(run / "splits.csv", newline="") as file:
        parts = [row["part"] for row in csv.DictReader(file)]
    parts_of: dict[int, set[str]] = {}
    for k, part in enumerate(parts):
        parts_of.setdefault(k % 27 % 9, set()).add(part)
    assert [len(each) for each in parts_of.values()] == [1] * 9
    assert {part for each in parts_of.values() for part in each} == {"train", "test"}


def test_groups_of_numbers_and_of_text_are_split_alike(tmp_path):
    groups = [float(k * 7 % 11 + 1) for k in range(66)]
    y = [("no", "yes")[k // 7 % 2] for k in range(66)]
    table = pa.table({"x": list(range(66)), "customer": groups, "y": y})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    sorted_codes = pa.DictionaryArray.from_arrays(
        pa.array([int(g) - 1 for g in groups]), pa.array([str(k) for k in range(1, 12)])
    )
    pa.parquet.write_table(
        table.set_column(1, "customer", sorted_codes), tmp_path / "sorted.parquet"
    )
    write_csv(
        tmp_path / "t.csv", table.column_names, list(zip(*table.to_pydict().values(), strict=True))
    )

    def rows_to_test(path: str) -> list[int]:
        text = CONFIG.replace("t.csv", path).replace("split: {", "split: {group: customer, ")
        (tmp_path / "c.yaml").write_text(text)
        return prepare(read_config(tmp_path / "c.yaml")).parts["test"].tolist()

    assert rows_to_test("t.csv") == rows_to_test("t.parquet") == rows_to_test("sorted.parquet")


def test_a_word_that_is_a_value_is_kept_as_one(tmp_path):
    table = columns(["a", "b", "NA"])
    write_csv(tmp_path / "t.csv", list(table), list(zip(*table.values(), strict=True)))
    data = prepared(tmp_path, "t.csv", "dataset.reading.not_missing=[NA]")
    assert data.split.target_values.classes == ["NA", "a", "b"]
    city = next(column for column in data.encoder.columns if column.name == "city")
    assert (city.levels, city.indicator) == (["NA", "Oslo", "Rome"], False)
    data = prepared(tmp_path, "t.csv")
    city = next(column for column in data.encoder.columns if column.name == "city")
    assert (city.levels, city.indicator) == (["Oslo", "Rome"], True)


def test_a_missing_group_is_refused_and_the_advice_works(tmp_path):
    table = columns(["a", "b"])
    write_csv(tmp_path / "t.csv", list(table), list(zip(*table.values(), strict=True)))
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, "t.csv", "dataset.split.group=city")
    advice = "if 'NA' is a value: --set 'dataset.reading.not_missing=[NA]'"
    assert "line 4 (row 3), column 'city': 'NA' is a missing value, but" in str(caught.value)
    assert str(caught.value).endswith(advice)
    prepared(tmp_path, "t.csv", "dataset.split.group=city", "dataset.reading.not_missing=[NA]")


@pytest.mark.parametrize(
    ("pair", "gap"),
    [
        (("1.0", "0.0"), ""),
        (("1.0", "0.0"), "nan"),
        (("TRUE", "FALSE"), "NA"),
        (("yes", "no"), "<NA>"),
    ],
)
def test_a_target_with_gaps_goes_from_init_to_eval(pair, gap, tmp_path):
    rows = [[k % 13 + k / 100, gap if k % 9 == 4 else pair[k % 2]] for k in range(60)]
    write_csv(tmp_path / "t.csv", ["a", "y"], rows)
    for words in (
        ["init", "t.csv", "--target", "y"],
        ["train", "t.yaml", "--set", "training.epochs=1"],
        ["eval", "runs/t-001", "--no-baselines"],
        ["eval", "runs/t-001", "t.csv", "--no-baselines"],
    ):
        done = bpnet(*words, cwd=tmp_path)
        assert done.code == 0, done.err
    model = load_ensemble(tmp_path / "runs" / "t-001" / "model")
    assert len(model.description.classes) == 2


def test_true_is_1_where_the_model_knows_0_and_1_only(tmp_path):
    rows = [[k % 2, k % 7, k % 2 * 2.5 + k % 7] for k in range(60)]
    write_csv(tmp_path / "t.csv", ["bit", "x", "y"], rows)
    run = train_text(tmp_path, CONFIG, "task=regression").run
    plain = write_csv(tmp_path / "plain.csv", ["bit", "x"], [[1, 3], [0, 3], ["", 3]])
    pa.parquet.write_table(
        pa.table({"bit": [True, False, None], "x": [3, 3, 3]}), tmp_path / "bits.parquet"
    )
    assert predicted(run, tmp_path / "bits.parquet") == predicted(run, plain)
    strange = write_csv(tmp_path / "strange.csv", ["bit", "x"], [[1, "True"], [0, "False"]])
    with pytest.raises(DataError, match=r"column 'x', a feature, holds text \('True'\)"):
        predicted(run, strange)


def test_a_column_may_be_0_and_1_in_one_file_and_true_and_false_in_another(tmp_path):
    (tmp_path / "both").mkdir()
    for name, words in (("a", ("0", "1")), ("b", ("False", "True"))):
        rows = [[words[k % 2], k % 7, k % 2 * 2.5 + k % 7] for k in range(30)]
        write_csv(tmp_path / "both" / f"{name}.csv", ["bit", "x", "y"], rows)
    data = prepared(tmp_path, "both", "task=regression", "dataset.split.test=0")
    bits = data.rows["train"].x[:, 0]
    np.testing.assert_array_equal(bits[:30], bits[30:])


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_column_of_lists_is_left_out_and_a_role_uses_it(kind, tmp_path):
    lists = [[k % 3, 2] for k in range(60)]
    table = pa.table({"x": [k % 7 for k in range(60)], "tags": lists, "y": ["a", "b"] * 30})
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        pa.parquet.write_table(table, path)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        write_csv(path, table.column_names, [list(row.values()) for row in table.to_pylist()])
    (tmp_path / "c.yaml").write_text(CONFIG.replace("t.csv", path.name))

    def read(*assignments: str) -> EncodedDataset:
        return prepare(read_config(tmp_path / "c.yaml", assignments))

    left_out = read()
    assert left_out.encoder.width == 1
    assert left_out.warnings == [
        "left out: 'tags' (it holds lists or objects; make columns of their parts); to use it "
        "anyway: --set dataset.roles.tags=categorical"
    ]
    assert read("dataset.roles.tags=ignored").warnings == []
    assert read("dataset.roles.tags=categorical").encoder.width == 4
