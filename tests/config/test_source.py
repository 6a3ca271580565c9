"""Reading a config as text: values, line numbers, `--set`, and what each mistake is called."""

import math
import re
import shlex
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bpnet.config.overrides import apply_overrides
from bpnet.config.source import Source, parse_source, read_file, yaml_text
from bpnet.errors import ConfigError
from bpnet.messages import closest_match, did_you_mean

CONFIG = """\
# iris
name: iris

dataset:
  path: ../datasets/iris.csv
  features: [sepal_length,
             sepal_width]

architecture:
  layers:
    - {kind: dense, units: 16}
    - kind: dropout
      rate: 0.1

training:
  optimizer: adam
  epochs: 200
  schedule:
"""


def config(text: str = CONFIG) -> Source:
    return parse_source(text, "configs/iris.yaml")


def problem_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config(text)
    assert caught.value.exit_code == 3
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


def problem_of_set(*assignments: str, text: str = CONFIG) -> str:
    with pytest.raises(ConfigError) as caught:
        apply_overrides(config(text), assignments)
    return str(caught.value)


# Scalars


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        *[(word, word) for word in ("yes", "no", "on", "off", "y", "N", "Yes", "NO", "tRUE")],
        *[(word, None) for word in ("null", "Null", "NULL", "~", "")],
        ("0", 0),
        ("-3", -3),
        ("+7", 7),
        ("0123", "0123"),
        ("0x1F", 31),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("1e+2", 100.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("6.02e23", 6.02e23),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("+.Inf", math.inf),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("0o17", "0o17"),
        ("0x", "0x"),
        ("1:30", "1:30"),
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31 10:00:00", "2024-01-31 10:00:00"),
        ("1.2.3", "1.2.3"),
        ("1e", "1e"),
        (".", "."),
        ("-", [None]),
        ("inf", "inf"),
        ("nan", "nan"),
        ("=", "="),
        ("<<", "<<"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("''", ""),
        ("!!str 5", "5"),
        ("!!str", ""),
        ("!!float 5", 5.0),
        ("!!int '5'", 5),
        ("!!bool 'true'", True),
        ("!!seq [1]", [1]),
        ("!!map {a: 1}", {"a": 1}),
        ("naïve größe 猫", "naïve größe 猫"),
    ],
)
def test_a_scalar_reads_as(text: str, value: object) -> None:
    read_back = (
        config(f"key:\n {text}").data["key"] if text == "-" else config(f"key: {text}").data["key"]
    )
    assert read_back == value
    assert type(read_back) is type(value)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_nan(text: str) -> None:
    assert math.isnan(config(f"key: {text}").data["key"])


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(
        ["yes", "no", "on", "1e-3", "0x10", "~", "2024-01-31", "<<", "1_0", ".inf", "- a"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab_é<", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(plain)
@settings(deadline=None)
@example({"<<": {"a": 1}})
def test_what_pyyaml_writes_reads_back_the_same(value: object) -> None:
    # Text is quoted: PyYAML leaves text bare that only YAML 1.2 takes for a number, such as 1e-3.
    for flow in (False, True):
        text = yaml.safe_dump(
            {"key": value}, default_flow_style=flow, default_style='"', sort_keys=False
        )
        assert same(config(text).data["key"], value)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), plain))
@example({"column\x85name": "\x85", "b\u2028": "\u2029 a", "c\r": "\r\n", "d\n": "\n"})
def test_what_is_written_reads_back_the_same(data: dict[str, object]) -> None:
    if data:
        assert same(dict(config(yaml_text(data)).data), data)


@given(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none())
def test_numbers_as_python_and_json_write_them(value: object) -> None:
    words = {None: "null", math.inf: ".inf", -math.inf: "-.inf"}
    text = words.get(value, str(value))  # type: ignore[call-overload]
    assert same(config(f"key: {text}").data["key"], value)


def same(left: object, right: object) -> bool:
    """Equal, with 1, 1.0 and True told apart, and the order of keys."""
    return repr(left) == repr(right)


# Lines


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("dataset",), 4),
        (("dataset", "path"), 5),
        (("dataset", "features"), 6),
        (("dataset", "features", 0), 6),
        (("dataset", "features", 1), 7),
        (("architecture", "layers", 0, "units"), 11),
        (("architecture", "layers", 1), 12),
        (("architecture", "layers", 1, "rate"), 13),
        (("training", "epochs"), 17),
        (("training", "optimizer", "beta_1"), 16),
        (("training", "batch_size"), 15),
    ],
)
def test_where_names_the_line_of_the_closest_key(path: tuple[str | int, ...], line: int) -> None:
    assert config().where(path) == f"configs/iris.yaml, line {line}"


def test_where_names_the_file_alone_when_nothing_around_was_written() -> None:
    assert config().where(("seed",)) == "configs/iris.yaml"
    assert config().where(()) == "configs/iris.yaml"
    assert parse_source("a: 1").where(("a",)) == "<text>, line 1"


def test_every_value_has_a_line() -> None:
    source = config()

    def paths(value: object, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
        pairs = (
            value.items()
            if isinstance(value, dict)
            else enumerate(value)
            if isinstance(value, list)
            else ()
        )
        return [path] * bool(path) + [
            found for key, inner in pairs for found in paths(inner, (*path, key))
        ]

    assert sorted(map(str, source.lines)) == sorted(map(str, paths(source.data, ())))


# Anchors and merge keys


def test_aliases_and_merge_keys() -> None:
    source = config(
        "base: &base {units: 16, activation: relu}\n"
        "wide: &wide\n  <<: *base\n  units: 64\n"
        "both:\n  <<: [*wide, {units: 1, rate: 0.5}]\n"
        "again: *base\n"
    )
    assert source.data["wide"] == {"units": 64, "activation": "relu"}
    assert source.data["both"] == {"units": 64, "activation": "relu", "rate": 0.5}
    assert source.data["again"] == source.data["base"]
    assert source.data["again"] is not source.data["base"]
    assert source.where(("wide", "activation")) == "configs/iris.yaml, line 1"
    assert source.where(("wide", "units")) == "configs/iris.yaml, line 4"
    assert source.where(("again",)) == "configs/iris.yaml, line 7"


def test_the_own_key_wins_over_a_merge_key_below_it() -> None:
    assert config("a: &a {x: 1}\nb:\n  x: 2\n  <<: *a\n").data["b"] == {"x": 2}


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: &a {b: {c: [1, *a]}}"])
def test_an_alias_inside_itself_is_refused(text: str) -> None:
    assert "configs/iris.yaml, line 1: this value contains itself through an alias" in problem_of(
        text
    )


@pytest.mark.parametrize(
    "text",
    ["a: {<<: 3}", "a: {<<: [1]}", "a: &a {<<: *a}", "a: &a {<<: [*a]}", "a: &a {b: {<<: *a}}"],
)
def test_a_merge_key_takes_other_mappings_alone(text: str) -> None:
    assert "line 1: `<<` takes another mapping, such as `<<: *defaults`" in problem_of(text)


def test_aliases_that_explode_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "too many or too deeply nested values; check the aliases" in problem_of("\n".join(lines))


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 2000 + "]" * 2000,
        "a: " + "[" * 60 + "]" * 60,
        "a0: &a0 []\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 2000)),
    ],
)
def test_deep_nesting_is_refused(text: str) -> None:
    assert "nested" in problem_of(text)


# What is not a config


def test_read_gives_the_name_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("iris.yaml").write_bytes("\ufeffname: größe\r\nseed: 7\r\n".encode())
    source = read_file(Path("iris.yaml"))
    assert source.data == {"name": "größe", "seed": 7}
    assert source.where(("seed",)) == "iris.yaml, line 2"


def reading(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_file(path)
    return str(caught.value)


@pytest.mark.parametrize("typed", ["irsi.yaml", "iris", "IRIS.YAML", "iris.yml"])
def test_a_missing_file_suggests_a_near_one(typed: str, tmp_path: Path) -> None:
    for name in ("iris.yaml", "housing.yaml", "irsi.txt"):
        (tmp_path / name).touch()
    assert reading(tmp_path / typed) == (
        f"{tmp_path / typed}: no such config file; did you mean '{tmp_path / 'iris.yaml'}'?"
    )


def test_a_missing_file_without_a_near_one(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "iris.yaml"
    assert reading(path) == f"{path}: no such config file; see configs/ for examples"


@pytest.mark.parametrize("name", ["churn.csv", "churn.CSV.gz", "churn.parquet", "a b.tsv"])
def test_a_table_in_place_of_a_config(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"a,b\n1,2\n")
    assert reading(path) == (
        f"{path}: is a table, not a config; "
        f"write a config with: bpnet init {shlex.quote(str(path))} --target COLUMN; "
        f"bpnet init {shlex.quote(str(path))} lists the columns"
    )


def test_a_missing_config_of_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("houses.csv", "house.yaml"):
        Path(name).touch()
    advice = "write one for houses.csv with: bpnet init houses.csv --target COLUMN"
    lists = "bpnet init houses.csv lists the columns"
    assert reading(Path("houses.yaml")) == f"houses.yaml: no such config file; {advice}; {lists}"
    assert reading(Path("houses.yml")) == (
        f"houses.yml: no such config file; {advice} -o houses.yml; {lists}"
    )


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", b'[{"a": 1}]', b"\x80\x04\x95", b"SQLite format 3\0"]
)
def test_a_file_that_is_no_config_may_be_a_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "my data"
    path.write_bytes(content)
    assert f"if it is a table, write a config with: bpnet init '{path}' --target" in reading(path)
    named = path.with_suffix(".yaml")
    named.write_bytes(content)
    assert "bpnet init" not in reading(named)


def test_examples_are_named_only_where_there_are_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    advice = "write one with: bpnet init TABLE --target COLUMN"
    assert reading(Path("iris.yaml")) == f"iris.yaml: no such config file; {advice}"
    Path("configs").mkdir()
    assert reading(Path("iris.yaml")) == (
        "iris.yaml: no such config file; see configs/ for examples"
    )


def test_a_folder(tmp_path: Path) -> None:
    assert reading(tmp_path) == f"{tmp_path}: is a folder; give a YAML file"
    (tmp_path / "a.yml").touch()
    assert (
        reading(tmp_path)
        == f"{tmp_path}: is a folder; give a YAML file, such as '{tmp_path / 'a.yml'}'"
    )


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "iris.yaml"
    advice = "check its path and permissions"
    assert reading(path) == f"{path}: the config file cannot be read: Not a directory; {advice}"

    def refuse(self: Path, mode: str) -> object:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    advice = "check its path and permissions"
    assert reading(path) == f"{path}: the config file cannot be read: Permission denied; {advice}"


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"seed: 7\nname: gr\xf6\xdfe\n")
    assert reading(path) == f"{path}, line 2: byte 0xf6 is not UTF-8 text; save the file as UTF-8"


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# nothing\n  # here\n", "---\n", "---\n...\n", "~", "null\n"]
)
def test_nothing_in_it(text: str) -> None:
    assert problem_of(text) == (
        "configs/iris.yaml: is empty or holds only comments; see configs/ for examples"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("\n- a: 1\n- b: 2\n", "line 2: the top level is a list; a config is a mapping of keys"),
        (
            "iris.csv",
            "line 1: the top level is the value 'iris.csv'; a config is a mapping of keys",
        ),
        (
            "a,b\n1,2\n" * 50,
            "line 1: the top level is the value 'a,b 1,2 a,b 1,2 a,b 1,2 a,b 1,2 a,b 1,2…'",
        ),
        ("5", "line 1: the top level is the value '5'"),
    ],
)
def test_the_top_level_must_be_a_mapping(text: str, found: str) -> None:
    assert f"configs/iris.yaml, {found}" in problem_of(text)


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 2\n", "a: 1\n---\n{}", "---\n---\n"])
def test_several_documents(text: str) -> None:
    assert re.fullmatch(
        r"configs/iris\.yaml, line [23]: a second document begins; "
        r"a config is one document: remove the `---`",
        problem_of(text),
    )


def test_a_document_may_have_its_markers() -> None:
    assert config("%YAML 1.2\n---\na: 1\n...\n").data == {"a": 1}


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a:\n\tb: 1", 2, 1),
        ("a:\n  b: 1\n\tc: 2", 3, 1),
        ("a:\n  \tb: 1", 2, 3),
        ("a: [1,\n\t2]", 2, 1),
        ("a:\tb", 1, 3),
    ],
)
def test_tabs(text: str, line: int, column: int) -> None:
    assert problem_of(text) == (
        f"configs/iris.yaml, line {line}: not valid YAML at column {column}: "
        "YAML does not allow tabs for indentation or between values; use spaces"
    )


def test_tabs_inside_text_are_text() -> None:
    assert config("a: 'x\ty'\nb: |\n  x\ty\n").data == {"a": "x\ty", "b": "x\ty\n"}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: b: c", "line 1: not valid YAML at column 5", "a ': ' that does not belong here"),
        ("a: 1\n  b: 2", "line 2: not valid YAML at column 4", "check the indentation"),
        (
            "a: 1\n? [b\n",
            "line 3: not valid YAML at column 1 (in what begins on line 2)",
            "a ',' or a closing bracket is missing",
        ),
        (
            "a:\n  b: 1\n c: 2",
            "line 3: not valid YAML at column 2 (in what begins on line 1)",
            "indentation",
        ),
        (
            "a: 1\n...\nb: 2",
            "line 3: not valid YAML at column 1",
            "does not belong to what is above",
        ),
        (
            "a: [1\nb: 2",
            "line 2: not valid YAML at column 2 (in what begins on line 1)",
            "a closing bracket",
        ),
        ("a: {b: 1", "line 1: not valid YAML at column 9", "a ',' or a closing bracket is missing"),
        (
            "a: 1\nb: 'x\nc: 1",
            "line 3: not valid YAML at column 5 (in what begins on line 2)",
            "a quote",
        ),
        ('a: "C:\\Users"', "line 1: not valid YAML at column 9", "use single quotes"),
        ('a: "\\d"', "line 1: not valid YAML at column 6", "use single quotes"),
        ("a: @x", "line 1: not valid YAML at column 4", "put it in quotes"),
        ("a: %x", "line 1: not valid YAML at column 4", "put it in quotes"),
        ("a: ]", "line 1: not valid YAML at column 4", "a value is missing in front of this"),
        ("a: 'it's'", "line 1: not valid YAML at column 8", "the quotes"),
        ("a: *nope", "line 1: not valid YAML at column 4", "undefined alias 'nope'"),
    ],
)
def test_syntax_errors_in_plain_words(text: str, place: str, words: str) -> None:
    problem = problem_of(text)
    assert problem.startswith(f"configs/iris.yaml, {place}: ")
    assert words in problem
    assert "<block" not in problem
    assert "token" not in problem


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("training:\n  epochs 200\n  batch_size: 32\n", 2, "epochs"),
        ("training:\n  batch_size: 32\n  epochs 200   # at most: 300\n  seed: 1\n", 3, "epochs"),
        ("training:\n  epochs 200   # at most: 300\n\n  # a comment\n  seed: 1\n", 2, "epochs"),
        ("training\n  epochs: 200\n", 1, "training"),
        ("a:\n  b: 1\nc\n", 3, "c"),
    ],
)
def test_a_key_without_a_colon_is_reported_at_its_own_line(text: str, line: int, key: str) -> None:
    assert problem_of(text) == (
        f"configs/iris.yaml, line {line}: not valid YAML: '{key}' has no ': ' after it; "
        "is a colon missing?"
    )


def test_a_control_character() -> None:
    assert problem_of("a: 1\nb: \x00") == (
        "configs/iris.yaml, line 2: the character U+0000 is not allowed in YAML; remove it"
    )


def test_a_duplicate_key_names_both_lines() -> None:
    assert problem_of("training:\n  epochs: 1\n  seed: 2\n  epochs: 3\n") == (
        "configs/iris.yaml, line 4: the key 'epochs' is on line 2 already; keep one of the two"
    )
    assert "line 1: the key 'a' is on line 1 already" in problem_of("{a: 1, 'a': 2}")
    assert config("a: {x: 1}\nb: {x: 1}\n").data == {"a": {"x": 1}, "b": {"x": 1}}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a:\n  ? [b]\n  : x", "the key in brackets is not text; put it in quotes"),
        ("\na: {{ x }}", "the key in brackets is not text; put it in quotes"),
        ("a:\n  ?\n  : x", "a key is empty; put it in front of its ':'"),
        ("a:\n  !b c: x", "the tag '!b' is not allowed in a config; remove it"),
    ],
)
def test_a_key_must_be_text(text: str, shown: str) -> None:
    assert problem_of(text) == f"configs/iris.yaml, line 2: {shown}"


def test_a_key_is_the_text_that_is_written() -> None:
    assert config("{1.50: a, True: b, ~: c, 0x1F: d, 007: e}").data == {
        "1.50": "a",
        "True": "b",
        "~": "c",
        "0x1F": "d",
        "007": "e",
    }


def test_words_that_yaml_1_1_takes_for_booleans_are_fine_keys() -> None:
    assert config("no: 1\non: 2\n'1': 3").data == {"no": 1, "on": 2, "1": 3}
    assert config("true: 1\n1.0: 2\n007: 3").data == {"true": 1, "1.0": 2, "007": 3}


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("!!python/object/apply:os.system [ls]", "!!python/object/apply:os.system"),
        ("!!python/name:os.system", "!!python/name:os.system"),
        ("!!timestamp 2024-01-31", "!!timestamp"),
        ("!!binary aGk=", "!!binary"),
        ("!!set {a}", "!!set"),
        ("!secret x", "!secret"),
        ("!!str [a]", "!!str"),
    ],
)
def test_a_tag_is_refused(text: str, tag: str) -> None:
    assert problem_of(f"a: 1\nb: {text}") == (
        f"configs/iris.yaml, line 2: the tag '{tag}' is not allowed in a config; remove it"
    )


def test_a_value_that_contradicts_its_tag() -> None:
    assert problem_of("a: !!int x") == "configs/iris.yaml, line 1: 'x' is not of the type !!int"
    assert (
        problem_of("a: !!bool yes") == "configs/iris.yaml, line 1: 'yes' is not of the type !!bool"
    )


def test_a_number_too_long_for_python() -> None:
    problem = problem_of("a: " + "9" * 5000)
    assert problem.startswith("configs/iris.yaml, line 1: '999")
    assert problem.endswith("…' is too long for a number")


@settings(deadline=None)
@given(st.text(st.sampled_from("ab:-[]{}#&*!|>'\"%@`,?~<\n \t\\\x00é01.")))
def test_any_text_gives_data_or_one_config_error(text: str) -> None:
    try:
        outcome = str(config(text).data)
    except ConfigError as error:
        outcome = error.problems[0]
    assert outcome.startswith(("{", "configs/iris.yaml"))
    assert "\n" not in outcome


# --set


def test_set_changes_a_value_and_leaves_the_source_alone() -> None:
    source = config()
    changed = apply_overrides(source, ["training.epochs=-3", "name=no", "training.rate=1e-3"])
    assert changed.data["training"] == {
        "optimizer": "adam",
        "epochs": -3,
        "schedule": None,
        "rate": 0.001,
    }
    assert changed.data["name"] == "no"
    assert source == config()
    assert changed.where(("training", "epochs")) == "--set training.epochs=-3"
    assert changed.where(("training", "optimizer")) == "configs/iris.yaml, line 16"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("[8, 8]", [8, 8]),
        ("{a: 1}", {"a": 1}),
        ("a=b", "a=b"),
        (" 5", 5),
        ("x y", "x y"),
    ],
)
def test_set_reads_the_value_as_yaml(text: str, value: object) -> None:
    assert apply_overrides(config(), [f"new={text}"]).data["new"] == value


def test_set_makes_missing_mappings() -> None:
    changed = apply_overrides(config(), ["a.b.c=1", "training.schedule.kind=cosine"])
    assert changed.data["a"] == {"b": {"c": 1}}
    assert changed.data["training"]["schedule"] == {"kind": "cosine"}
    assert changed.where(("a",)) == changed.where(("a", "b", "d")) == "--set a.b.c=1"
    assert changed.where(("training", "schedule")) == "--set training.schedule.kind=cosine"


def test_set_replaces_what_is_inside() -> None:
    changed = apply_overrides(config(), ["dataset={path: x.csv}"])
    assert changed.data["dataset"] == {"path": "x.csv"}
    assert changed.where(("dataset", "features", 1)) == "--set dataset={path: x.csv}"


def test_a_later_set_wins() -> None:
    changed = apply_overrides(config(), ["a.b=1", "a={b: 2, c: 3}", "a.c=4"])
    assert changed.data["a"] == {"b": 2, "c": 4}
    assert changed.where(("a", "b")) == "--set a={b: 2, c: 3}"
    assert changed.where(("a", "c")) == "--set a.c=4"


def test_set_reaches_into_lists() -> None:
    changed = apply_overrides(config(), ["architecture.layers.0.units=8", "dataset.features.1=x"])
    assert changed.data["architecture"]["layers"][0] == {"kind": "dense", "units": 8}
    assert changed.data["dataset"]["features"] == ["sepal_length", "x"]
    assert (
        changed.where(("architecture", "layers", 0, "units"))
        == "--set architecture.layers.0.units=8"
    )
    assert changed.where(("architecture", "layers", 0, "kind")) == "configs/iris.yaml, line 11"


def test_a_digit_is_a_key_where_there_is_no_list() -> None:
    assert apply_overrides(config(), ["a.0=x"]).data["a"] == {"0": "x"}


@pytest.mark.parametrize("text", ["a: {b: adam}", "a: {b: {kind: adam}}"])
def test_set_inside_a_bare_word_keeps_it_as_the_kind(text: str) -> None:
    changed = apply_overrides(config(text), ["a.b.beta_1=0.8"])
    assert changed.data["a"]["b"] == {"kind": "adam", "beta_1": 0.8}
    assert changed.where(("a", "b", "beta_1")) == "--set a.b.beta_1=0.8"
    assert changed.where(("a", "b", "kind")) == "configs/iris.yaml, line 1"


def test_set_inside_a_bare_word_that_was_set() -> None:
    changed = apply_overrides(
        config(), ["t={optimizer: sgd}", "t.optimizer.momentum=0.9", "l=[relu]", "l.0.slope=1"]
    )
    assert changed.data["t"] == {"optimizer": {"kind": "sgd", "momentum": 0.9}}
    assert changed.where(("t", "optimizer", "kind")) == "--set t={optimizer: sgd}"
    assert changed.data["l"] == [{"kind": "relu", "slope": 1}]


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("training.epochs", "is not of the form KEY.PATH=VALUE, such as training.epochs=50"),
        ("", "is not of the form KEY.PATH=VALUE"),
        ("=5", "is not of the form KEY.PATH=VALUE"),
        (" =5", "is not of the form KEY.PATH=VALUE"),
        ("training..epochs=5", "is not of the form KEY.PATH=VALUE"),
        (".epochs=5", "is not of the form KEY.PATH=VALUE"),
        ("training.=5", "is not of the form KEY.PATH=VALUE"),
        (
            "training.epochs.x=5",
            "training.epochs is 200, which has no keys inside; set training.epochs itself",
        ),
        ("dataset.path.x=5", "dataset.path is '../datasets/iris.csv', which has no keys inside"),
        (
            "architecture.layers.2.units=8",
            "'2' is not a position in architecture.layers, a list of 2; ",
        ),
        ("architecture.layers.2=8", "a list of 2; allowed is 0 to 1"),
        ("architecture.layers.-1=8", "'-1' is not a position"),
        ("architecture.layers.units=8", "'units' is not a position"),
        (f"architecture.layers.{'9' * 5000}=8", "is not a position"),
        ("a=[1", "not valid YAML at column 3: a ',' or a closing bracket is missing"),
        ("a=b: c: d", "not valid YAML at column 5: a ': ' that does not belong here"),
        ("a={b: 1, b: 2}", "the key 'b' is on line 1 already"),
        ("a={[1]: 2}", "the key in brackets is not text"),
        ("a=!!python/name:os.system", "the tag '!!python/name:os.system' is not allowed"),
        ("a=1\n---\n2", "a second document begins"),
    ],
)
def test_set_mistakes(assignment: str, words: str) -> None:
    problem = problem_of_set(assignment)
    assert problem.startswith(f"--set {assignment}: ")
    assert words in problem


def test_set_into_an_empty_list() -> None:
    problem = problem_of_set("layers.0=1", text="layers: []")
    assert problem.endswith(
        "'0' is not a position in layers, a list of 0; set the whole list with layers=[…]"
    )


# Suggestions


@pytest.mark.parametrize(
    ("word", "end"),
    [
        ("epoch", "; did you mean 'epochs'?"),
        ("EPOCHS", "; did you mean 'epochs'?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_did_you_mean(word: str, end: str) -> None:
    assert did_you_mean(word, ["seed", "epochs"]) == end


def test_did_you_mean_without_choices() -> None:
    assert did_you_mean("epochs", []) == ""
    assert closest_match("adam", iter(["Adam", "sgd"])) == "Adam"
