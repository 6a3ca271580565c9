"""`extends`: what a file inherits, where each key was written, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import ROOT, bpnet
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.config.from_python import load_python_config
from bpnet.config.inheritance import read_source
from bpnet.config.loading import as_data, read_config
from bpnet.config.source import read_file
from bpnet.errors import ConfigError

DATASET = "dataset: {path: t.csv, target: y}\n"
SHIPPED = sorted((ROOT / "configs").rglob("*.yaml"))


def written(folder: Path, **files: str) -> Path:
    """Write files named after the keywords, and return the first."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / f"{next(iter(files))}.yaml"


def merged(folder: Path, base: str, own: str) -> dict[str, Any]:
    return read_source(written(folder, own=f"extends: base.yaml\n{own}", base=base)).data


def problems(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read_config(path)
    return error.value.problems


CASES = {
    # name: (parent, file, both)
    "keys are merged": ("seed: 1\nfolds: 3", "seed: 2", "seed: 2\nfolds: 3"),
    "null is a value": ("folds: 3", "folds: null", "folds: null"),
    "sections are merged": (
        "training: {epochs: 3, l2: 0.1}",
        "training: {epochs: 5}",
        "training: {epochs: 5, l2: 0.1}",
    ),
    "lists are replaced": (
        "architecture: {hidden: [8, 8, 8]}",
        "architecture: {hidden: [4]}",
        "architecture: {hidden: [4]}",
    ),
    "members are replaced": ("members: [{name: a}, {name: b}]", "members: [{}]", "members: [{}]"),
    "columns are merged by name": (
        "dataset: {roles: {a: numeric, b: date}}",
        "dataset: {roles: {b: ignored, c: text}}",
        "dataset: {roles: {a: numeric, b: ignored, c: text}}",
    ),
    "a component of the same kind keeps settings": (
        "training: {optimizer: {kind: adam, beta_1: 0.8}}",
        "training: {optimizer: {kind: adam, beta_2: 0.9}}",
        "training: {optimizer: {kind: adam, beta_1: 0.8, beta_2: 0.9}}",
    ),
    "also as a word": (
        "training: {optimizer: {kind: adam, beta_1: 0.8}}",
        "training: {optimizer: adam}",
        "training: {optimizer: {kind: adam, beta_1: 0.8}}",
    ),
    "one of another kind drops them": (
        "training: {optimizer: {kind: adam, beta_1: 0.8}}",
        "training: {optimizer: {kind: momentum}}",
        "training: {optimizer: {kind: momentum}}",
    ),
    "also of the default kind": (
        "training: {optimizer: {beta_1: 0.8}}",
        "training: {optimizer: momentum}",
        "training: {optimizer: {kind: momentum}}",
    ),
    "settings without a kind complete any": (
        "training: {optimizer: momentum}",
        "training: {optimizer: {momentum: 0.5}}",
        "training: {optimizer: {kind: momentum, momentum: 0.5}}",
    ),
    "the default kind may be named": (
        "training: {optimizer: {beta_1: 0.8}}",
        "training: {optimizer: {kind: adam, beta_2: 0.9}}",
        "training: {optimizer: {beta_1: 0.8, kind: adam, beta_2: 0.9}}",
    ),
    "layers take the place of hidden": (
        "architecture: {hidden: [3], dropout: 0.1, output: {bias: false}}",
        "architecture: {layers: [dropout]}",
        "architecture: {output: {bias: false}, layers: [dropout]}",
    ),
    "and hidden of layers": (
        "architecture: {layers: [dropout]}",
        "architecture: {hidden: [3]}",
        "architecture: {hidden: [3]}",
    ),
    "a file of each part takes the place of one": (
        "dataset: {path: t.csv, target: y}",
        "dataset: {path: {train: a.csv, test: b.csv}}",
        "dataset: {path: {train: a.csv, test: b.csv}, target: y}",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_file_and_its_parent_are_merged(case: str, tmp_path: Path) -> None:
    base, own, both = CASES[case]
    assert merged(tmp_path, base, own) == yaml.safe_load(both)


def test_of_several_parents_the_later_count_and_the_file_most(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        own="extends: [a.yaml, b.yaml]\nname: own\n",
        a="extends: c.yaml\nseed: 1\nfolds: 2\nname: a\n",
        b="seed: 2\nname: b\n",
        c="replicas: 5\nfolds: 7\n",
    )
    assert read_source(path).data == {"replicas": 5, "folds": 2, "seed": 2, "name": "own"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_file_that_only_extends_is_its_parent(path: Path, tmp_path: Path) -> None:
    """Also from another folder, from which paths lead to the same table."""
    child = tmp_path / "child.yaml"
    child.write_text(f"extends: {path}\n")
    one, two = read_config(path), read_config(child)
    data = [as_data(loaded.config) for loaded in (one, two)]
    places = [
        (loaded.folder / either.pop("path")).resolve()
        for loaded, either in zip((one, two), (each["dataset"] for each in data), strict=True)
        if isinstance(either["path"], str)
    ]
    assert data[0] == data[1]
    assert len(set(places)) <= 1


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_keys_divided_among_files_are_the_same_config(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each key is in the file or in its parent, or another value of it is in the parent too."""
    path = data.draw(st.sampled_from(SHIPPED))
    whole = read_file(path).data
    files: list[dict[str, Any]] = [{}, {}]
    for key, value in whole.items():
        if isinstance(value, dict) and data.draw(st.booleans()):
            for inner, one in value.items():
                for k in data.draw(st.sampled_from([[0], [1], [0, 1]])):
                    files[k].setdefault(key, {})[inner] = one
        else:
            files[data.draw(st.sampled_from([0, 1]))][key] = value
    folder = tmp_path_factory.mktemp("divided")
    child = written(
        folder,
        child=yaml.safe_dump({"extends": "base.yaml", **files[0]}),
        base=yaml.safe_dump(files[1] or {"seed": whole.get("seed", 0)}),
    )
    expected = yaml.safe_load(yaml.safe_dump(as_data(read_config(path).config)))
    assert yaml.safe_load(yaml.safe_dump(as_data(read_config(child).config))) == expected


def test_a_message_names_the_file_and_line_of_each_key(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        own="extends: base.yaml\ntraining:\n  epochs: 0\n  optimizer: adam\n",
        base=f"{DATASET}training:\n  l2: -1\n  optimizer: {{kind: adam, beta_1: 2}}\n  no: 1\n",
    )
    base = tmp_path / "base.yaml"
    assert [text.split(";")[0] for text in problems(path)] == [
        f"{base}, line 3: training.l2 is -1",
        f"{base}, line 4: training.optimizer.beta_1 is 2",
        f"{base}, line 5: unknown key training.no",
        f"{path}, line 3: training.epochs is 0",
    ]


def test_rows_of_a_parent_are_on_its_lines(tmp_path: Path) -> None:
    rows = "dataset:\n  columns: [a, y]\n  target: y\n  rows:\n    - [1, 2]\n    - [x, 3]\n"
    path = written(
        tmp_path,
        own="extends: base.yaml\n\n\n\n\n\ntask: regression\ntraining: {epochs: 1}\n",
        base=f"{rows}    - [1, oops]\n  roles: {{a: categorical}}\n",
    )
    said = bpnet("check", path)
    assert said.code == 4
    assert f"{tmp_path / 'base.yaml'}, line 7" in said.err


def test_set_is_over_all_and_cannot_extend(tmp_path: Path) -> None:
    path = written(tmp_path, own="extends: base.yaml\nseed: 2\n", base=f"{DATASET}seed: 1\n")
    assert read_config(path, ["seed=3"]).config.seed == 3
    with pytest.raises(ConfigError, match=r"--set extends=base\.yaml: extends is for a file only"):
        read_config(path, ["extends=base.yaml"])


BAD = {
    # name: (files, the message)
    "itself": ({"own": "extends: own.yaml"}, "own.yaml, line 1: extends in a circle: "),
    "a circle": (
        {"own": "seed: 1\nextends: a.yaml", "a": "extends: b.yaml", "b": "\nextends: own.yaml"},
        "b.yaml, line 2: extends in a circle: ",
    ),
    "nothing there": ({"own": "extends: bas.yaml", "base": "seed: 1"}, "no such config file; did "),
    "no hint at itself": (
        {"own": "extends: owl.yaml"},
        "owl.yaml: no such config file; see configs/ for examples",
    ),
    "a folder": ({"own": "extends: ."}, "line 1: extends "),
    "a table": ({"own": "extends: t.csv"}, "t.csv: is a table, not a config; "),
    "empty": ({"own": "extends:"}, "own.yaml, line 1: extends is empty; it must be a config file"),
    "no text": ({"own": "extends: [a.yaml, {b: c}]"}, "it must be a config file, such as "),
    "no name": ({"own": 'extends: "a\\0.yaml"'}, "it must be a config file, such as base.yaml"),
    "two lines": ({"own": 'extends: "a\\nb.yaml"'}, "it must be a config file, such as base.yaml"),
    "a long name": ({"own": f"extends: {'a' * 5000}"}, "own.yaml, line 1: extends "),
    "a link to itself": ({"own": "extends: loop.yaml"}, "own.yaml, line 1: extends "),
    "an endless file": ({"own": "extends: /dev/zero"}, "/dev/zero: is larger than 10 MB, which"),
    "null": (
        {"own": "extends: null"},
        "own.yaml, line 1: extends is null; it must be a config file, such as base.yaml, or a list "
        "of them; if there is none, leave extends out",
    ),
    "an empty file": ({"own": "extends: a.yaml", "a": "# none"}, "own.yaml, line 1: extends "),
    "no YAML": ({"own": "extends: a.yaml", "a": "x: ["}, "a.yaml, line 1: not valid YAML"),
    "a chain": (
        {
            "own": "extends: k0.yaml",
            **{f"k{k}": f"extends: k{k + 1}.yaml" for k in range(60)},
        },
        "k49.yaml, line 1: extends k50.yaml: a config may extend 50 files in all; ",
    ),
    "lists of lists": (
        {
            "own": "extends: [k0.yaml, k0.yaml]",
            **{f"k{k}": f"extends: [k{k + 1}.yaml, k{k + 1}.yaml]" for k in range(9)},
            "k9": "seed: 1",
        },
        "a config may extend 50 files in all; ",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_one_message_says_what_cannot_be_extended(case: str, tmp_path: Path) -> None:
    files, message = BAD[case]
    (tmp_path / "t.csv").write_text("a,y\n1,2\n")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    path = written(tmp_path, **files)
    said = problems(path)
    assert len(said) == 1
    assert message in said[0]


def test_a_config_of_python_extends_files_too(tmp_path: Path) -> None:
    path = written(tmp_path, own="extends: base.yaml\nseed: 2\n", base=f"{DATASET}folds: 3\n")
    loaded = load_python_config(path)
    assert (loaded.config.seed, loaded.config.folds) == (2, 3)
    loaded = load_python_config({"extends": str(path), "seed": 5})
    assert (loaded.config.seed, loaded.config.folds) == (5, 3)
    assert loaded.config.dataset.path is not None
    assert (loaded.folder / str(loaded.config.dataset.path)).resolve() == tmp_path / "t.csv"
    with pytest.raises(ConfigError) as error:
        load_python_config({"extends": str(path), "seed": -1, "folds": 1})
    assert [text.partition(" is ")[0] for text in error.value.problems] == [
        "config: seed",
        "config: folds",
    ]


def test_the_config_of_a_run_is_whole(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{k % 7}.5,{k % 3}.5\n" for k in range(40)))
    (tmp_path / "inner").mkdir()
    written(tmp_path, base=f"{DATASET}training: {{epochs: 1}}\narchitecture: {{hidden: [2]}}\n")
    path = written(tmp_path / "inner", own="extends: ../base.yaml\nseed: 4\n")
    said = bpnet("train", path, "--runs", tmp_path / "runs", "--quiet")
    assert (said.code, said.err) == (0, "")
    saved = read_file(tmp_path / "runs" / "own-001" / "config.yaml").data
    assert "extends" not in saved
    assert (saved["seed"], saved["architecture"]["layers"][0]["units"]) == (4, 2)
    assert (tmp_path / "runs" / "own-001" / saved["dataset"]["path"]).resolve() == (
        tmp_path / "t.csv"
    )
