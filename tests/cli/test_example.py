"""`bpnet example`: what it writes is the shipped config with its table, and nothing is lost."""

import json
from pathlib import Path

import pytest
from command_line import ROOT, bpnet

from bpnet.config.loading import as_data, read_config
from bpnet.workflows.editor_schema import FILE
from bpnet.workflows.example import examples

SHIPPED = sorted((ROOT / "configs").rglob("*.yaml"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT / "configs").with_suffix("").as_posix()


def test_without_a_name_it_lists_every_example() -> None:
    said = bpnet("example")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[-1] == "Next: bpnet example iris"
    assert max(map(len, lines)) <= 80
    names = [line.split()[0] for line in lines[:-2] if not line.startswith(" ")]
    assert sorted(names) == sorted(map(name_of, SHIPPED))
    listed = json.loads(bpnet("example", "--json").out)["examples"]
    assert [one["name"] for one in listed] == names
    assert all(one["shows"] for one in listed)


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_it_writes_the_config_and_its_table(path: Path, tmp_path: Path) -> None:
    said = bpnet("example", name_of(path), cwd=tmp_path)
    assert (said.code, said.err) == (0, "")
    config = tmp_path / path.name
    own, shipped = read_config(config), read_config(path)
    data = [as_data(loaded.config) for loaded in (own, shipped)]
    tables = [one["dataset"].pop("path") for one in data]
    assert data[0] == data[1]
    assert f"configs/{name_of(path)}" not in config.read_text()
    files = {FILE, config.name}
    if tables[1] is not None:
        assert (tmp_path / tables[0]).read_bytes() == (path.parent / tables[1]).read_bytes()
        files.add(tables[0])
    assert {file.name for file in tmp_path.iterdir()} == files
    assert said.out.splitlines()[-1] in (
        f"Next: bpnet train {path.name}",
        f"Next: bpnet trace {path.name}",
    )


def test_another_file_is_overwritten_only_with_force(tmp_path: Path) -> None:
    (tmp_path / "iris.csv").write_text("mine")
    said = bpnet("example", "iris", cwd=tmp_path)
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "error: iris.csv exists already; overwrite it with --force, or go to another folder\n"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["iris.csv"]
    assert (tmp_path / "iris.csv").read_text() == "mine"
    for _ in range(2):  # the same files are no others
        said = bpnet("example", "iris", *(["--force"] if _ == 0 else []), "--json", cwd=tmp_path)
        assert json.loads(said.out) == {"config": "iris.yaml", "table": "iris.csv"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("irs", "did you mean 'iris'?"),
        ("sigmoid-2-2-1", "did you mean 'tutorials/sigmoid-2-2-1'?"),
        ("zzzzzzzzz", "list them with: bpnet example"),
        ("../../etc/passwd", "list them with: bpnet example"),
    ],
)
def test_an_unknown_name_has_a_hint(name: str, hint: str, tmp_path: Path) -> None:
    said = bpnet("example", name, cwd=tmp_path)
    assert (said.code, said.out) == (2, "")
    assert said.err == f"error: there is no example '{name}'; {hint}\n"
    assert list(tmp_path.iterdir()) == []


def test_every_summary_is_a_sentence() -> None:
    for example in examples():
        assert example.summary.endswith("."), example.name
        assert "bpnet" not in example.summary
