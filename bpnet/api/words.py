"""Messages in Python's words: `settings={"training.epochs": 50}` for `--set training.epochs=50`.

A message names options and commands as they are typed in a shell, so each is a token of its own: an
option of `_OPTIONS`, or a command whose options are all there. Others have no equal in Python and
stay as they are.
"""

import functools
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from bpnet.config.assignments import split_assignment
from bpnet.errors import BpnetError, ConfigError

P = ParamSpec("P")
R = TypeVar("R")

_WORD = r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|[^\s'"])+"""
_OPTION = re.compile(rf"(?<![\w-])--(?P<name>[a-z][a-z-]*)(?:(?P<between>[ =])(?P<value>{_WORD}))?")
_FOLDER = re.compile(r"(?<=with )-o(?! FILE)(?: FOLDER/)?")
_SETTINGS = re.compile(rf"(?<![\w-])--set {_WORD}(?:,? --set {_WORD})*")
_COMMAND = re.compile(r"\bbpnet (?P<verb>[a-z]+)(?= )")
_NEXT_WORD = re.compile(rf" (?P<word>{_WORD})")
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*")

_OPTIONS: Mapping[str, tuple[str, bool]] = {
    "all-rows": ("all_rows", False),
    "force": ("force", False),
    "from": ("start_from", True),
    "format": ("format", True),
    "interval": ("intervals", True),
    "keep": ("keep", True),
    "mpi": ("mpi", True),
    "name": ("name", True),
    "output": ("path", True),
    "quiet": ("quiet", False),
    "raw": ("raw", False),
    "replica": ("replica", True),
    "runs": ("runs", True),
    "shard": ("shard", True),
    "strict": ("strict", False),
    "threads": ("threads", True),
    "threshold": ("threshold", True),
}
"""The parameter that each option is in Python, and whether it has a value."""

_VALUES = ("all", "best", "none", "always", "never")
"""Values of options that are words."""

_CALLS = {
    "train": "bpnet.train({2})",
    "resume": "bpnet.resume({2})",
    "eval": "bpnet.load({0}).evaluate({1})",
}
"""The call that a verb is, of its first argument, its others, and all of them."""
_OF_VERB: Mapping[str, set[str]] = {
    "train": {"set", "from", "mpi", "name", "runs", "threads", "quiet"},
    "resume": {"set", "force", "mpi", "threads", "quiet"},
    "eval": {"all-rows", "threads"},
}
"""The options of each verb's command that its function has, too."""


@dataclass(frozen=True)
class Setting:
    """What an option `--set` sets: its key, the same in parts, and the value in Python."""

    key: str
    parts: Sequence[str]
    value: str


SettingsWords = Callable[[Sequence[Setting]], str]


def as_settings(settings: Sequence[Setting]) -> str:
    """Return settings as those that `bpnet.train` takes."""
    inside = ", ".join(f"{text_literal(each.key)}: {each.value}" for each in settings)
    return f"settings={{{inside}}}"


_SETTINGS_WORDS: ContextVar[SettingsWords] = ContextVar("_SETTINGS_WORDS", default=as_settings)


@contextmanager
def settings_written_by(words: SettingsWords) -> Iterator[None]:
    """Let a function write the settings of all messages."""
    before = _SETTINGS_WORDS.set(words)
    try:
        yield
    finally:
        _SETTINGS_WORDS.reset(before)


def in_python(text: str) -> str:
    """Return a message in Python's words."""
    written, position = [], 0
    for command in _COMMAND.finditer(text):
        if command.start() >= position:
            written.append(_without_options(text[position : command.start()]))
            words, position = _words_of_command(text, command.end())
            call = _call(command["verb"], words)
            written.append(call or text[command.start() : position])
    return "".join([*written, _without_options(text[position:])])


@contextmanager
def errors_in_python() -> Iterator[None]:
    """Let errors that are raised say what to do in Python's words."""
    try:
        yield
    except BpnetError as error:
        error.problems = list(map(in_python, error.problems))
        error.args = ("\n".join(error.problems),)
        raise


def speaks_python(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function whose errors are in Python's words."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with errors_in_python():
            return function(*args, **kwargs)

    return call


def _words_of_command(text: str, start: int) -> tuple[list[str], int]:
    """Return the paths, options and values that follow a verb, and the position of their end."""
    words: list[str] = []
    position = start
    while match := _NEXT_WORD.match(text, position):
        bare, mark = _unmarked(match["word"])
        if not (bare.startswith("--") or _is_path(bare) or (words and words[-1].startswith("--"))):
            break
        words.append(bare)
        position = match.end() - len(mark)
        if mark:
            break
    return words, position


def _call(verb: str, words: list[str]) -> str | None:
    """Return the call that a command is, or None if Python has none."""
    if verb not in _OF_VERB or not words or words[0].startswith("--"):
        return None
    given, settings, others = [_literal(words[0])], list[Setting](), iter(words[1:])
    for word in others:
        name = word.removeprefix("--")
        if name == word or name not in _OF_VERB[verb]:
            return None
        if name == "set":
            settings += _setting(next(others, ""))
        else:
            parameter, has_value = _OPTIONS[name]
            given.append(f"{parameter}={_literal(next(others, '')) if has_value else True}")
    if settings:
        given.append(_SETTINGS_WORDS.get()(settings))
    return _CALLS[verb].format(given[0], ", ".join(given[1:]), ", ".join(given))


def _without_options(text: str) -> str:
    """Return a part of a message with parameters for options."""
    return _OPTION.sub(_parameter, _SETTINGS.sub(_settings, _FOLDER.sub("folder=FOLDER", text)))


def _settings(match: re.Match[str]) -> str:
    words = re.findall(_WORD, match.group())
    texts = [_unmarked(word) for word in words if not word.startswith("--set")]
    settings = [setting for text, _ in texts for setting in _setting(text)]
    if not settings:  # a key alone, or the option itself
        return match.group().replace("--set", "settings")
    return _SETTINGS_WORDS.get()(settings) + texts[-1][1]


def _setting(typed: str) -> list[Setting]:
    """Return the setting of `KEY=VALUE`, as a shell reads it; none if it is not of that form."""
    text = _shell_word(typed)
    assignment = split_assignment(text, {})
    if assignment is None:
        return []
    key = text[: len(text) - len(assignment.text) - 1]
    if _PLACEHOLDER.fullmatch(assignment.text):
        return [Setting(key, assignment.parts, assignment.text)]
    try:
        value = assignment.value("")[0]
    except ConfigError:
        value = assignment.text
    literal = text_literal(value) if isinstance(value, str) else repr(value)
    return [Setting(key, assignment.parts, literal)]


def _parameter(match: re.Match[str]) -> str:
    name, typed = match["name"], match["value"]
    if name not in _OPTIONS:
        return match.group()
    parameter, has_value = _OPTIONS[name]
    if not has_value:
        return f"{parameter}=True{match.group()[len(name) + 2 :]}"
    if typed is None:
        return parameter
    value, mark = _unmarked(typed)
    # a lower-case word may be the next of the sentence
    if match["between"] == " " and re.fullmatch("[a-z]+", value) and value not in _VALUES:
        return f"{parameter} {typed}"
    return f"{parameter}={_literal(value)}{mark}"


def _unmarked(word: str) -> tuple[str, str]:
    """Return a word, and the marks of the sentence that follow it.

    A mark right after = is the value, as in `dataset.reading.decimal=,`.
    """
    bare = word.rstrip(".,;:")
    while bare.endswith(")") and bare.count(")") > bare.count("("):
        bare = bare[:-1].rstrip(".,;:")
    if bare.endswith("=") and bare != word:
        bare = word[: len(bare) + 1]
    return bare, word[len(bare) :]


def _shell_word(word: str) -> str:
    try:
        return "".join(shlex.split(word)[:1])
    except ValueError:
        return word


def _is_path(word: str) -> bool:
    """Return whether a word is the path of a run or config, and not one of the sentence."""
    return bool(_PLACEHOLDER.fullmatch(word)) or any(mark in word for mark in "/.'\"")


def _literal(word: str) -> str:
    """Return a word of a shell as Python writes the value."""
    text = _shell_word(word)
    if _PLACEHOLDER.fullmatch(text) or re.fullmatch(r"\d+(\.\d+)?", text):
        return text
    return text_literal(text)


def text_literal(text: str) -> str:
    """Return a text in double quotes, as Python reads it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
