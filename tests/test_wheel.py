"""A wheel, installed into an empty environment, and used from a folder outside the checkout."""

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from command_line import ROOT

from bpnet import __version__

pytestmark = pytest.mark.slow


def run(*words: str | Path, cwd: Path) -> str:
    """Run a command without this checkout on the path, and return its output."""
    left_out = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run(
        [*map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from what is in the repository."""
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    for name in ("bpnet", "configs", "datasets"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder]
    run(*pip, source, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


def test_it_holds_code_pages_presets_examples_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert wheel.name == f"bpnet_cli-{__version__}-py3-none-any.whl"
    for folder, suffixes in (
        ("bpnet", (".py", ".md", ".yaml", ".html", ".js")),
        ("configs", (".yaml",)),
    ):
        place = "" if folder == "bpnet" else "bpnet/examples/"
        files = [file for file in (ROOT / folder).rglob("*") if file.suffix in suffixes]
        assert len(files) > 20
        assert {f"{place}{file.relative_to(ROOT).as_posix()}" for file in files} <= names
    for file in (ROOT / "datasets").iterdir():
        assert f"bpnet/examples/datasets/{file.name}" in names
    assert "bpnet/py.typed" in names
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"bpnet", f"bpnet_cli-{__version__}.dist-info"}


def test_it_works_in_an_empty_environment_outside_the_checkout(
    wheel: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=True)
    pip, installed = environment / "bin" / "pip", environment / "bin" / "bpnet"
    run(pip, "install", "--quiet", wheel, cwd=environment)
    listed = run(pip, "list", "--format=freeze", cwd=environment)
    names = {line.partition("==")[0].lower().replace("_", "-") for line in listed.splitlines()}
    assert {"bpnet-cli", "numpy", "pandas", "typer"} <= names
    assert not names & {"pytest", "pyarrow", "torch", "vl-convert-python", "jinja2", "onnx"}

    assert run(installed, "--version", cwd=tmp_path) == f"bpnet {__version__}\n"
    assert "tutorials/xor" in run(installed, "example", cwd=tmp_path)
    assert run(installed, "example", "iris", cwd=tmp_path).splitlines()[-1] == (
        "Next: bpnet train iris.yaml"
    )
    run(installed, "check", "iris.yaml", cwd=tmp_path)
    out = run(installed, "train", "iris.yaml", cwd=tmp_path)
    assert re.search(r"^test .* 0\.9\d+$", out, re.MULTILINE), out
    assert "boosted" in run(installed, "eval", "runs/iris-001", cwd=tmp_path)
    assert "predicted_species" in run(
        installed, "predict", "runs/iris-001", "iris.csv", "-o", "-", cwd=tmp_path
    )
    run(installed, "init", "iris.csv", "--target", "species", "-o", "own.yaml", cwd=tmp_path)
    run(installed, "train", "own.yaml", "--set", "preset=fast", cwd=tmp_path)
    assert "Adam" in run(installed, "explain", "adamw", cwd=tmp_path)
    assert run(installed, "schema", cwd=tmp_path).startswith("{")
    assert "# Tables" in run(installed, "guide", "tables", cwd=tmp_path)
