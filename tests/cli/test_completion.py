"""Completion: what each word may be, and the scripts in shells of their own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from command_line import ROOT, bpnet
from shells import START, Shell, is_there

from bpnet.config.key_tree import ROOT as TREE
from bpnet.config.key_tree import Place


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with configs, a table, and two runs."""
    monkeypatch.delenv("BPNET_RUNS", raising=False)
    names = ("a.yaml", "b.yml", "t.csv", ".hidden.yaml", "with blank.yaml", "z$(x) *.yaml")
    for name in (*names, "line\nbreak.yaml"):
        (tmp_path / name).write_text("training: {optimizer: {kind: momentum}}\n")
    for run in ("runs/a-001", "runs/b-001", "other/c-001"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "run.json").write_text("{}")
    (tmp_path / "runs" / "no-run").mkdir()
    return tmp_path


def completed(*words: str, folder: Path = ROOT, shell: str = "fish") -> list[str]:
    """Return the words that may stand for the last one, without what they are."""
    os.environ["_BPNET_COMPLETE"] = shell
    try:
        said = bpnet(*words, cwd=folder)
    finally:
        del os.environ["_BPNET_COMPLETE"]
    assert (said.code, said.err) == (0, "")
    return [line.partition("\t")[0] for line in said.out.splitlines()]


CASES = {
    # the words so far: what the last may be
    "tr": ["train", "trace"],
    "wrong ": [],
    "--v": ["--version"],
    "train --r": ["--runs", "--report"],
    "train a.yaml --report --r": ["--runs"],
    "train a.yaml --set seed=1 --se": ["--set"],
    "train ": ["a.yaml", "b.yml", "other/", "runs/", "with blank.yaml", "z$(x) *.yaml"],
    "train a": ["a.yaml"],
    "train .h": [".hidden.yaml"],
    "train a.yaml ": [],
    "train --runs ": ["other/", "runs/"],
    "train --runs=o": ["--runs=other/"],
    "train a.yaml --from ": ["runs/a-001", "runs/b-001", "runs/no-run/", "other/", "runs/"],
    "show ": ["runs/a-001", "runs/b-001", "runs/no-run/", "other/", "runs/"],
    "show other/": ["other/c-001"],
    "trace a": ["a.yaml"],
    "trace runs/b": ["runs/b-001"],
    "eval runs/a-001 ": [],
    "predict runs/a-001 t.csv --replica ": ["all", "best"],
    "predict runs/a-001 t.csv --format j": ["jsonl", "json"],
    "check a.yaml --columns ": ["auto", "all"],
    "trace a.yaml --bug u": ["updated-weights"],
    "init t.csv --task r": ["regression"],
    "plot runs/a-001 cu": ["curves"],
    "plot runs/a-001 runs/b": ["runs/b-001"],
    "plot runs/a-001 r": [
        "runs/a-001",
        "runs/b-001",
        "runs/no-run/",
        "runs/",
        "roc",
        "residuals",
        "replicas",
    ],
    "example tutorials/x": ["tutorials/xor"],
    "guide con": ["config", "config-reference"],
    "explain training.optimizer.mome": [
        "training.optimizer.momentum",
        "training.optimizer.momentum.",
    ],
    "train a.yaml --set tr": ["training."],
    "train a.yaml --set training.optimizer": ["training.optimizer.", "training.optimizer="],
    "train a.yaml --set training.optimizer.": ["training.optimizer.momentum="],
    "train --set training.optimizer.": [
        "training.optimizer.beta_1=",
        "training.optimizer.beta_2=",
        "training.optimizer.epsilon=",
    ],
    "train a.yaml --set training.optimizer=ada": [
        "training.optimizer=adagrad",
        "training.optimizer=adam",
        "training.optimizer=adamw",
    ],
    "train a.yaml --set=preset=": [
        "--set=preset=fast",
        "--set=preset=default",
        "--set=preset=best",
        "--set=preset=null",
    ],
    "train a.yaml --set dataset.roles.x=n": ["dataset.roles.x=numeric"],
    "train a.yaml --set refit=": ["refit=true", "refit=false"],
    "train a.yaml --set no.such=": [],
    "train a.yaml --set no.such.": [],
    "train a.yaml --set extend": [],
    "train a.yaml --grid training.optimizer=adam,nes": ["training.optimizer=adam,nesterov"],
    "init t.csv --set ": ["dataset."],
    "eval runs/a-001 --set dataset.": ["dataset.reading."],
    "predict -- ": ["runs/a-001", "runs/b-001", "runs/no-run/", "other/", "runs/"],
}


@pytest.mark.parametrize("line", CASES)
def test_a_word_is_completed(line: str, here: Path) -> None:
    assert completed(*line.split(" "), folder=here) == CASES[line]


def test_columns_are_those_of_the_table_or_the_run(tmp_path: Path) -> None:
    rows = [f"{k % 7},{k % 5}.5,{k % 2}" for k in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b c,y", *rows]))
    (tmp_path / "c.yaml").write_text(
        "dataset: {path: t.csv, target: y}\narchitecture: {hidden: [2]}\ntraining: {epochs: 1}\n"
    )
    assert bpnet("train", "c.yaml", cwd=tmp_path).code == 0
    for words, expected in {
        ("init", "t.csv", "--target", ""): ["a", "b c", "y"],
        ("init", "t.csv", "--target=b"): ["--target=b c"],
        ("init", "no.csv", "--target", ""): [],
        ("eval", "runs/c-001", "--partial-dependence", ""): ["a", "b c"],
        ("plot", "runs/c-001/model", "decision", "--column", "b"): ["b c"],
        ("plot", "runs", "decision", "--column", ""): [],
    }.items():
        assert completed(*words, folder=tmp_path) == expected


def test_every_verb_and_option_is_completed() -> None:
    from bpnet.cli.app import app

    group = typer.main.get_command(app)
    assert completed("") == list(group.commands)  # type: ignore[attr-defined]
    for verb, command in group.commands.items():  # type: ignore[attr-defined]
        options = {
            name
            for one in command.params
            if one.param_type_name == "option"
            for name in (*one.opts, *one.secondary_opts)
            if name.startswith("--")
        }
        assert {*completed(verb, "--")} == {*options, "--help"}


def test_every_key_is_reached_by_completion() -> None:
    """Each key that is not in a kind, a list or a mapping by names, section by section."""
    words, sections = set(), [""]
    while sections:
        inside = completed("train", "--set", sections.pop())
        sections += [word for word in inside if word.endswith(".") and word not in words]
        words |= set(inside)
    for key in TREE.walk():
        around = [place for place in places_around(key) if place.parent is not None]
        one_by_one = all(not place.is_kind and place.keys and not place.kinds for place in around)
        if not key.is_kind and one_by_one and key.dotted != "extends":
            assert {f"{key.dotted}=", f"{key.dotted}."} & words, key.dotted


def places_around(place: Place) -> list[Place]:
    return [] if place.parent is None else [place.parent, *places_around(place.parent)]


def test_runs_are_those_of_the_folder_that_the_environment_names(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BPNET_RUNS", str(here / "other"))
    assert completed("show", "", folder=here)[0] == f"{here}/other/c-001"


def test_bash_gets_the_line_and_takes_the_end_of_a_word_that_it_divides(here: Path) -> None:
    def ask(line: str) -> list[str]:
        return completed(line, folder=here, shell="bash")

    assert ask("bpnet tr") == ["train", "trace"]
    assert ask("bpnet train a.yaml --set training.optimizer=nest") == ["nesterov"]
    assert ask("bpnet train a.yaml --set 'training.optimizer=nest") == [
        "training.optimizer=nesterov"
    ]
    assert ask("bpnet train a.yaml --set training.optimizer='nest") == ["nesterov"]
    assert ask("bpnet train a.yaml --set 'dataset.roles.a b=cat") == [
        "dataset.roles.a b=categorical"
    ]
    assert ask(r"bpnet train a.yaml --set dataset.roles.a\ b=cat") == ["categorical"]
    assert ask('bpnet train "with bl') == ["with blank.yaml"]
    assert ask("bpnet train '' a.yaml 'x y' --se") == ["--set"]
    assert ask("bpnet train a.yaml --runs=ot") == ["other/"]
    assert ask("bpnet train wi") == ["with blank.yaml"]
    assert ask("bpnet init sklearn:w") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_installed_once(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    start = tmp_path / f".{shell}rc"
    start.write_text("# mine")
    for _ in range(2):
        said = bpnet("--install-completion")
        assert (said.code, said.err) == (0, "")
    script = bpnet("--show-completion").out
    written = Path(said.out.partition(":")[0])
    assert written.read_text() == script
    line = "" if shell == "fish" else f"\nsource {written}\n"
    assert start.read_text() == f"# mine{line}"


def test_a_shell_without_a_script_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    for option in ("--install-completion", "--show-completion"):
        said = bpnet(option)
        assert (said.code, said.out) == (2, "")
        assert "the shell is /bin/tcsh; completion is there for bash, zsh and fish" in said.err


@pytest.fixture(params=START)
def shell(
    request: pytest.FixtureRequest, here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Shell]:
    """A shell into which `bpnet --install-completion` has put completion."""
    if not is_there(request.param):
        pytest.skip(f"{request.param} is not installed: apt-get install {request.param}")
    home = tmp_path / "home"
    home.mkdir()
    for name in ("XDG_DATA_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SHELL", str(shutil.which(request.param)))
    assert bpnet("--install-completion").code == 0
    running = Shell(request.param, home, here)
    yield running
    running.close()


@pytest.mark.slow
def test_tab_completes_in_a_shell(shell: Shell) -> None:
    shell.type("bpnet tra\t")
    shell.wait("bpnet tra|")
    shell.type("in\t")
    shell.wait("bpnet train |")
    shell.type("a\t")
    shell.wait("bpnet train a.yaml |")
    shell.type("--se\t")
    shell.wait("bpnet train a.yaml --set |")
    shell.type("training.optimizer.\t")
    shell.wait("bpnet train a.yaml --set training.optimizer.momentum=|")
    shell.type("0.5 --set training.optimizer=nest\t")
    shell.wait("--set training.optimizer=nesterov |")
    shell.type("--runs o\t")
    shell.wait("--runs other/|")
    shell.type("\x15bpnet show runs/b\t")
    shell.wait("bpnet show runs/b-001 |")
    shell.type("\x15bpnet train wi\t")
    shell.wait("bpnet train with\\ blank.yaml |")
    for quote in "'\"":
        shell.type(f"\x15bpnet train {quote}with bl\t")
        shell.wait(f"bpnet train {quote}with blank.yaml{quote} |")
    shell.type("\x15bpnet train a.yaml --set 'dataset.roles.a b=cat\t")
    shell.wait("'dataset.roles.a b=categorical' |")
    shell.type("\x15bpnet train z\t")
    shell.wait("bpnet train z\\$\\(x\\)\\ \\*.yaml |")
    shell.type("\x15bpnet plot runs/a-001 conf\t")
    shell.wait("bpnet plot runs/a-001 confusion |")
    shell.type("\x15bpnet eval runs/a-001 t\t")  # a table: the shell's own completion
    shell.wait("bpnet eval runs/a-001 t.csv |")
