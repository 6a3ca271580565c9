"""Thresholds that are given by hand: a number, or numbers of classes or labels by name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bpnet.errors import UsageError
from bpnet.messages import did_you_mean, quoted_list
from bpnet.models.ensemble import Ensemble

OPTION = "--threshold"
_NAMED = re.compile(r"(?P<name>.+?)=(?P<number>[^=,]*)(?:,|$)", re.DOTALL)


@dataclass(frozen=True)
class GivenThresholds:
    """A number for whatever is decided, or numbers by name, beside which others stay."""

    number: float | None
    by_name: Mapping[str, float] = field(default_factory=dict)

    def decided(self, model: Ensemble) -> Ensemble:
        """Return a model with these thresholds; raises UsageError for names that it lacks."""
        if self.number is None and model.thresholds is not None and model.choices is None:
            return model.with_thresholds(self._of(model))  # others keep theirs, of unknown origin
        given = model.decided if self.number is not None else self.by_name
        choices = model.named_choices
        kept = [None if name in given else choices.get(name) for name in model.decided]
        return model.with_thresholds(self._of(model), kept)

    def _of(self, model: Ensemble) -> list[float]:
        """Return the threshold of each class or label of a model; raises UsageError for others."""
        names = model.decided
        if self.number is not None:
            return [self.number] * len(names)
        for name in self.by_name:
            if name not in names:
                what = "label" if len(names) > 1 else "class that is decided"
                raise UsageError(
                    f"{OPTION} {name}={self.by_name[name]:g}: '{name}' is not a {what}; allowed "
                    f"{'are' if len(names) > 1 else 'is'} {quoted_list(names)}"
                    f"{did_you_mean(name, names)}"
                )
        kept = model.thresholds or [0.5] * len(names)
        return [self.by_name.get(name, old) for name, old in zip(names, kept, strict=True)]


def read_given(text: str | float) -> GivenThresholds | None:
    """Return the thresholds of `0.3` or `NAME=0.3,NAME=0.6`; None if it is neither.

    Raises UsageError if a name has no probability, or two.
    """
    number = _probability(str(text))
    if number is not None:
        return GivenThresholds(number)
    if not isinstance(text, str) or "=" not in text:
        return None
    by_name: dict[str, float] = {}
    place = 0
    while place < len(text):
        match = _NAMED.match(text, place)
        value = None if match is None else _probability(match["number"])
        if match is None or value is None:
            raise UsageError(
                f"{OPTION} {text}: {text[place:]!r} must be NAME=P with P from 0 to 1, such as "
                "late=0.3,damaged=0.6"
            )
        if match["name"] in by_name:
            raise UsageError(f"{OPTION} {text}: names '{match['name']}' twice; name it once")
        by_name[match["name"]], place = value, match.end()
    return GivenThresholds(None, by_name)


def _probability(text: str) -> float | None:
    """Return the number from 0 to 1 that a text is, None if it is not one."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number <= 1 else None


def check_decides(model: Ensemble, option: str) -> None:
    """Raise UsageError unless the model predicts by a threshold."""
    if model.decided:
        return
    description = model.description
    predicted: str = description.target.kind
    if description.classes:
        predicted = f"one of {len(description.classes)} classes, the most probable one"
    raise UsageError(
        f"{option}: a threshold is for two classes or for labels; this run predicts {predicted}"
    )


def typed_thresholds(model: Ensemble) -> str | None:
    """Return the thresholds of a model as `--threshold` takes them; None if they are ½."""
    if model.thresholds is None:
        return None
    if len(model.decided) == 1:
        return f"{model.thresholds[0]:g}"
    pairs = zip(model.decided, model.thresholds, strict=True)
    return ",".join(f"{name}={value:g}" for name, value in pairs)
