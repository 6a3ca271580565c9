"""Paths that cannot be looked at: each verb says so, with its exit code."""

import os
import subprocess
from pathlib import Path

import pytest
from command_line import BPNET, ROOT, Said
from harness import documented, survives, survives_apart

LONG = "x" * 300

VERBS = {
    "check": ["check", "PATH"],
    "train": ["train", "PATH"],
    "cv": ["cv", "PATH"],
    "trace": ["trace", "PATH"],
    "gradcheck": ["gradcheck", "PATH"],
    "init": ["init", "PATH", "--target", "y"],
    "eval": ["eval", "PATH"],
    "predict": ["predict", "PATH", "t.csv"],
    "show": ["show", "PATH"],
    "compare": ["compare", "runs/c-001", "PATH"],
    "folder of runs": ["runs", "PATH"],
    "table": ["check", "c.yaml", "--set", "dataset.path=PATH"],
    "table of predict": ["predict", "runs/c-001", "PATH"],
    "table of eval": ["eval", "runs/c-001", "PATH"],
    "output of init": ["init", "t.csv", "--target", "y", "-o", "PATH"],
    "output of predict": ["predict", "runs/c-001", "t.csv", "-o", "PATH"],
    "runs": ["train", "c.yaml", "--runs", "PATH"],
    "markdown": ["eval", "runs/c-001", "--markdown", "PATH"],
}
PATHS = {
    "a long name": f"{LONG}.csv",
    "a folder with a long name": f"{LONG}/t.csv",
    "a long path": "/".join(["y" * 250] * 20),
    "a circle of links": "loop",
    "below a circle of links": "loop/t.csv",
    "below a file": "t.csv/t.csv",
    "the root": "/",
    "blank": " ",
    "a line break": "a\nb",
    "a bracket": "[",
    "stars": "x*" * 60,
    "memory": "/proc/self/mem",
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paths")
    rows = [f"{k % 5},{k * k % 7},{k % 2}" for k in range(40)]
    (folder / "t.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    (folder / "c.yaml").write_text(
        "dataset: {path: t.csv, target: y}\narchitecture: {hidden: []}\ntraining: {epochs: 1}\n"
    )
    (folder / "loop").symlink_to("loop")
    assert survives("train", "c.yaml", cwd=folder).code == 0
    return folder


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_path_that_cannot_be_looked_at_is_named(verb: str, path: str, here: Path) -> None:
    words = [word.replace("PATH", PATHS[path]) for word in VERBS[verb]]
    said = survives(*words, cwd=here)
    if "output" not in verb and verb not in ("runs", "folder of runs", "markdown"):
        assert said.code != 0


@pytest.mark.parametrize("verb", ["check", "table"])
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full"])
def test_a_device_without_an_end_is_not_read_for_ever(verb: str, device: str, here: Path) -> None:
    words = [word.replace("PATH", device) for word in VERBS[verb]]
    assert survives(*words, cwd=here).code in (3, 4)


@pytest.mark.parametrize("verb", ["init", "runs"])
def test_a_working_folder_that_was_deleted_is_named(verb: str, here: Path) -> None:
    words = [word.replace("PATH", "there") for word in VERBS[verb]]
    (here / "gone").mkdir()
    script = 'cd gone && rmdir ../gone && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *BPNET, *words],
        cwd=here, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert documented(Said(done.returncode, done.stdout, done.stderr), *words).code != 0


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is readable for root")
@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_that_cannot_be_entered_is_named(verb: str, here: Path) -> None:
    locked = here / "locked"
    locked.mkdir(exist_ok=True)
    (locked / "t.csv").write_text("a,y\n1,2\n")
    locked.chmod(0)
    try:
        words = [word.replace("PATH", "locked/t.csv") for word in VERBS[verb]]
        assert survives(*words, cwd=here).code != 0
    finally:
        locked.chmod(0o700)


def test_the_limits_of_a_process_hold(here: Path) -> None:
    assert survives_apart("check", "c.yaml", cwd=here).code == 0
