"""Configs that are mutated, as bytes and as keys with strange values, end as documented."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import counts, fuzz, survives
from hypothesis import strategies as st
from mutations import among, mutated

from bpnet.config.examples import Example, example_of, one_line
from bpnet.config.key_tree import ROOT, Place

ROWS = [f"{k % 5},{k * k % 7},{'uvw'[k % 3]},2024-01-{k % 28 + 1:02d},{k % 2}" for k in range(40)]
SMALL = {"training.epochs": "1", "architecture.hidden": "[3]"}


def _examples() -> dict[Place, Example]:
    """Return the example of each key, and of each kind of component, that has one."""
    examples = {}
    for place in ROOT.walk():
        try:
            examples[place] = example_of(place)
        except LookupError:
            continue
    return examples


def _template(key: Place, settings: list[str]) -> list[str]:
    """Return the settings of a key's example, in which the key's own value is VALUE."""
    template = []
    for setting in settings:
        path, _, text = setting.partition("=")
        own = path.rpartition(".")[2] == key.name
        template.append(f"{path}={VALUE if own else _replaced(text, key.name)}")
    return template


def _replaced(text: str, name: str) -> str:
    def value(old: Any) -> Any:
        if isinstance(old, dict):
            return {key: VALUE if key == name else value(inner) for key, inner in old.items()}
        return [value(inner) for inner in old] if isinstance(old, list) else old

    return one_line(value(yaml.safe_load(text)))


def _here(text: str) -> str:
    """Return an example for the table of this test."""
    for word, own in (("NAME", "a"), ("flowers.csv", "t.csv"), ("species", "y")):
        text = text.replace(word, own)
    return text


VALUE = "VALUE"
EXAMPLES = _examples()
SETTINGS = [[_here(setting) for setting in one.settings] for one in EXAMPLES.values()]
TEMPLATES = [
    _template(place, settings)
    for place, settings in zip(EXAMPLES, SETTINGS, strict=True)
    if not place.is_kind
]
TEXTS = [_here(example.yaml).encode() for example in EXAMPLES.values()]
TOKENS = [
    *(b"[", b"]", b"{", b"}", b": ", b"- ", b", ", b"\n", b"\n  ", b"\t", b"#", b"'", b'"', b"\\"),
    *(
        b"&a ",
        b"*a",
        b"<<: *a\n",
        b"!!int ",
        b"!!python/object/apply:os.system ",
        b"---\n",
        b"...\n",
    ),
    *(b"|\n", b">\n", b"? ", b"%YAML 1.2\n", b"\xef\xbb\xbf", b"\0", b"\xff", b"\xc2\x85"),
    *(b"kind: ", b"null", b"~", b"true", b".nan", b"-.inf", b"0x1f", b"1e999", b"-0", b"1_000"),
]
TYPED = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
VALUES = [
    *("null", "true", "''", "[]", "{}", "[[]]", "{a: 1}", "[1, 2]", "a", "b", "c", "d", "y"),
    *("0", "-0", "1", "-1", "2", "3", "0.5", ".nan", ".inf", "-.inf", "2147483648"),
    *("1e-320", "1e-38", "1e-9", "0.9999999999", "1e9", "1e20", "1e38", "1e39", "1e308", "-1e308"),
    *("1e400", "9" * 25, "9" * 400, "9" * 5000, "0x" + "f" * 300, "007", "1_000", "2024-01-01"),
    *("{kind: nope}", "{kind: }", "[{kind: dense}]", "{kind: [1]}", "'\\0'", '"\\0"', '"\\ud800"'),
    *("*a", "&a 1", "!!int a", "t.csv", "/", "..", "x" * 300, "%Y%Y", "%", "rot13", "\ufeff"),
]  # fmt: skip


def _filled(template: list[str], value: str) -> list[str]:
    return [setting.replace(VALUE, value) for setting in template]


values = st.sampled_from(VALUES) | st.floats().map(repr) | st.text(TYPED, max_size=5).map(one_line)
assignments = st.builds(_filled, among(TEMPLATES), values)
"""Any key, of any kind of component, with any value."""
BASES = [
    *([], ["dataset.target=c"], ["dataset.target=b", "task=regression"]),
    *(["folds=2"], ["replicas=2"], ["training.precision=float64"]),
]
several = st.builds(
    lambda base, each: [setting for settings in (base, *each) for setting in settings],
    st.sampled_from(BASES),
    st.lists(assignments | among(SETTINGS), min_size=1, max_size=4),
)
"""The settings of some keys, beside those of a training of some kind."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("configs")
    (folder / "t.csv").write_text("\n".join(["a,b,c,d,y", *ROWS]) + "\n")
    (folder / "c.yaml").write_text("dataset: {path: t.csv, target: y}\n")
    return folder


def _small(settings: list[str]) -> list[str]:
    """Return options that set these keys, and sizes of a network that trains at once."""
    given = {setting.partition("=")[0].replace("layers", "hidden") for setting in settings}
    sizes = [f"{key}={value}" for key, value in SMALL.items() if key not in given]
    return [word for setting in (*sizes, *settings) for word in ("--set", setting)]


@pytest.mark.parametrize("cases", counts(30, slow=600))
def test_keys_with_strange_values(cases: int, here: Path) -> None:
    fuzz(cases, several, lambda some: survives("check", "c.yaml", *_small(some), cwd=here))


@pytest.mark.parametrize("cases", counts(15, slow=300))
def test_trainings_with_strange_values(cases: int, here: Path) -> None:
    def trains(settings: list[str]) -> None:
        words = [*_small(settings), "--set", "training.epochs=1", "--set", "name=c"]
        if survives("train", "c.yaml", *words, cwd=here).code not in (3, 4):
            for words in (
                ["eval", "runs/c-001", "--no-baselines"],
                ["predict", "runs/c-001", "t.csv"],
            ):
                survives(*words, cwd=here)
        shutil.rmtree(here / "runs", ignore_errors=True)

    fuzz(cases, several, trains)


@pytest.mark.parametrize("cases", counts(10, slow=200))
def test_other_verbs_with_strange_values(cases: int, here: Path) -> None:
    verbs = st.sampled_from([["cv", "--folds", "2"], ["trace"], ["gradcheck"]])

    def ends(case: tuple[list[str], list[str]]) -> None:
        verb, settings = case
        survives(*verb, "c.yaml", *_small(settings), cwd=here)
        shutil.rmtree(here / "runs", ignore_errors=True)

    fuzz(cases, st.tuples(verbs, several), ends)


@pytest.mark.parametrize("cases", counts(40, slow=1000))
def test_mutated_text(cases: int, here: Path) -> None:
    whole = b"dataset: {path: t.csv, target: y}\ntraining: {epochs: 1}\n"
    texts = among([text for text in TEXTS if not text.startswith(b"dataset:")])
    configs = mutated(texts.map(lambda text: whole * (b"training:" not in text) + text), TOKENS)

    def ends(config: bytes) -> None:
        (here / "m.yaml").write_bytes(config)
        survives("check", "m.yaml", cwd=here)

    fuzz(cases, configs, ends)


FOUND = {
    "an encoding without a name": (["dataset.reading.encoding=''"], 3),
    **{
        f"a rate of {group}s beyond float32": ([f"training.learning_rate_factors.{group}=1e39"], 6)
        for group in ("bias", "weight")
    },
    "frequencies beyond all numbers": (
        ["dataset.preprocessing.numeric={kind: periodic, sigma: 1e308}"],
        3,
    ),
    "waves of no input": (["architecture.layers=[{kind: periodic, inputs: []}]"], 0),
    "a memory of 25 digits": ([f"training.optimizer={{kind: lbfgs, memory: {'9' * 25}}}"], 0),
}
"""Settings that once ended in a way that is not documented, and the exit code."""


def test_a_gradient_check_of_weights_that_are_too_large(here: Path) -> None:
    initializer = "{kind: constant, value: 1e308}"
    layer = f"{{kind: dense, units: 4, initializer: {initializer}}}"
    settings = ["task=regression", "dataset.target=b", f"architecture.layers=[{layer}]"]
    assert survives("gradcheck", "c.yaml", *_small(settings), cwd=here).code == 6


@pytest.mark.parametrize("found", FOUND)
def test_what_failed_once_ends_as_documented(found: str, here: Path) -> None:
    settings, code = FOUND[found]
    assert survives("train", "c.yaml", *_small(settings), cwd=here).code == code
