"""Questions about many runs: a key that is named, a condition, an order, and what differs."""

import operator
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bpnet.errors import UsageError
from bpnet.messages import closest_match, quoted_list
from bpnet.runs.config_values import Value, value_text
from bpnet.runs.entry import SCORED_PARTS, RunEntry, is_score
from bpnet.scoring.metrics import higher_is_better

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION = re.compile(r"(?P<key>[^=<>!~]+)(?P<operator>[=<>!~]+)(?P<value>.*)", re.DOTALL)
_EXAMPLE = "--where 'test.accuracy>0.9'"
_ALIASES = {"data": "dataset", "name": "run", "age": "started"}
_OF_TABLE = {
    *("task", "dataset.path", "dataset.columns", "dataset.rows"),
    *("dataset.features", "dataset.roles"),
}
"""Keys that differ with the table, which has a column of its own in a list."""
_SHOWN_AS_ONE = re.compile(r"architecture\.layers\.|dataset\.path\.|dataset\.rows\.")
"""Keys whose values a key above them sums up."""
_PRESET = "preset"
_WRITTEN_BY_PRESETS = re.compile(
    r"(architecture|training|replicas|folds|rounds|refit|members|calibration|pack|"
    r"dataset\.preprocessing)(\.|$)"
)
"""Keys that a preset may write into a config."""


@dataclass(frozen=True)
class Condition:
    """A condition on the value of a key."""

    key: str
    operator: str
    value: Value

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Return whether the values of a run meet it: without the key only `!=` does."""
        found = values.get(self.key)
        if self.operator in ("=", "!="):
            same = value_text(found) == value_text(self.value) or (
                _is_number(found) and _is_number(self.value) and found == self.value
            )
            return same == (self.operator == "=")
        if _is_number(found) != _is_number(self.value) or found is None:
            return False
        if not _is_number(found):
            found = value_text(found)
        return OPERATORS[self.operator](found, self.value)


def parse_condition(text: str, runs: Sequence[RunEntry]) -> Condition:
    """Return the condition KEY=VALUE on keys that the runs have; raises UsageError."""
    match = _CONDITION.fullmatch(text)
    if match is None or not match["key"].strip():
        raise UsageError(
            f"--where {text}: is not of the form KEY=VALUE; other operators are "
            f"{', '.join(one for one in OPERATORS if one != '=')}, in quotes for the shell: "
            f"{_EXAMPLE}"
        )
    sign = "=" if match["operator"] == "==" else match["operator"]
    if sign not in OPERATORS:
        raise UsageError(
            f"--where {text}: the operator '{sign}' is unknown; allowed are "
            f"{', '.join(OPERATORS)}, such as {_EXAMPLE}"
        )
    key = resolve_key(match["key"].strip(), runs, "--where")
    value = _parsed(match["value"].strip())
    if key == "status" and value == "finished":
        value = "done"
    if key == "run" and not isinstance(value, str):
        value = match["value"].strip()
    held = [run.values[key] for run in runs if run.values.get(key) is not None]
    if sign not in ("=", "!=") and held and all(map(_is_number, held)) != _is_number(value):
        kind = "text" if _is_number(value) else "a number"
        raise UsageError(
            f"--where {text}: {key} is {kind}, such as {value_text(held[0])}; "
            "compare it with another, or use = or !="
        )
    return Condition(key, sign, value)


def resolve_key(word: str, runs: Sequence[RunEntry], option: str) -> str:
    """Return the key that a word names: the whole key, or an end of it that no other key has.

    Raises UsageError.
    """
    keys = {key for run in runs for key in run.values}
    word = _ALIASES.get(word, word.removesuffix(".kind"))
    if word in keys:
        return word
    ending = sorted(key for key in keys if key.endswith(f".{word}"))
    if len(ending) == 1:
        return ending[0]
    if ending:
        raise UsageError(
            f"{option} {word}: is the end of several keys: {quoted_list(_ordered(ending), 5)}; "
            "name one"
        )
    raise UsageError(f"{option} {word}: no run has such a key; {_hint(word, keys)}")


def _hint(word: str, keys: Collection[str]) -> str:
    """Return the keys that are close to a word, or some that are there."""
    matches = [
        match
        for names in (keys, {key.rpartition(".")[2] for key in keys})
        if (match := closest_match(word, names))
    ]
    near = [key for match in matches for key in _ordered(keys) if _ends_so(key, match)]
    if near:
        return f"did you mean {quoted_list(list(dict.fromkeys(near)), 3)}?"
    measured = [key for key in _ordered(keys) if is_score(key)]
    return f"metrics are {quoted_list(measured, 5)}" if measured else "no run has a metric"


def _ends_so(key: str, word: str) -> bool:
    return key == word or key.endswith(f".{word}")


def _ordered(keys: Collection[str]) -> list[str]:
    """Return keys with those of metrics first, by their part."""
    parts = {part: k for k, part in enumerate(SCORED_PARTS)}
    return sorted(keys, key=lambda key: (parts.get(key.partition(".")[0], len(parts)), key))


def sort_runs(runs: Sequence[RunEntry], key: str, *, reverse: bool) -> list[RunEntry]:
    """Return runs by the value of a key: the best metric first, the newest, else from low to high.

    Runs without the key come last.
    """
    if key == "started":
        reverse = not reverse
    elif is_score(key):
        reverse ^= higher_is_better(key.rpartition(".")[2])
    having = [run for run in runs if run.values.get(key) is not None]
    rest = [run for run in runs if run.values.get(key) is None]
    ordered = sorted(having, key=lambda run: _sort_key(run.values[key]), reverse=reverse)
    return [*ordered, *rest]


def differing_keys(runs: Sequence[RunEntry], *, of_table: bool = False) -> list[str]:
    """Return the keys of configs in which runs differ, the most telling first.

    First come the preset and those that a command of the runs has set, then those that differ among
    runs of the same table; of these the ones in which most runs have another value than the most
    frequent.
    Settings of a component that differs itself are left out, and so are the table and its columns
    unless keys `of_table` are wanted, too. What presets have written is left out where it follows
    from preset and table: where runs that share both have the same value.
    """
    configured = [run for run in runs if run.config]
    if len(configured) < 2:
        return []
    commanded = {key for run in configured for key in _commanded(run)}
    tables: dict[str | None, list[RunEntry]] = {}
    for run in configured:
        tables.setdefault(run.data, []).append(run)
    same_preset: dict[tuple[str | None, Value], list[RunEntry]] = {}
    for run in configured:
        same_preset.setdefault((run.data, run.config.get(_PRESET)), []).append(run)
    beside = {key for run in configured for key in run.set_beside_preset}
    by_preset = any(run.config.get(_PRESET) is not None for run in configured)
    ranks: dict[str, tuple[bool, int, int]] = {}
    for key in dict.fromkeys(key for run in configured for key in run.config):
        aside = key == "name" or (
            key in _OF_TABLE
            and not (of_table and all(run.config.get(key) is not None for run in configured))
        )
        if aside or _SHOWN_AS_ONE.match(key):
            continue
        overall = _others(configured, key)
        follows = (
            by_preset
            and _WRITTEN_BY_PRESETS.match(key)
            and key not in commanded
            and not any(_overlap(key, one) for one in beside)
            and not any(_others(group, key) for group in same_preset.values())
        )
        if overall and not follows:
            within = sum(_others(group, key) for group in tables.values())
            ranks[key] = (key not in commanded and key != _PRESET, -within, -overall)
    kept = [key for key in ranks if not any(above in ranks for above in _above(key))]
    return sorted(kept, key=lambda key: ranks[key])  # of equal ones, as a config has them


def _overlap(key: str, other: str) -> bool:
    """Return whether one of two keys is the other, or is inside it."""
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def _commanded(run: RunEntry) -> Iterator[str]:
    """Yield the keys that the command of a run has set."""
    command = run.run.get("command")
    words = [str(word) for word in command] if isinstance(command, list) else []
    for option, word in pairwise([*words, ""]):
        name, _, value = option.partition("=")
        if name in ("--set", "--grid"):
            yield (value or word).partition("=")[0].removesuffix(".kind")


def _above(key: str) -> Iterator[str]:
    """Yield the keys that a key is inside."""
    while key := key.rpartition(".")[0]:
        yield key


def _others(runs: Sequence[RunEntry], key: str) -> int:
    """Return how many runs have another value of a key than the most frequent one."""
    counts = Counter(value_text(run.config.get(key)) for run in runs)
    return counts.total() - max(counts.values(), default=0)


def short_names(keys: Sequence[str], known: Collection[str]) -> dict[str, str]:
    """Return the shortest end of each key that no other known key has.

    The name of a setting of a component stands behind that of the component.
    """
    if not keys:
        return {}
    ends = Counter(end for key in {*known, *keys} for end in _ends(key))
    return {key: next(end for end in _ends(key) if ends[end] == 1 or end == key) for key in keys}


def _ends(key: str) -> list[str]:
    """Return the ends of a key at its dots, the shortest first."""
    parts = key.split(".")
    fewest = 1 if len(parts) < 3 else 2
    return [".".join(parts[-k:]) for k in range(fewest, len(parts) + 1)]


def _parsed(text: str) -> Value:
    """Return the value of a condition: a number, true, false, null, or text."""
    words: dict[str, Value] = {"true": True, "false": False, "null": None, "": None}
    if text in words:
        return words[text]
    try:
        return float(text)
    except ValueError:
        return text


def _sort_key(value: Value) -> tuple[bool, float, str]:
    if _is_number(value):
        assert isinstance(value, int | float)
        return (False, float(value), "")
    return (True, 0.0, value_text(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
