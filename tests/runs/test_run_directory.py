"""Making numbered run directories, and recognising one."""

import errno
import multiprocessing
import os
from pathlib import Path

import pytest

from bpnet.errors import RunError, UsageError
from bpnet.runs.directory import RunPaths, create, open_run, valid_name


def make_run(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    return folder


# Names


@pytest.mark.parametrize(
    "name", ["iris", "Iris.v2", "a", "7", "_x", "größe", "a" * 100, "a-b_c.d-"]
)
def test_good_names(name: str) -> None:
    assert valid_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".iris", "-iris", "a/b", "a\\b", "a b", "a\n", "a:b", "a" * 101]
)
def test_bad_names(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        valid_name(name)
    assert caught.value.exit_code == 2
    assert f"the run name {name!r} cannot name a folder" in str(caught.value)
    assert "allowed are up to 100 letters, digits, '.', '_' and '-'" in str(caught.value)
    with pytest.raises(UsageError):
        create(tmp_path / "runs", name)
    assert not (tmp_path / "runs").exists()


# Making


def test_numbers_count_up_and_parents_are_made(tmp_path: Path) -> None:
    parent = tmp_path / "deep" / "runs"
    assert [create(parent, "iris").name for _ in range(3)] == ["iris-001", "iris-002", "iris-003"]
    assert create(parent, "wine") == parent / "wine-001"
    assert all(folder.is_dir() for folder in parent.iterdir())


@pytest.mark.parametrize(
    ("existing", "made"),
    [
        (["iris-001", "iris-005"], "iris-006"),
        (["iris-9"], "iris-010"),
        (["iris-999"], "iris-1000"),
        (["iris-1000", "iris-999"], "iris-1001"),
        (["IRIS-007"], "iris-008"),
        (
            ["iris", "iris-", "iris-x", "iris-001-002", "my-iris-003", "iris-004.bak", "iriss-005"],
            "iris-001",
        ),
    ],
)
def test_the_next_number(tmp_path: Path, existing: list[str], made: str) -> None:
    for name in existing:
        (tmp_path / name).mkdir()
    assert create(tmp_path, "iris").name == made


def test_a_file_takes_a_number_too_and_dots_are_not_wildcards(tmp_path: Path) -> None:
    (tmp_path / "a.b-001").touch()
    (tmp_path / "axb-007").mkdir()
    assert create(tmp_path, "a.b").name == "a.b-002"


def test_a_number_taken_meanwhile_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        (tmp_path / f"iris-00{number}").mkdir()
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(()))
    assert create(tmp_path, "iris").name == "iris-003"


def _create_many(parent: Path) -> list[str]:
    return [create(parent, "iris").name for _ in range(20)]


def test_processes_never_share_a_directory(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        made = [name for names in pool.map(_create_many, [tmp_path / "runs"] * 4) for name in names]
    assert sorted(made) == [f"iris-{number:03d}" for number in range(1, 81)]


def refused(parent: Path) -> str:
    with pytest.raises(RunError) as caught:
        create(parent, "iris")
    assert caught.value.exit_code == 5
    return str(caught.value)


@pytest.mark.parametrize(
    ("below", "reason"), [("", "it is not a folder"), ("runs", "Not a directory")]
)
def test_a_parent_that_is_a_file(tmp_path: Path, below: str, reason: str) -> None:
    parent = tmp_path / "file" / below
    (tmp_path / "file").touch()
    assert refused(parent) == (
        f"{parent}: a run directory cannot be made here: {reason}; choose a folder with --runs DIR"
    )


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_parent_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(path: Path, mode: int = 0o777) -> None:
        raise OSError(code, os.strerror(code), str(path))

    (tmp_path / "runs").mkdir()
    mkdir = os.mkdir
    monkeypatch.setattr(
        os, "mkdir", lambda path, mode=0o777: (refuse if "iris" in str(path) else mkdir)(path, mode)
    )
    for parent in (tmp_path / "runs", tmp_path / "iris" / "runs"):
        assert refused(parent) == (
            f"{parent}: a run directory cannot be made here: {os.strerror(code)}; "
            "choose a folder with --runs DIR"
        )


# Opening


def test_the_places_of_a_run(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "iris-001"))
    assert run == RunPaths(tmp_path / "iris-001")
    places = [run.config, run.run, run.metrics_csv, run.metrics_json, run.splits, run.model]
    assert [str(place.relative_to(run.folder)) for place in places] == [
        "config.yaml", "run.json", "metrics.csv", "metrics.json", "splits.csv", "model"
    ]  # fmt: skip


def problem_of(path: Path) -> str:
    with pytest.raises(RunError) as caught:
        open_run(path)
    assert caught.value.exit_code == 5
    return str(caught.value)


def test_a_missing_run_suggests_a_near_one(tmp_path: Path) -> None:
    make_run(tmp_path / "iris-001")
    (tmp_path / "iris-02").mkdir()  # not a run
    path = tmp_path / "iris-01"
    assert problem_of(path) == (
        f"{path}: there is no such run directory; did you mean '{tmp_path / 'iris-001'}'?"
    )


def test_a_missing_run_without_a_near_one(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "iris-001"
    assert (
        problem_of(path)
        == f"{path}: there is no such run directory; `bpnet train CONFIG` makes one"
    )


WHAT = (
    "a run directory is what `bpnet train` makes and holds config.yaml, run.json, model/ and more"
)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    assert problem_of(tmp_path) == f"{tmp_path}: is not a run directory; {WHAT}"


def test_the_folder_around_runs(tmp_path: Path) -> None:
    for name in ("iris-001", "iris-002"):
        make_run(tmp_path / name)
    assert problem_of(tmp_path).endswith(f"{WHAT}; did you mean '{tmp_path / 'iris-002'}'?")


def test_a_file_or_folder_inside_a_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "iris-001")
    (run / "model").mkdir()
    (run / "model" / "model.json").touch()
    assert (
        problem_of(run / "model")
        == f"{run / 'model'}: is not a run directory; {WHAT}; did you mean '{run}'?"
    )
    path = run / "model" / "model.json"
    assert (
        problem_of(path) == f"{path}: is a file, not a run directory; {WHAT}; did you mean '{run}'?"
    )


def test_a_file_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "iris.csv").touch()
    assert (
        problem_of(tmp_path / "iris.csv")
        == f"{tmp_path / 'iris.csv'}: is a file, not a run directory; {WHAT}"
    )


def test_a_path_that_the_system_refuses(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300)
    assert (
        problem_of(path) == f"{path}: cannot be opened: File name too long; "
        "check the name, and the permissions of its folder"
    )


def test_require(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "iris-001"))
    (run.folder / "splits.csv").mkdir()  # a folder is no file
    run.require("run.json")
    with pytest.raises(RunError) as caught:
        run.require("config.yaml", "run.json", "splits.csv", "model/weights.safetensors")
    assert str(caught.value) == (
        f"{run.folder}: the run is not complete, it lacks config.yaml, splits.csv, "
        "model/weights.safetensors; train again, or restore the files"
    )
