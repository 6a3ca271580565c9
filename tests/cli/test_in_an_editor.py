"""A config of `bpnet init` in an editor: the YAML language server checks and completes it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import ROOT, bpnet
from language_server import LanguageServer, needs_server

from bpnet.config.json_schema import config_schema
from bpnet.workflows.editor_schema import FILE, LINE, write_schema

TABLE = ROOT / "datasets" / "iris.csv"
DATASET = f"{LINE}\ndataset: {{path: t.csv, target: y}}\n"


def made(folder: Path) -> Path:
    """Return a config that `init` wrote into a folder."""
    path = folder / "iris.yaml"
    said = bpnet("init", TABLE, "--target", "species", "-o", path)
    assert (said.code, said.err) == (0, "")
    return path


def test_the_first_line_names_the_schema_beside_the_config(tmp_path: Path) -> None:
    assert made(tmp_path).read_text().splitlines()[0] == LINE
    assert json.loads((tmp_path / FILE).read_text()) == config_schema()
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, "iris.yaml"]


def test_standard_output_has_no_schema_beside_it(tmp_path: Path) -> None:
    assert LINE not in bpnet("init", TABLE, "--target", "species", "-o", "-", cwd=tmp_path).out
    assert list(tmp_path.iterdir()) == []


def test_a_schema_of_another_version_is_replaced(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({**config_schema(), "definitions": {}}))
    write_schema(tmp_path)
    assert json.loads((tmp_path / FILE).read_text()) == config_schema()


@pytest.mark.parametrize("content", ["mine", "[]", '{"title": "mine"}', ""])
def test_another_file_of_its_name_stays(content: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content)
    write_schema(tmp_path)
    assert (tmp_path / FILE).read_text() == content


def test_a_folder_of_its_name_stays(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    assert made(tmp_path).is_file()
    assert (tmp_path / FILE).is_dir()


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    with LanguageServer() as running:
        yield running


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config beside the schema."""
    made(tmp_path)
    return tmp_path / "config.yaml"


@pytest.mark.slow
@needs_server
class TestServer:
    """The language server itself."""

    def test_it_finds_nothing_in_a_config_that_init_wrote(
        self, server: LanguageServer, tmp_path: Path
    ) -> None:
        assert server.findings(made(tmp_path)) == []

    @pytest.mark.parametrize(
        "path", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda path: path.stem
    )
    def test_it_finds_nothing_in_the_configs_that_are_shipped(
        self, path: Path, server: LanguageServer, config: Path
    ) -> None:
        shutil.copy(path, config)
        config.write_text(f"{LINE}\n{config.read_text()}")
        assert server.findings(config) == []

    @pytest.mark.parametrize(
        ("text", "line", "message"),
        [
            ("training:\n  epoch: 3\n", 4, "Property epoch is not allowed."),
            ("training:\n  optimizer: {kind: adam, beta: 1}\n", 4, "Property beta is not allowed."),
            ("training:\n  optimizer: adamm\n", 4, 'Value is not accepted. Valid values: "gr'),
            ("seed: 1\ntraining: {learning_rate: 0}\n", 4, "Value is below the exclusive mini"),
            ("members:\n  - {name: a, seed: 3}\n", 4, "Property seed is not allowed."),
            ("architecture:\n  layers: [{kind: dense}]\n", 4, 'Missing property "units".'),
        ],
    )
    def test_it_underlines_a_mistake(
        self, text: str, line: int, message: str, server: LanguageServer, config: Path
    ) -> None:
        config.write_text(f"{DATASET}{text}")
        ((found, words),) = server.findings(config)
        assert (found, words[: len(message)]) == (line, message)

    def test_it_completes_keys_and_kinds_with_their_texts(
        self, server: LanguageServer, config: Path
    ) -> None:
        config.write_text(f"{DATASET}training:\n  optimizer: \n")
        server.findings(config)
        kinds = server.completions(config, 4, 13)
        assert {"adam", "momentum", "rprop"} <= kinds.keys()
        assert kinds["adam"].startswith("Momentum, in units of each gradient's recent size")
        second = config.with_name("second.yaml")
        second.write_text(f"{DATASET}training:\n  optimizer: adam\n  \n")
        server.findings(second)
        keys = server.completions(second, 5, 2)
        assert {"epochs", "learning_rate"} <= keys.keys()
        assert "optimizer" not in keys
        assert "default 100" in keys["epochs"]

    def test_it_shows_the_docstring_with_bounds_and_default(
        self, server: LanguageServer, config: Path
    ) -> None:
        config.write_text(f"{DATASET}training:\n  optimizer: {{kind: adam, beta_1: 0.8}}\n")
        assert server.findings(config) == []
        assert "Share β1 of the mean gradient m that stays" in server.hover(config, 4, 28)
        assert "number; at least 0, less than 1; default 0.9" in server.hover(config, 4, 28)

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("training: {optimizer: {momentum: 0.5}}", []),
            ("training: {epoch: 3}", [(3, "Property epoch is not allowed.")]),
        ],
    )
    def test_a_part_of_a_config_may_extend_another(
        self, text: str, found: list[tuple[int, str]], server: LanguageServer, config: Path
    ) -> None:
        config.write_text(f"{LINE}\nextends: base.yaml\n{text}\n")
        assert server.findings(config) == found
