"""The engine imports NumPy, the standard library, itself and bpnet.errors, and nothing else, not even indirectly."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bpnet.engine

ENGINE = Path(bpnet.engine.__file__).parent
MODULES = sorted(ENGINE.rglob("*.py"))
BANNED = {
    "pandas",
    "sklearn",
    "scipy",
    "rich",
    "typer",
    "pydantic",
    "yaml",
    "safetensors",
    "matplotlib",
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ENGINE.parents[1]).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """The modules that a file imports anywhere in it, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names.add(node.module)
    return names


def allowed(name: str) -> bool:
    root = name.split(".")[0]
    if root == "bpnet":
        return name == "bpnet.errors" or name == "bpnet.engine" or name.startswith("bpnet.engine.")
    return root == "numpy" or root in sys.stdlib_module_names


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_what_the_engine_may(path):
    assert {name for name in imported(path) if not allowed(name)} == set()


def test_the_rule_itself():
    assert allowed("bpnet.engine.layers.base")
    assert allowed("math")
    assert not allowed("bpnet.config")
    assert not allowed("bpnet.engineering")
    assert not any(allowed(name) for name in BANNED)


def test_a_fresh_interpreter_loads_nothing_else():
    names = ", ".join(module_name(path) for path in MODULES)
    code = f"import sys, {names}; print(*sorted(name.split('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"numpy", "bpnet"} <= loaded
    assert loaded & BANNED == set()


def test_modules_do_not_import_in_a_circle():
    graph = {module_name(path): imported(path) for path in MODULES}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"a circle: {' -> '.join([*above, name])}"
        if name in done or name not in graph:
            return
        for other in graph[name]:
            visit(other, (*above, name))
        done.add(name)

    for name in graph:
        visit(name, ())
