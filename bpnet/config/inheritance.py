"""`extends`: a config that completes others, its parents, with the keys that it changes.

Of a key in both, the file's own value counts. Mappings are merged key by key, and lists and other
values replaced. A component of another kind replaces the whole one, and one of the same kind keeps
the settings that it does not name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os.path import realpath
from pathlib import Path
from typing import Any

from bpnet.config.dataset_paths import relocated
from bpnet.config.key_tree import EXTENDS
from bpnet.config.members import without_other_layers
from bpnet.config.schema import Config
from bpnet.config.shorthand import dataclasses_in, default_kinds, hints, kind_of, member, value_hint
from bpnet.config.source import Source, read_file
from bpnet.config.yaml_tree import KeyPath, shortened
from bpnet.errors import ConfigError

_MOST_FILES = 50
"""Files that a config may extend, counted each time that they are read."""


def read_source(path: Path) -> Source:
    """Read a config file, completed by those that it extends.

    Each key keeps the file and line where it was written. Raises ConfigError if a file cannot be
    read, or extends itself.
    """
    return _Reader().completed(read_file(path), (path,))


def completed_source(source: Source) -> Source:
    """Return a source that is of no file, completed by the files that it extends, if any.

    Raises ConfigError as `read_source` does.
    """
    return _Reader().completed(source, ())


class _Reader:
    """Reads the parents of a file, and counts them: lists of lists of files may be many."""

    def __init__(self) -> None:
        self.files = 0

    def completed(self, source: Source, chain: Sequence[Path]) -> Source:
        """Return a source completed by its parents.

        `chain` are the files that lead to it, each extended by the one before, and itself.
        """
        if EXTENDS not in source.data:
            return source
        own = _without_key(source)
        base: Source | None = None
        for k, name in enumerate(_parents(source)):
            place = source.where((EXTENDS, k))
            self.files += 1
            if self.files > _MOST_FILES:
                raise ConfigError(
                    f"{place}: extends {name}: a config may extend {_MOST_FILES} files in all; "
                    "write some of them together"
                )
            parent = _moved(self._parent(source.folder / name, place, chain), source.folder)
            base = parent if base is None else _completed(parent, base)
        assert base is not None
        return _completed(own, base)

    def _parent(self, path: Path, place: str, chain: Sequence[Path]) -> Source:
        # realpath, since Path.resolve raises an error of a link to itself
        same = [k for k, child in enumerate(chain) if realpath(child) == realpath(path)]
        if same:
            circle = " -> ".join(f"{one}" for one in (*chain[same[0] :], path))
            raise ConfigError(
                f"{place}: extends in a circle: {circle}; remove one of these `extends`"
            )
        try:
            return self.completed(read_file(path, chain[-1] if chain else None), (*chain, path))
        except ConfigError as error:
            # that the file cannot be read says nothing of who needs it; a line in it does
            raise ConfigError(
                [
                    f"{place}: extends {problem}" if problem.startswith(f"{path}: ") else problem
                    for problem in error.problems
                ],
                error.key,
            ) from None


def _parents(source: Source) -> list[str]:
    """Return the files that a config extends; raises ConfigError if they are not named so."""
    value = source.data[EXTENDS]
    items = value if isinstance(value, list) else [value]
    paths = [(EXTENDS, k) if isinstance(value, list) else (EXTENDS,) for k in range(len(items))]
    names = [
        item if isinstance(item, str) else source.texts.get(path, "")  # a file may be named 2
        for item, path in zip(items, paths, strict=True)
        if item is not None and not isinstance(item, dict | list)
    ]
    names = [name.strip() for name in names]
    if len(names) < len(items) or not names or not all(map(_is_name, names)):
        empty = source.texts.get((EXTENDS,)) or "empty"
        shown = shortened(str(value)) if value else empty
        raise ConfigError(
            f"{source.where((EXTENDS,))}: extends is {shown}; it must be a config "
            "file, such as base.yaml, or a list of them; if there is none, leave extends out"
        )
    return names


def _is_name(text: str) -> bool:
    return text != "" and text.isprintable()


def _without_key(source: Source) -> Source:
    data = {key: value for key, value in source.data.items() if key != EXTENDS}
    return replace(source, data=data, lines=_outside(source.lines), texts=_outside(source.texts))


def _outside(record: Mapping[KeyPath, Any]) -> dict[KeyPath, Any]:
    return {path: value for path, value in record.items() if path[0] != EXTENDS}


def _moved(parent: Source, folder: Path) -> Source:
    """Return a parent's source as it would be in another folder, with its file at each line."""
    data, dataset = dict(parent.data), parent.data.get("dataset")
    if isinstance(dataset, dict) and "path" in dataset:
        path: KeyPath = ("dataset", "path")
        value = dataset["path"]
        if isinstance(value, dict):
            moved: Any = {
                part: _moved_path(file, parent, (*path, part), folder)
                for part, file in value.items()
            }
        else:
            moved = _moved_path(value, parent, path, folder)
        data["dataset"] = {**dataset, "path": moved}
    lines = {path: parent.where(path) for path in parent.lines}
    return replace(parent, data=data, lines=lines, folder=folder)


def _moved_path(file: Any, parent: Source, path: KeyPath, folder: Path) -> Any:
    text = file if isinstance(file, str) else parent.texts.get(path)  # a file may be named 2
    return file if text is None or file is None else relocated(text, parent.folder, folder)


def _completed(own: Source, base: Source) -> Source:
    """Return a source completed by another one, whose lines name their file."""
    inherited = without_other_layers(dict(base.data), own.data)
    data = _merged(inherited, own.data, Config)
    kept = [p for p in base.lines if _holds(data, p) and not _holds(own.data, p)]
    return replace(
        own,
        data=data,
        lines={path: base.lines[path] for path in kept} | dict(own.lines),
        texts={path: base.texts[path] for path in kept if path in base.texts} | dict(own.texts),
    )


def _merged(base: Any, own: Any, hint: Any, default: str | None = None) -> Any:
    """Return a value completed by that of a parent.

    `hint` is the type of both, and `default` the kind of a component that names none.
    """
    if any(kind_of(one) for one in dataclasses_in(hint)):
        base, own = _spelled(base), _spelled(own)
        kind = own.get("kind") if isinstance(own, dict) else None
        if kind is not None and isinstance(base, dict) and kind != base.get("kind", default):
            return own
    if not isinstance(base, dict) or not isinstance(own, dict):
        return own
    completed = {**base, **own}
    section = member(hint, {"kind": default, **completed})
    inside = hints(section) if section else {}
    defaults = default_kinds(section) if section else {}
    for key in base.keys() & own.keys():
        inner = inside.get(key, value_hint(hint))
        completed[key] = _merged(base[key], own[key], inner, defaults.get(key))
    return completed


def _spelled(component: Any) -> Any:
    """Return a component that is a bare word as a mapping."""
    return {"kind": component} if isinstance(component, str) else component


def _holds(data: Any, path: KeyPath) -> bool:
    """Return whether data has a value at a key path."""
    for part in path:
        inside: Any = data if isinstance(data, dict) else {}
        if isinstance(data, list):
            inside = dict(enumerate(data))
        if part not in inside:
            return False
        data = inside[part]
    return True
