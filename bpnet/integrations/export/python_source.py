"""The source of functions, with all that they read, for a file that runs without bpnet."""

import ast
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from inspect import getsource
from typing import Any

from bpnet.integrations.export import numpy_answers, numpy_columns, numpy_layers

_SECTIONS = (numpy_columns, numpy_layers, numpy_answers)
"""The modules whose functions are under a title; what they read of others comes first."""


@dataclass(frozen=True, order=True)
class Definition:
    """A function or a constant of a module, by its place in the file."""

    section: int
    """The number of its module's section, -1 for one before the first."""
    module: str
    line: int
    name: str
    source: str


def definitions(
    functions: Iterable[Callable[..., Any]], apart_from: Collection[str] = ()
) -> tuple[list[Definition], list[str]]:
    """Return functions and all of bpnet that they read, in order, and the imports of the rest.

    Names of `apart_from` are left out, with what only they read.
    """
    found: dict[tuple[str, str], Definition] = {}
    imports: set[tuple[str, str]] = set()
    waiting = [(function.__module__, function.__name__) for function in functions]
    while waiting:
        module, name = waiting.pop()
        statement = _statements(module).get(name)
        if statement is None or name in apart_from or (module, name) in found:
            continue  # None for what is Python's own
        if isinstance(statement, ast.ImportFrom):
            origin = statement.module or ""
            if origin.startswith("bpnet."):
                waiting.append((origin, name))
            else:
                imports.add((f"from {origin} import ", name))
        elif isinstance(statement, ast.Import):
            imports.add((ast.unparse(statement), ""))
        else:
            source = ast.get_source_segment(_source(module), statement) or ""
            titles = [section.__name__ for section in _SECTIONS]
            section = titles.index(module) if module in titles else -1
            found[module, name] = Definition(section, module, statement.lineno, name, source)
            waiting += [(module, each) for each in _names(statement)]
    return sorted(found.values()), _import_lines(imports)


def source_of(found: Iterable[Definition]) -> str:
    """Return the source of definitions, after the title of a section before its first one."""
    text, section, was_function = "", -1, True
    for each in found:
        if each.section > section:
            section, was_function = each.section, True
            title = (_SECTIONS[section].__doc__ or "").partition(",")[0]
            text += f"\n\n\n# {title}"
        is_function = each.source.startswith("def ")
        text += "\n\n\n" if is_function or was_function else "\n"
        text, was_function = text + each.source, is_function
    return text


@cache
def _source(module: str) -> str:
    return getsource(import_module(module))


@cache
def _statements(module: str) -> dict[str, ast.stmt]:
    """Return the statement at the top of a module that each name comes from."""
    return {
        name: statement
        for statement in ast.parse(_source(module)).body
        for name in _defined(statement)
    }


def _defined(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement at the top of a module defines."""
    if isinstance(statement, ast.FunctionDef):
        yield statement.name
    elif isinstance(statement, ast.Assign):
        yield from (each.id for each in statement.targets if isinstance(each, ast.Name))
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (each.asname or each.name for each in statement.names)


def _names(statement: ast.stmt) -> set[str]:
    """Return the names that a definition reads, its own parameters and variables left out."""
    names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in ast.walk(statement) if isinstance(node, ast.arg)}
    return {node.id for node in names} - own


def _import_lines(imports: Iterable[tuple[str, str]]) -> list[str]:
    """Return import statements, one for each module."""
    names: dict[str, list[str]] = {}
    for start, name in sorted(imports):
        names.setdefault(start, []).append(name)
    return [start + ", ".join(each) for start, each in names.items()]
