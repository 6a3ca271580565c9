"""Completion: what may come next on a command line, for a shell whose script asks."""

import enum
import os
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bpnet.cli.options import runs_folder
from bpnet.paths import is_dir, is_file

Candidate = tuple[str, str]
"""A word, and what it is; the text may be empty."""

_COLUMNS = ("--target", "--column", "--partial-dependence")
"""Options whose value is a column of the table or run that is given."""
_BREAKS = "=:"
"""Characters at which bash begins another word, outside quotes."""
ESCAPED = '"$`\\'
"""Characters that a backslash escapes in double quotes."""


def answer(shell: str, arguments: Sequence[str], group: Any) -> list[str]:
    """Return a line for each candidate: the word, and after a tab what it is.

    bash gives the line up to the cursor as one argument, and takes only the end of a word that it
    divides or that has an open quote; other shells give each word.
    """
    words, start = list(arguments), 0
    if shell == "bash" and arguments:
        words, start = _split(arguments[0])
    *before, incomplete = words or [""]
    return [
        f"{word[start:]}\t{' '.join(text.split())}".rstrip("\t")
        for word, text in candidates(group, before, incomplete)
    ]


def _split(line: str) -> tuple[list[str], int]:
    """Return the words of a line after the first, the last as far as it is typed.

    The number is that of its first characters that bash leaves as they are: up to a mark at which
    it divides words, or to an open quote.
    """
    words, start, quote, k = [""], 0, "", 0
    while k < len(line):
        mark = line[k]
        escapes = mark == "\\" and quote != "'" and (not quote or line[k + 1 : k + 2] in ESCAPED)
        if escapes:
            k += 1
            words[-1] += line[k : k + 1]
        elif mark == quote:
            quote = ""
        elif not quote and mark in "'\"":
            quote, start = mark, len(words[-1])
        elif not quote and mark.isspace():
            start = 0
            if words[-1] or line[k - 1] in "'\"":  # an empty word has quotes
                words.append("")
        else:
            words[-1] += mark
            if not quote and mark in _BREAKS:
                start = len(words[-1])
        k += 1
    return words[1:] or [""], start


def candidates(group: Any, words: Sequence[str], incomplete: str) -> list[Candidate]:
    """Return what may complete a word that comes after `words`."""
    verbs = [k for k, word in enumerate(words) if not word.startswith("-")]
    if not verbs:
        found: Iterable[Candidate] = _verbs(group)
        if incomplete.startswith("-"):
            found = _options(group, words)
    else:
        command = group.commands.get(words[verbs[0]])
        found = [] if command is None else _of_verb(command, words[verbs[0] + 1 :], incomplete)
    return [one for one in found if one[0].startswith(incomplete)]


def _verbs(group: Any) -> list[Candidate]:
    return [(name, (one.help or "").partition("\n")[0]) for name, one in group.commands.items()]


def _of_verb(command: Any, words: Sequence[str], incomplete: str) -> Iterable[Candidate]:
    by_name = {name: one for one in command.params for name in (*one.opts, *one.secondary_opts)}
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    given, pending, ended = [], None, False
    for word in words:
        if pending is not None:
            pending = None
        elif ended or not word.startswith("-") or word == "-":
            given.append(word)
        elif word == "--":
            ended = True
        elif word in by_name and not by_name[word].is_flag:
            pending = by_name[word]
    if pending is not None:
        return _values(command, pending, incomplete, given)
    name, equals, value = incomplete.partition("=")
    if not ended and equals and name.startswith("--") and name in by_name:
        values = _values(command, by_name[name], value, given)
        return [(f"{name}={word}", text) for word, text in values]
    if not ended and incomplete.startswith("-"):
        return _options(command, words)
    return _arguments(command, arguments, given, incomplete)


def _arguments(
    command: Any, arguments: Sequence[Any], given: Sequence[str], incomplete: str
) -> Iterator[Candidate]:
    """Yield the values of the argument that comes next: of one that repeats, and those after."""
    repeated = [k for k, one in enumerate(arguments) if one.nargs == -1]
    if repeated and len(given) > repeated[0]:
        following = arguments[repeated[0] :]
    else:
        following = arguments[len(given) : len(given) + 1]
    for argument in following:
        yield from _values(command, argument, incomplete, given)


def _options(command: Any, words: Sequence[str]) -> Iterator[Candidate]:
    """Yield the options that may still be given."""
    for one in command.params:
        names = [*one.opts, *one.secondary_opts]
        if one.param_type_name == "option" and (one.multiple or not set(names) & set(words)):
            yield from ((name, one.help or "") for name in names if name.startswith("--"))
    yield "--help", "Show this message and exit."


def _values(
    command: Any, parameter: Any, incomplete: str, given: Sequence[str]
) -> Iterable[Candidate]:
    """Return the values of an option or argument; none if they are those of no list.

    What takes a file has none, so that the shell lists files.
    """
    name, metavar = parameter.opts[0], parameter.metavar or ""
    choices = _choices(command.callback, parameter.name)
    if choices:
        return [(choice, "") for choice in choices]
    if name in ("--set", "--grid"):
        from bpnet.cli.completed_settings import settings  # deferred: imports the schema

        return settings(command.name, incomplete, given, many=name == "--grid")
    if (command.name, metavar) == ("example", "NAME"):
        from bpnet.workflows.example import examples  # deferred: reads them

        return [(one.name, one.summary) for one in examples()]
    if name == "--bug":
        return [("double-derivative", ""), ("updated-weights", "")]
    if name == "--format":
        from bpnet.data.formats import WRITABLE  # deferred: seldom needed

        return [(one.name, "") for one in WRITABLE]
    if name in _COLUMNS:
        from bpnet.cli.completed_columns import columns  # deferred: reads the table, or the model

        return [(one, "") for one in columns(command.name, given)]
    parts = metavar.split("|")
    words = [(part, "") for part in parts if part.islower() and len(parts) > 1]
    listed = [_BY_METAVAR[part] for part in parts if part in _BY_METAVAR]
    found = [one for function in listed for one in function(incomplete)]
    # a run counts, and not that it is a folder, too
    return [*words, *{word.rstrip("/"): (word, text) for word, text in found}.values()]


def _choices(callback: Callable[..., None], name: str) -> list[str]:
    """Return the words of a parameter that takes one of an enumeration."""
    hint = typing.get_type_hints(callback).get(name)
    kinds = [one for one in (hint, *typing.get_args(hint)) if isinstance(one, enum.EnumType)]
    return [str(word.value) for kind in kinds for word in typing.cast(Iterable[enum.Enum], kind)]


def _configs(incomplete: str) -> Iterator[Candidate]:
    """Yield YAML files, and folders that may hold some."""
    for path, name in _entries(incomplete):
        if name.endswith((".yaml", ".yml")) and is_file(path):
            yield path, ""
        elif is_dir(path):
            yield f"{path}/", ""


def _runs(incomplete: str) -> Iterator[Candidate]:
    """Yield run directories, those of the folder of runs first, and folders that may hold some."""
    if "/" not in incomplete:
        yield from _runs(f"{runs_folder()}/")
    for path, _ in _entries(incomplete):
        if is_file(f"{path}/run.json"):
            yield path, ""
        elif is_dir(path):
            yield f"{path}/", ""


def _folders(incomplete: str) -> Iterator[Candidate]:
    yield from ((f"{path}/", "") for path, _ in _entries(incomplete) if is_dir(path))


def _entries(incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield what is in the folder of a path, as far as that is typed: each path and its name."""
    folder = incomplete[: incomplete.rfind("/") + 1]
    try:
        names = sorted(os.listdir(Path(folder).expanduser()))  # noqa: PTH208 (the path as typed)
    except OSError:
        return
    hidden = incomplete.removeprefix(folder).startswith(".")
    for name in names:
        if name.isprintable() and (hidden or not name.startswith(".")):  # an answer is a line
            yield f"{folder}{name}", name


def _kinds(_: str) -> list[Candidate]:
    from bpnet.workflows.figure_kinds import KINDS  # deferred: imports NumPy

    return [(kind.name, kind.shows) for kind in KINDS.values()]


def _topics(_: str) -> list[Candidate]:
    from bpnet.workflows.guide import pages  # deferred: seldom needed

    return [(page.topic, page.summary) for page in pages()]


def _keys(incomplete: str) -> Iterable[Candidate]:
    from bpnet.cli.completed_settings import explained_keys  # deferred: imports the schema

    return explained_keys(incomplete)


_BY_METAVAR: Mapping[str, Callable[[str], Iterable[Candidate]]] = {
    "CONFIG": _configs,
    "RUN": _runs,
    "DIR": _folders,
    "KIND": _kinds,
    "TOPIC": _topics,
    "KEY": _keys,
}
