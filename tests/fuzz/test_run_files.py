"""Files of a run that are mutated: predict and eval end as documented, in bounded time and memory.

Bytes are cut, flipped and overwritten; values of JSON, of YAML and of the weights' header become
others. A failure that was found stays in `tests/fuzz/corpus/run-files.jsonl`.
"""

import copy
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import counts, fuzz, survives, survives_apart
from hypothesis import strategies as st
from mixed_tables import FEATURES, mixed_rows, write_mixed
from mutations import among, mutated
from workflow_runs import train_text

CORPUS = Path(__file__).parent / "corpus" / "run-files.jsonl"
RUN = "runs/case"
MIXED = """\
dataset:
  path: t.csv
  target: risk
  split: {test: 0.2}
  preprocessing: {categorical: embedding, numeric: periodic}
architecture:
  layers:
    - scale
    - {kind: dense, units: 4, activation: relu}
    - {kind: batch_normalization, activation: tanh}
    - {kind: dropout, rate: 0.1}
training: {epochs: 2}
replicas: 2
"""
BLENDED = """\
dataset: {path: t.csv, target: cost, split: {test: 0.2}}
architecture: {hidden: [3]}
training: {epochs: 2}
folds: 2
members: [{name: a}, {name: b, architecture: {layers: []}}]
"""
FILES = {
    "mixed": [
        *("model/model.json", "model/weights.safetensors"),
        *("run.json", "config.yaml", "splits.csv", "metrics.json", "metrics.csv", "diagnosis.json"),
    ],
    "blended": [
        *("model/model.json", "model/member-001/model.json", "model/member-002/model.json"),
        *("model/member-001/weights.safetensors", "run.json", "splits.csv", "config.yaml"),
    ],
}
NESTED: Any = 1
for _ in range(200):
    NESTED = [NESTED]
VALUES: list[Any] = [
    *(None, True, False, "", "x", "a\0b", "\x1b[2J", "9" * 5000, "../../etc", "é" * 1000),
    *(0, 1, -1, 2, 3, 7, 2**31, 2**63, -(2**63) - 1, 10**20, 10**400, 0.0, -0.0, 0.5, -1.5),
    *(1e-320, 1e39, 1e308, -1e308, float("nan"), float("inf"), -float("inf")),
    *([], {}, [[]], [{}], [None], {"kind": "dense"}, {"kind": []}, {"": 0}, NESTED),
    *(list(range(1000)), ["a", "a"], [1e308] * 3, [0] * 3),
]
TOKENS = [
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\n", b"\r", b"null", b"true", b"NaN", b"1e999"),
    *(b"\\ud800", b"\0", b"\xff", b"train", b"test", b"row,part\n", b"99999999999999999999", b"-"),
    *(b"!!python/object/apply:os.system ", b"&a ", b"*a", b'"kind":', b'"F64"', b"[0,8]"),
]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value inside a document."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value[:20])
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield (*path, key)
        yield from _places(inner, (*path, key))


@dataclass(frozen=True)
class Document:
    """A file whose content is a tree of values, and how it is written."""

    content: Any = field(repr=False)
    kind: str
    rest: bytes = field(default=b"", repr=False)

    @classmethod
    def read(cls, name: str, raw: bytes) -> "Document | None":
        if name.endswith(".json"):
            return cls(json.loads(raw), "json")
        if name.endswith(".yaml"):
            return cls(yaml.safe_load(raw), "yaml")
        if name.endswith(".safetensors"):
            end = 8 + int.from_bytes(raw[:8], "little")
            return cls(json.loads(raw[8:end]), "weights", raw[end:])
        return None

    def written(self, content: Any) -> bytes:
        if self.kind == "yaml":
            return yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "replace")
        text = json.dumps(content).encode()
        return text if self.kind == "json" else len(text).to_bytes(8, "little") + text + self.rest


@st.composite
def edited(draw: st.DrawFn, document: Document) -> bytes:
    """Draw the document with one to three of its values deleted, doubled or replaced."""
    content = copy.deepcopy(document.content)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(content))
        if not places:
            break
        *path, last = draw(among(places))
        holder = content
        for key in path:
            holder = holder[key]
        change = draw(st.sampled_from(["replace", "replace", "replace", "scale", "delete", "swap"]))
        if change == "delete":
            del holder[last]
        elif change == "swap":
            other = draw(among(places))
            value = content
            for key in other:
                value = value[key] if isinstance(value, (dict, list)) and path != other else None
            holder[last] = copy.deepcopy(value)
        elif change == "scale" and isinstance(holder[last], (int, float)):
            holder[last] = holder[last] * draw(st.sampled_from([-1, 2, 1000, 1e-300, 1e300]))
        elif change == "scale" and isinstance(holder[last], list):
            holder[last] = holder[last] * draw(st.sampled_from([0, 2, 50]))
        else:
            holder[last] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    return document.written(content)


@dataclass(frozen=True)
class Damage:
    """A run's file with another content; the weights' checksum may be unknown, as in old runs."""

    run: str
    file: str
    content: bytes
    unknown_sum: bool


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with a run each, a table to predict, and the originals of the run's files."""
    made = {}
    for name, text in (("mixed", MIXED), ("blended", BLENDED)):
        folder = tmp_path_factory.mktemp(name)
        target = "risk" if name == "mixed" else "cost"
        write_mixed(folder / "t.csv", [*FEATURES, target])
        run = train_text(folder, text + "seed: 1\n").run
        run.rename(folder / RUN)
        write_mixed(folder / "few.csv", [*FEATURES, target], mixed_rows()[:6])
        shutil.copytree(folder / RUN, folder / "original")
        made[name] = folder
    return made


def damages(runs: dict[str, Path]) -> st.SearchStrategy[Damage]:
    """Return damages of every file of every run, each as often as the others."""
    each = []
    for name, files in FILES.items():
        for file in files:
            raw = (runs[name] / "original" / file).read_bytes()
            content = mutated(st.builds(lambda raw=raw: raw), TOKENS)
            if (document := Document.read(file, raw)) is not None:
                content = edited(document) | edited(document) | content
            each.append(st.builds(Damage, st.just(name), st.just(file), content, st.booleans()))
    return st.one_of(each)


def put(damage: Damage, runs: dict[str, Path]) -> Path:
    """Damage a run, whose other files are the original ones; return its folder's parent."""
    folder = runs[damage.run]
    note = folder / "damaged"  # names the file that the last one has changed
    if note.exists():
        file = note.read_text()
        for name in (file, str(Path(file).with_name("model.json"))):
            if (folder / "original" / name).exists():
                (folder / RUN / name).write_bytes((folder / "original" / name).read_bytes())
    note.write_text(damage.file)
    (folder / RUN / damage.file).write_bytes(damage.content)
    if damage.unknown_sum and damage.file.endswith(".safetensors"):
        description = (folder / RUN / damage.file).with_name("model.json")
        content = json.loads(description.read_text()) | {"weights_sha256": None}
        description.write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("cases", counts(30, 1_000))
def test_a_damaged_run_ends_as_documented(cases: int, runs: dict[str, Path]) -> None:
    turn = iter(range(10**9))

    def holds(damage: Damage) -> None:
        folder = put(damage, runs)
        if damage.file.startswith("model") and next(turn) % 8:
            survives("predict", RUN, "few.csv", cwd=folder)
        else:
            # without a table, the run's own, of which the test rows are scored
            words = ("few.csv",) if damage.file.startswith("model") else ()
            survives("eval", RUN, *words, "--json", cwd=folder)

    fuzz(cases, damages(runs), holds)


@pytest.mark.parametrize("cases", counts(10, 1_000))
def test_a_damaged_model_is_exported_or_refused(cases: int, runs: dict[str, Path]) -> None:
    turn = iter(range(10**9))

    def holds(damage: Damage) -> None:
        # of Python seldom: it takes another process
        name = "m.onnx" if next(turn) % 5 else "m.py"
        survives("export", RUN, "-o", name, cwd=put(damage, runs))

    fuzz(cases, damages(runs), holds)


@pytest.mark.parametrize("cases", counts(20, 1_000))
def test_a_damaged_run_is_shown_listed_and_compared(cases: int, runs: dict[str, Path]) -> None:
    turn = iter(range(10**9))
    verbs = (("show", RUN), ("runs", "runs"), ("compare", RUN, "original"))

    def holds(damage: Damage) -> None:
        survives(*verbs[next(turn) % 3], cwd=put(damage, runs))

    fuzz(cases, damages(runs), holds)


@pytest.mark.parametrize("cases", counts(1, 100))
def test_a_damaged_run_is_drawn(cases: int, runs: dict[str, Path]) -> None:
    kinds = ["curves", "confusion", "scores", "residuals", "calibration", "layers", "surest"]
    plots = [["plot", RUN, kind, "-o", "figure.html"] for kind in kinds]

    def holds(case: tuple[Damage, list[str]]) -> None:
        damage, words = case
        survives(*words, cwd=put(damage, runs))

    fuzz(cases, st.tuples(damages(runs), st.sampled_from([["report", RUN], *plots])), holds)


def test_some_damages_in_a_process_of_limited_memory(runs: dict[str, Path]) -> None:
    huge = json.loads((runs["mixed"] / "original/model/model.json").read_text())
    huge["layers"] = [{"kind": "dense", "units": 200_000}] * 2 + huge["layers"][-1:]
    content = json.dumps(huge).encode()
    folder = put(Damage("mixed", "model/model.json", content, unknown_sum=False), runs)
    assert survives_apart("predict", RUN, "few.csv", cwd=folder).code == 5


def seeds() -> list[Any]:
    """Return the failures that were found, as parameters of a test."""
    lines = CORPUS.read_text("utf-8").splitlines() if CORPUS.exists() else []
    return [pytest.param(json.loads(line), id=json.loads(line)["id"]) for line in lines]


@pytest.mark.parametrize("seed", seeds())
def test_what_failed_once_ends_as_documented(seed: dict[str, Any], runs: dict[str, Path]) -> None:
    """A seed names a file, and for some of its values (dotted paths) the ones to put there."""
    raw = (runs[seed["run"]] / "original" / seed["file"]).read_bytes()
    if "set" in seed:
        document = Document.read(seed["file"], raw)
        assert document is not None
        content = copy.deepcopy(document.content)
        for dotted, value in seed["set"].items():
            *path, last = (int(p) if p.isdecimal() else p for p in dotted.split("/"))
            holder = content
            for key in path:
                holder = holder[key]
            holder[last] = value
        raw = document.written(content)
    else:
        raw = raw.replace(seed["old"].encode("latin-1"), seed["new"].encode("latin-1"), 1)
    folder = put(Damage(seed["run"], seed["file"], raw, unknown_sum=True), runs)
    for words in (("predict", RUN, "few.csv"), ("eval", RUN, "few.csv"), ("eval", RUN)):
        survives(*words, cwd=folder)
