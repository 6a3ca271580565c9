"""The values of a run's config, read quickly: those that the config's own reader finds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT
from hypothesis import given
from hypothesis import strategies as st

from bpnet.config.loading import as_data, read_config
from bpnet.config.source import parse_source, yaml_text
from bpnet.data.reading.compression import COMPRESSIONS
from bpnet.errors import RunError
from bpnet.runs.config_values import layers_text, read_config_values
from bpnet.runs.entry import table_name

CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested data that is neither a mapping nor a list."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif not isinstance(value, list):
        yield path, value


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_value_is_read(config: Path, tmp_path: Path) -> None:
    text = yaml_text(as_data(read_config(config).config))
    (tmp_path / "config.yaml").write_text(text, "utf-8")
    values = read_config_values(tmp_path / "config.yaml")
    expected = dict(leaves(parse_source(text).data))
    for key, value in expected.items():
        if key.startswith("dataset.roles") or key == "members":
            continue
        found = values[key.removesuffix(".kind")]
        assert (found, type(found)) == (value, type(value)), key
    assert len(expected) > 40


CELLS = st.one_of(st.text(), st.floats(), st.integers(), st.none())


@given(st.dictionaries(st.text(max_size=9), CELLS))
def test_text_and_numbers_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, cells: dict[str, Any]
) -> None:
    text = yaml_text({"dataset": {"path": "t.csv"}, "seed": 1, "name": {"a": cells}})
    path = tmp_path_factory.mktemp("values") / "config.yaml"
    path.write_text(text, "utf-8", newline="")
    try:
        expected = parse_source(text).data["name"]["a"]
    except Exception:  # a character that YAML has no place for
        return
    values = read_config_values(path)
    for key, value in expected.items():
        if key != "kind" and "." not in key and not isinstance(value, float):
            assert values[f"name.a.{key}"] == value


def test_a_config_that_a_hand_has_laid_out_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "# by hand\nshared: &one {kind: adam, beta_1: 0.5}\n"
        "dataset: {path: t.csv,\n  target: y}\ntraining:\n  optimizer: *one\n"
    )
    values = read_config_values(tmp_path / "config.yaml")
    assert values["training.optimizer"] == "adam"
    assert values["training.optimizer.beta_1"] == 0.5
    assert values["dataset.target"] == "y"


@pytest.mark.parametrize("text", ["", "seed: 1", "dataset: 3", "[", "dataset: {a: *b}", "\x00"])
def test_what_is_no_config_of_a_run_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(RunError, match=r"config\.yaml: is not the config of a run"):
        read_config_values(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([], "none"),
        ([{"kind": "dense", "units": 8, "activation": {"kind": "relu"}}], "8 relu"),
        (
            [
                {"kind": "scale"},
                {"kind": "dense", "units": 8, "activation": {"kind": "identity"}},
                {"kind": "batch_normalization", "activation": {"kind": "relu"}},
                {"kind": "dropout", "rate": 0.1},
                {"kind": "dense", "units": 4, "activation": {"kind": "relu"}},
                {"kind": "dropout", "rate": 0.1},
            ],
            "8-4 relu + scale + batch_normalization + dropout 0.1",
        ),
        ([3, None], "none"),
    ],
)
def test_layers_are_summed_up(layers: list[Any], text: str) -> None:
    assert layers_text(layers) == text


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("../../iris.csv", "iris"),
        ("iris", "iris"),
        ("my.data.csv", "my.data"),
        ("sklearn:wine", "wine"),
        ("https://example.org/a/b.parquet", "b"),
        (r"C:\tables\t.xlsx", "t"),
        ("-", "-"),
        *((f"a/t.csv{one.suffix}", "t") for one in COMPRESSIONS),
    ],
)
def test_a_table_is_called_by_its_file(path: str, name: str) -> None:
    assert table_name(path) == name


@pytest.mark.parametrize(
    ("keys", "calibration"),
    [
        ({"task": "classification", "calibration": None, "members": [{}]}, "temperature"),
        ({"task": "classification", "calibration": "isotonic", "members": [{}]}, "isotonic"),
        ({"task": "classification", "calibration": None, "members": None}, None),
        ({"task": "regression", "calibration": None, "members": [{}]}, None),
    ],
)
def test_the_calibration_of_a_blend_is_named(
    keys: dict[str, Any], calibration: str | None, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(yaml_text({"dataset": {"path": "t.csv"}} | keys))
    assert read_config_values(tmp_path / "config.yaml")["calibration"] == calibration
