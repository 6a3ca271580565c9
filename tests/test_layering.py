"""The layering: every module imports only from layers below its own, and none in a circle.

The layers are in `LAYERS` from top to bottom. An import counts wherever it is: at the top of a
file, inside a function, under `TYPE_CHECKING`. A new package needs its place in the list, and this
test says so.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

import bpnet

PACKAGE = Path(bpnet.__file__).parent
LAYERS = (
    "estimators",
    "api",
    "cli",
    "reports",
    "workflows",
    "figures",
    "checks",
    "tracing",
    "inspection",
    "integrations",
    "models",
    "runs",
    "scoring",
    "doctor",
    "preparation",
    "config",
    "data",
    "blas",
    "engine",
    "messages",
    "paths",
    "errors",
)
NOT_THE_ENGINES = {
    "pandas",
    "sklearn",
    "scipy",
    "rich",
    "typer",
    "pydantic",
    "yaml",
    "safetensors",
    "matplotlib",
    "vl_convert",
    "jinja2",
    "onnx",
    "onnxruntime",
    "mpi4py",
    "optuna",
    "joblib",
    "distributed",
    "ray",
}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
ENGINE = [name for name in MODULES if f"{name}.".startswith("bpnet.engine.")]


def imported(source: str, modules: Iterable[str] = MODULES) -> set[str]:
    """Return the modules that the source imports, wherever it does."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno} has a relative import"
            for alias in node.names:  # a module of a package, or a name of a module
                inner = f"{node.module}.{alias.name}"
                names.add(inner if inner in modules else node.module)
    return names


def layer(name: str) -> int:
    """Return a module's position in LAYERS; bpnet itself, which holds only a version, is lowest."""
    parts = name.split(".")
    if len(parts) == 1:
        return len(LAYERS)
    assert parts[1] in LAYERS, f"{name} is in no layer; give bpnet.{parts[1]} its place in LAYERS"
    return LAYERS.index(parts[1])


def upward(name: str, imports: Iterable[str]) -> set[str]:
    """Return those of a module's imports that are in a layer above its own."""
    ours = {other for other in imports if other.split(".")[0] == "bpnet"}
    return {other for other in ours if layer(other) < layer(name)}


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the modules of a circle in the order they import one another, or an empty list."""
    done: set[str] = set()

    def visit(name: str, above: list[str]) -> list[str]:
        if name in above:
            return [*above[above.index(name) :], name]
        if name in done or name not in graph:
            return []
        for other in sorted(graph[name]):
            if found := visit(other, [*above, name]):
                return found
        done.add(name)
        return []

    return next((found for name in graph if (found := visit(name, []))), [])


def allowed_in_the_engine(name: str) -> bool:
    root = name.split(".")[0]
    if root == "bpnet":
        return name in {"bpnet.errors", "bpnet.engine"} or name.startswith("bpnet.engine.")
    return root == "numpy" or root in sys.stdlib_module_names


def loaded_by(statement: str) -> set[str]:
    """Return the modules in a fresh interpreter after the statement."""
    code = f"import sys; {statement}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def imports_of(name: str) -> set[str]:
    """Return the modules that a module imports.

    Those of bpnet itself are names of `bpnet.api` for type checkers; none is imported with it.
    """
    return set() if name == "bpnet" else imported(MODULES[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_from_its_own_layer_or_below(name):
    assert upward(name, imports_of(name)) == set()


def test_modules_do_not_import_in_a_circle():
    assert circle({name: imports_of(name) for name in MODULES}) == []


@pytest.mark.parametrize("name", ENGINE)
def test_a_module_of_the_engine_imports_only_what_it_may(name):
    names = imported(MODULES[name].read_text(encoding="utf-8"))
    assert {name for name in names if not allowed_in_the_engine(name)} == set()


def test_the_engine_loads_numpy_and_nothing_else():
    loaded = {name.split(".")[0] for name in loaded_by(f"import {', '.join(ENGINE)}")}
    assert {"numpy", "bpnet"} <= loaded
    assert loaded & NOT_THE_ENGINES == set()


def test_importing_bpnet_is_cheap():
    loaded = loaded_by("import bpnet")
    assert {name for name in loaded if name.split(".")[0] == "bpnet"} == {"bpnet"}
    assert {name.split(".")[0] for name in loaded} & (NOT_THE_ENGINES | {"numpy"}) == set()


@pytest.mark.parametrize(
    ("name", "source", "bad"),
    [
        ("bpnet.engine.losses", "from bpnet.data.targets import Task", {"bpnet.data.targets"}),
        ("bpnet.engine.losses", "import bpnet.config.schema as s", {"bpnet.config.schema"}),
        ("bpnet.runs.metrics_log", "from bpnet.models import model", {"bpnet.models.model"}),
        ("bpnet.errors", "def f():\n    import bpnet.messages", {"bpnet.messages"}),
        (
            "bpnet.workflows.train",
            "if TYPE_CHECKING:\n    from bpnet.reports.train import text",
            {"bpnet.reports.train"},
        ),
        ("bpnet", "from bpnet.errors import BpnetError", {"bpnet.errors"}),
        ("bpnet.reports.train", "from bpnet.workflows.train import train", set()),
        ("bpnet.cli.app", "import numpy\nfrom bpnet import __version__", set()),
    ],
)
def test_an_import_from_a_layer_above_is_found(name, source, bad):
    assert upward(name, imported(source)) == bad


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c", "numpy"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_a_package_without_a_layer_is_found():
    with pytest.raises(AssertionError, match=r"give bpnet\.helpers its place in LAYERS"):
        upward("bpnet.helpers.text", {"bpnet.errors"})


def test_a_relative_import_is_found():
    with pytest.raises(AssertionError, match="line 2 has a relative import"):
        imported("import math\nfrom . import losses")


def test_what_the_engine_may_import():
    assert allowed_in_the_engine("bpnet.engine.layers.base")
    assert allowed_in_the_engine("math")
    assert not allowed_in_the_engine("bpnet.config")
    assert not allowed_in_the_engine("bpnet.engineering")
    assert not any(allowed_in_the_engine(name) for name in NOT_THE_ENGINES)


def test_help_of_bpnet_lists_the_layers_from_top_to_bottom():
    overview = bpnet.__doc__.partition("The packages, from top to bottom")[2]
    assert re.findall(r"^    (\w+)  ", overview, re.MULTILINE) == list(LAYERS)
