"""`bpnet predict` and `bpnet eval` with each of their options, on tables in each format."""

import csv
import gzip
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from command_line import bpnet

CONFIG = """\
dataset: {path: t.csv, target: kind}
architecture: {hidden: [6]}
training: {epochs: 20, learning_rate: 0.02}
"""
KINDS = ["ant", "bee", "cat"]
HEADER = ["id", "size", "colour", "day", "kind"]
ROWS = [
    [
        f"r{k:03}",
        "" if k % 13 == 4 else f"{k % 3 * 2 + k % 7 / 10:.1f}",
        "" if k % 19 == 3 else ["red", "blue", "green"][k % 5 % 3],
        f"2024-{1 + k % 12:02}-{1 + k % 28:02}",
        KINDS[k % 3],
    ]
    for k in range(90)
]
UNDATED = [[*row[:3], "" if k % 10 == 4 else row[3], row[4]] for k, row in enumerate(ROWS)]
"""The rows, nine of them without a day, of which training knew no gaps."""


def table(rows: list[list[str]], header: list[str] = HEADER) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture(scope="module")
def _here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "c.yaml").write_text(CONFIG)
    (folder / "t.csv").write_text(table(ROWS))
    assert bpnet("train", "c.yaml", cwd=folder).code == 0
    return folder


@pytest.fixture
def here(_here: Path, tmp_path: Path) -> Path:
    """A folder with a config, its table and the run runs/c-001."""
    return shutil.copytree(_here, tmp_path / "here")


def predict(folder: Path, *words: str, data: str = "t.csv", stdin: bytes = b"") -> str:
    said = bpnet("predict", "runs/c-001", data, *words, cwd=folder, stdin=stdin)
    assert said.code == 0, said.err
    return said.out


# predict


def test_flags_are_counted_on_stderr(here: Path) -> None:
    (here / "u.csv").write_text(table(UNDATED))
    said = bpnet("predict", "runs/c-001", "u.csv", cwd=here)
    counted = "9 of 90 rows are flagged: missing values that were filled in: 9"
    known, warning = said.err.splitlines()  # a row whose day was blanked is new
    assert known.startswith("note: 56 of 90 rows of u.csv are equal to rows that trained the model")
    assert warning == f"warning: {counted}"
    flags = [row["flags"] for row in read(said.out)]
    assert flags == ["" if row[3] else "imputed day" for row in UNDATED]
    document = json.loads(bpnet("predict", "runs/c-001", "u.csv", "--json", cwd=here).out)
    assert document["flags"] == {"rows": 90, "flagged": 9, "kinds": {"imputed": 9}, "notes": []}
    every = ("eval", "runs/c-001", "u.csv", "--all-rows")
    scored = bpnet(*every, cwd=here)
    assert scored.err.splitlines()[1:] == [warning]
    scored = json.loads(bpnet(*every, "--json", cwd=here).out)
    assert scored["flags"] == document["flags"]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ("all", HEADER),
        ("none", []),
        ("id", ["id"]),
        ("kind, id", ["kind", "id"]),
        ("id,id", ["id"]),
    ],
)
def test_the_columns_that_are_kept(keep: str, kept: list[str], here: Path) -> None:
    whole, rows = read(predict(here)), read(predict(here, "--keep", keep))
    added = ["predicted_kind", *(f"probability_{kind}" for kind in KINDS), "flags"]
    assert list(rows[0]) == [*kept, *added]
    assert rows == [{name: row[name] for name in [*kept, *added]} for row in whole]


def test_a_column_to_keep_that_is_not_there_is_named(here: Path) -> None:
    said = bpnet("predict", "runs/c-001", "t.csv", "--keep", "idd", cwd=here)
    assert (said.code, said.out) == (4, "")
    assert said.lacks("t.csv", "'idd'", "is to be kept", "'size'", "did you mean 'id'?") == []


def test_without_probabilities(here: Path) -> None:
    assert list(read(predict(here, "--no-proba", "--keep", "id"))[0]) == [
        "id",
        "predicted_kind",
        "flags",
    ]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_likeliest_classes(k: int, here: Path) -> None:
    for row, whole in zip(
        read(predict(here, "--top-k", str(k), "--keep", "none")), read(predict(here)), strict=True
    ):
        own = sorted(((float(whole[f"probability_{kind}"]), kind) for kind in KINDS), reverse=True)
        assert [row[f"top_{n + 1}_kind"] for n in range(k)] == [kind for _, kind in own[:k]]
        assert [float(row[f"top_{n + 1}_probability"]) for n in range(k)] == [
            chance for chance, _ in own[:k]
        ]
        assert len(row) == 2 * k + 1
        assert own[0][1] == whole["predicted_kind"]


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (("--top-k", "4"), 2, ("--top-k 4", "3 classes")),
        (("--top-k", "0"), 2, ("--top-k",)),
        (("--interval", "0.9"), 2, ("--interval 0.9", "classes")),
        (("--interval", "wide"), 2, ("--interval",)),
        (("--format", "xml"), 2, ("xml", "csv", "jsonl", "parquet")),
        (("--json", "--format", "csv"), 2, ("--json", "--format")),
        (("--format", "parquet"), 2, ("Parquet", "--output")),
    ],
)
def test_what_cannot_be_written_is_told(
    words: tuple[str, ...], code: int, parts: tuple[str, ...], here: Path
) -> None:
    said = bpnet("predict", "runs/c-001", "t.csv", *words, cwd=here)
    assert (said.code, said.out) == (code, "")
    assert said.lacks(*parts) == []


def test_strict_refuses_flagged_rows_and_writes_nothing(here: Path) -> None:
    (here / "v.csv").write_text(table(UNDATED))
    said = bpnet("predict", "runs/c-001", "v.csv", "--strict", "-o", "out.csv", cwd=here)
    assert (said.code, said.out) == (4, "")
    assert not (here / "out.csv").exists()
    assert (
        said.lacks("error: v.csv, line 6 (row 5): imputed day", "in all, 9 rows are flagged") == []
    )
    (here / "u.csv").write_text(table(ROWS[1:]))  # gaps that training knew are not flagged
    assert predict(here, "--strict", data="u.csv") == predict(here, data="u.csv")
    (here / "u.csv").write_text(
        table([["r", "1", "pink", "2024-01-01", "ant"], ["r", "1", "red", "1999-01-01", "ant"]])
    )
    said = bpnet("predict", "runs/c-001", "u.csv", "--strict", cwd=here)
    assert said.code == 4
    assert (
        said.lacks("u.csv, line 2 (row 1): unseen colour", "u.csv, line 3 (row 2): outside day")
        == []
    )


def test_json_lines_hold_what_csv_holds(here: Path) -> None:
    lines = [json.loads(line) for line in predict(here, "--format", "jsonl").splitlines()]
    rows = read(predict(here))
    assert [list(line) for line in lines] == [list(row) for row in rows]
    for line, row in zip(lines, rows, strict=True):
        assert line["id"] == row["id"]
        assert line["size"] == (float(row["size"]) if row["size"] else None)
        assert line["probability_ant"] == float(row["probability_ant"])
    assert predict(here, "-o", "out.jsonl") == ""
    assert [json.loads(line) for line in (here / "out.jsonl").read_text().splitlines()] == lines


def test_parquet_out_and_in(here: Path) -> None:
    assert predict(here, "-o", "out.parquet", "--keep", "all") == ""
    columns = pyarrow.parquet.read_table(here / "out.parquet").to_pydict()
    rows = read(predict(here))
    assert list(columns) == list(rows[0])
    assert columns["id"] == [row["id"] for row in rows]
    assert columns["size"] == [float(row["size"]) if row["size"] else None for row in rows]
    np.testing.assert_allclose(
        columns["probability_bee"], [float(row["probability_bee"]) for row in rows], rtol=1e-6
    )
    (here / "p").mkdir()
    source = pyarrow.parquet.read_table(here / "out.parquet").select(HEADER)
    pyarrow.parquet.write_table(source, here / "p" / "u.parquet", row_group_size=25)
    for data in ("p/u.parquet", "p"):
        found = read(predict(here, data=data))
        assert [row["predicted_kind"] for row in found] == [row["predicted_kind"] for row in rows]
        assert [row["flags"] for row in found] == [row["flags"] for row in rows]
    assert bpnet("train", "c.yaml", "--set", "dataset.path=p/u.parquet", cwd=here).code == 0
    weights = "model/weights.safetensors"
    assert (here / "runs/c-002" / weights).read_bytes() == (
        here / "runs/c-001" / weights
    ).read_bytes()


def test_a_parquet_file_cut_short_is_named(here: Path) -> None:
    predict(here, "-o", "out.parquet")
    whole = (here / "out.parquet").read_bytes()
    for length in (0, 3, 200, len(whole) // 2, len(whole) - 1):
        (here / "cut.parquet").write_bytes(whole[:length])
        for words in (
            ("predict", "runs/c-001", "cut.parquet"),
            ("train", "c.yaml", "--set", "dataset.path=cut.parquet"),
        ):
            said = bpnet(*words, cwd=here)
            assert (said.code, said.out) == (4, ""), length
            assert said.lacks("cut.parquet: is not a whole Parquet file", "again") == []
    damaged = bytearray(whole)
    damaged[100 : len(whole) // 2] = b"\x07" * (len(whole) // 2 - 100)
    (here / "cut.parquet").write_bytes(damaged)
    said = bpnet("predict", "runs/c-001", "cut.parquet", cwd=here)
    assert (said.code, said.out) == (4, ""), said.err
    assert said.lacks("cut.parquet") == []


def test_stdin_in_and_stdout_out(here: Path) -> None:
    for content in ((here / "t.csv").read_bytes(), table(ROWS).replace(",", ";").encode("utf-16")):
        assert read(predict(here, data="-", stdin=content)) == read(predict(here))
    lines = "".join(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in ROWS)
    assert read(predict(here, data="-", stdin=lines.encode())) == read(predict(here))


def test_a_column_that_has_the_name_of_a_prediction(here: Path) -> None:
    header = [*HEADER[:4], "predicted_kind"]
    (here / "u.csv").write_text(table(ROWS, header))
    said = bpnet("predict", "runs/c-001", "u.csv", cwd=here)
    assert (said.code, said.out) == (4, "")
    assert (
        said.lacks("u.csv", "'predicted_kind'", "leave it out with: --keep id,size,colour,day")
        == []
    )
    kept = read(predict(here, "--keep", "id,size,colour,day", data="u.csv"))
    assert [row["predicted_kind"] for row in kept] == [
        row["predicted_kind"] for row in read(predict(here))
    ]


def test_rows_with_too_few_cells_are_named_and_the_old_file_is_kept(here: Path) -> None:
    (here / "out.csv").write_text("old\n")
    (here / "u.csv").write_text(table(ROWS) + "r999,1.0\n")
    said = bpnet("predict", "runs/c-001", "u.csv", "-o", "out.csv", cwd=here)
    assert said.code == 4
    assert said.lacks("u.csv, line 92 (row 91): 2 cells, but the header has 5") == []
    assert (here / "out.csv").read_text() == "old\n"
    assert {path.name for path in here.iterdir()} == {"c.yaml", "t.csv", "u.csv", "out.csv", "runs"}


# eval


def test_eval_stands_beside_baselines(here: Path) -> None:
    said = bpnet("eval", "runs/c-001", cwd=here)
    assert said.code == 0
    header = [line.split("  ") for line in said.out.splitlines()[2:5]]
    assert [[name.strip() for name in line if name.strip()] for line in header] == [
        ["the"],
        ["majority", "logistic", "boosted"],
        ["network", "95 % interval", "class", "regression", "trees"],
    ]
    assert "" not in said.out.splitlines()[2:15]  # the table is in one piece
    for words, names in ((("t.csv",), True), (("--no-baselines",), False)):
        said = bpnet("eval", "runs/c-001", *words, cwd=here)
        assert ("boosted" in said.out) is names
    content = json.loads(bpnet("eval", "runs/c-001", "--no-baselines", "--json", cwd=here).out)
    assert (content["baselines"], content["verdict"]) == ([], [])


def test_eval_says_when_the_network_beats_nothing(here: Path) -> None:
    settings = (
        "training.epochs=1",
        "training.learning_rate=1e-9",
        "architecture.output.initializer=zeros",
    )
    assert (
        bpnet(
            "train", "c.yaml", *(word for one in settings for word in ("--set", one)), cwd=here
        ).code
        == 0
    )
    said = bpnet("eval", "runs/c-002", "t.csv", "--all-rows", cwd=here)
    assert said.code == 0
    assert re.search(
        r"is clearly worse than logistic regression: accuracy 0\.33 against 0\.9\d, log loss 1\.10",
        said.out,
    )
    assert "the network does not beat the majority class: accuracy 0.33 (equal)" in said.out
    content = json.loads(bpnet("eval", "runs/c-002", "t.csv", "--all-rows", "--json", cwd=here).out)
    assert any("clearly worse than logistic regression" in text for text in content["verdict"])
    said = bpnet("eval", "runs/c-001", "t.csv", cwd=here)
    assert "does not beat the majority class" not in said.out


def test_eval_notes_a_rare_class_that_is_never_predicted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=600)})
    rare = table.x + 3 * rng.normal(size=600) > 4.5
    table["y"] = np.where(rare, "fraud", "ok")
    table.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "c.yaml").write_text(
        "dataset: {path: t.csv, target: y}\narchitecture: {hidden: [8]}\ntraining: {epochs: 30}\n"
    )
    assert bpnet("train", "c.yaml", cwd=tmp_path).code == 0
    words = ("eval", "runs/c-001", "t.csv", "--all-rows")
    (note,) = [
        line for line in bpnet(*words, cwd=tmp_path).out.splitlines() if line.startswith("note: no")
    ]
    assert note.startswith(f"note: no row is predicted as 'fraud', though {rare.sum()} are; ")
    option = note.partition("--set ")[2]
    assert bpnet("train", "c.yaml", "--set", option, cwd=tmp_path).code == 0
    words = ("eval", "runs/c-002", "t.csv", "--all-rows")
    assert "note: no row" not in bpnet(*words, cwd=tmp_path).out


@pytest.mark.parametrize("least", [0, 1])
def test_eval_says_why_a_percentage_of_the_true_values_is_undefined(
    tmp_path: Path, least: int
) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=100), "y": np.arange(100) + least})
    table.sample(frac=1, random_state=0).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "c.yaml").write_text(
        "dataset: {path: t.csv, target: y}\narchitecture: {hidden: [4]}\ntraining: {epochs: 2}\n"
    )
    assert bpnet("train", "c.yaml", cwd=tmp_path).code == 0
    lines = bpnet("eval", "runs/c-001", "t.csv", "--all-rows", cwd=tmp_path).out.splitlines()
    assert any(line.startswith("MAPE") and "undefined" in line for line in lines) == (least == 0)
    assert any(line.startswith("note: MAPE is undefined, ") for line in lines) == (least == 0)


def test_eval_json_is_one_clean_document(here: Path) -> None:
    (here / "u.csv").write_text(
        table([row for row in ROWS if row[4] == "ant"])
    )  # some figures are undefined
    said = bpnet("eval", "runs/c-001", "u.csv", "--json", "--all-rows", cwd=here)
    assert said.code == 0
    content = json.loads(said.out, parse_constant=lambda word: pytest.fail(word))
    assert content["rows"] == 30
    assert {figure["name"]: figure["value"] for figure in content["figures"]}["roc_auc"] is None
    assert said.err == ""


def test_eval_of_another_table_needs_no_table_of_the_run(here: Path) -> None:
    whole = json.loads(bpnet("eval", "runs/c-001", "t.csv", "--json", cwd=here).out)
    (here / "t.csv").rename(here / "u.csv")
    said = bpnet("eval", "runs/c-001", "u.csv", "--json", cwd=here)
    assert said.code == 0
    content = json.loads(said.out)
    own = "the run's test part"
    assert (content["data"], content["rows"], content["figures"]) == (own, 14, whole["figures"])
    assert len(content["baselines"]) == len(whole["baselines"]) == 3
    (warning,) = content["warnings"]
    assert warning.startswith("u.csv is the table that the run was trained on: only its test rows")
    assert "--all-rows" in warning

    (here / "v.csv").write_text(table([[row[0], "0.05", *row[2:]] for row in ROWS[:30]]))
    content = json.loads(bpnet("eval", "runs/c-001", "v.csv", "--json", cwd=here).out)
    assert (content["rows"], content["baselines"]) == (30, [])
    (warning,) = content["warnings"]
    assert warning.startswith("no baselines")
    assert "t.csv" in warning
    shown = bpnet("eval", "runs/c-001", "v.csv", cwd=here)
    assert "warning: no baselines" in shown.err
    assert (
        "no baselines" not in bpnet("eval", "runs/c-001", "v.csv", "--no-baselines", cwd=here).err
    )
    alone = bpnet("eval", "runs/c-001", cwd=here)
    assert (alone.code, alone.out) == (4, "")
    assert alone.lacks("t.csv", "its test rows are recognized", "bpnet eval runs/c-001 DATA") == []


def test_a_copied_model_can_be_evaluated(here: Path) -> None:
    shutil.copytree(here / "runs/c-001/model", here / "copy")
    said = bpnet("eval", "copy", "t.csv", "--json", cwd=here)
    assert said.code == 0
    assert json.loads(said.out)["rows"] == 90


def test_a_target_with_a_gap_is_named(here: Path) -> None:
    (here / "u.csv").write_text(table([*ROWS[:3], [*ROWS[3][:4], ""]]))
    said = bpnet("eval", "runs/c-001", "u.csv", cwd=here)
    assert (said.code, said.out) == (4, "")
    assert (
        said.lacks("u.csv, line 5 (row 4), column 'kind': a blank cell is not a target value") == []
    )


# Tables in several files, or damaged


def test_a_folder_whose_files_disagree_is_named(here: Path) -> None:
    (here / "f").mkdir()
    (here / "f" / "a.csv").write_text(table(ROWS[:40]))
    (here / "f" / "b.csv").write_text(table(ROWS[40:], ["id", "size", "color", "day", "kind"]))
    for words in (("train", "c.yaml", "--set", "dataset.path=f"), ("predict", "runs/c-001", "f")):
        said = bpnet(*words, cwd=here)
        assert (said.code, said.out) == (4, "")
        assert (
            said.lacks("f/b.csv", "not those of f/a.csv", "it lacks 'colour'", "it adds 'color'")
            == []
        )
    (here / "f" / "b.csv").write_text(table([row[::-1] for row in ROWS[40:]], HEADER[::-1]))
    found = read(predict(here, data="f"))
    assert [row["id"] for row in found] == [row[0] for row in ROWS]
    assert [row["predicted_kind"] for row in found] == [
        row["predicted_kind"] for row in read(predict(here))
    ]


def test_an_archive_cut_short_is_named(here: Path) -> None:
    (here / "t.csv.gz").write_bytes(gzip.compress(table(ROWS).encode())[:200])
    said = bpnet("predict", "runs/c-001", "t.csv.gz", cwd=here)
    assert (said.code, said.out) == (4, "")
    assert said.lacks("t.csv.gz: is damaged or cut short") == []
