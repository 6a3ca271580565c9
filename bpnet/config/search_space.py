"""The space of a search: which keys are drawn, in which order, and draws that learn from nothing.

A draw is a function of the seed and its number alone, so that a study which goes on draws what it
would have drawn.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from bpnet.config.overrides import apply_overrides
from bpnet.config.pack_draws import DROPOUT
from bpnet.config.search import Dimension
from bpnet.config.sobol import SobolSequence
from bpnet.config.source import Source
from bpnet.engine.randomness import Purpose, generator

Values = Mapping[str, Any]
"""The value of each key that was drawn."""
LEAST_DROPOUT = 0.0001
"""The rate that a draw of no dropout has after layers of `hidden`: without layers of dropout a
network is of another shape, and could not train beside others.
"""
_SAME_SHAPE, _ATTEMPTS = 8, 32
"""Draws in place of one that there has been: of the same shape at first, of any at last."""


@dataclass(frozen=True)
class Space:
    """Keys with their values: a key that another depends on comes before it."""

    dimensions: Mapping[str, Dimension]
    shape: Collection[str] = field(default=())
    """The keys that decide with which other trials one can train; they have a few values each."""

    def drawn(self, key: str, values: Values) -> bool:
        """Return whether a key is drawn beside these values of the keys before it."""
        return all(
            name in values and values[name] in _as_list(wanted)
            for name, wanted in (self.dimensions[key].when or {}).items()
        )

    def of_shape(self, values: Values) -> dict[str, Any]:
        """Return the values of the keys that decide about the shape."""
        return {key: value for key, value in values.items() if key in self.shape}

    def from_shares(self, shares: Mapping[str, float], fixed: Values) -> dict[str, Any]:
        """Return the values at a share, from 0 to 1, of each range; `fixed` ones stay."""
        values: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if self.drawn(key, values):
                values[key] = fixed[key] if key in fixed else dimension.at(shares[key])
        return values

    def to_data(self) -> dict[str, Any]:
        """Return the space as plain data, which `from_data` reads."""
        return {
            "shape": [key for key in self.dimensions if key in self.shape],
            "dimensions": {
                key: {
                    name: value
                    for name, value in vars(one).items()
                    if value is not None and value is not False  # a bound of 0 stays
                }
                for key, one in self.dimensions.items()
            },
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Space":
        """Return the space that was made plain data."""
        dimensions = {key: Dimension(**one) for key, one in data["dimensions"].items()}
        return cls(dimensions, tuple(data["shape"]))


def _as_list(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


def in_order(dimensions: Mapping[str, Dimension]) -> dict[str, Dimension]:
    """Return keys in the order in which they can be drawn; those of a circle are left out."""
    ordered: dict[str, Dimension] = {}
    waiting = dict(dimensions)
    while ready := [
        key for key, one in waiting.items() if not any(other in waiting for other in one.when or {})
    ]:
        ordered |= {key: waiting.pop(key) for key in ready}
    return ordered


def with_values(source: Source, values: Values) -> Source:
    """Return a config with these values, as `--set` sets them; see `settings_of`.

    Raises ConfigError if one cannot be set.
    """
    settings = [
        f"{key}={json.dumps(value, ensure_ascii=False)}"
        for key, value in settings_of(source, values).items()
    ]
    return apply_overrides(source, settings, "search.space:")


def settings_of(source: Source, values: Values) -> dict[str, Any]:
    """Return the keys of a config that values set, with what each is set to.

    architecture.dropout is the rate of all layers of dropout where the config lists layers, and
    elsewhere never quite 0.
    """
    settings: dict[str, Any] = {}
    for key, value in values.items():
        rates = dropout_rates(source) if key == DROPOUT else []
        if key == DROPOUT and not rates and value == 0 and not isinstance(value, bool):
            value = LEAST_DROPOUT
        settings |= dict.fromkeys(rates or [key], value)
    return settings


def dropout_rates(source: Source) -> list[str]:
    """Return the keys of the rates of all layers of dropout that a config lists."""
    architecture = source.data.get("architecture")
    layers = architecture.get("layers") if isinstance(architecture, dict) else None
    kinds = [one.get("kind") if isinstance(one, dict) else one for one in layers or []]
    return [f"architecture.layers.{k}.rate" for k, kind in enumerate(kinds) if kind == "dropout"]


class Sampler(Protocol):
    """A rule that draws values from a space."""

    def shape(self, number: int) -> dict[str, Any]:
        """Draw the values of the keys that decide about the shape of a pass, by its number."""

    def draw(self, number: int, fixed: Values) -> dict[str, Any]:
        """Draw the values of a trial, by its number, of which some are fixed."""


@dataclass(frozen=True)
class EvenSampler:
    """Draws that learn from nothing: at random, or spread evenly by a Sobol sequence."""

    space: Space
    seed: int
    sobol: bool
    _sequences: dict[int, SobolSequence] = field(default_factory=dict, compare=False, repr=False)
    """The sequence of each stream of draws."""

    def shape(self, number: int) -> dict[str, Any]:
        """Draw the values of the keys of a shape."""
        keys = [key for key in self.space.dimensions if key in self.space.shape]
        shares = dict.fromkeys(self.space.dimensions, 0.5) | self._shares(keys, number, 0)
        return self.space.of_shape(self.space.from_shares(shares, {}))

    def draw(self, number: int, fixed: Values) -> dict[str, Any]:
        """Draw the values of a trial."""
        keys = list(self.space.dimensions)
        return self.space.from_shares(self._shares(keys, number, 1), fixed)

    def at_random(self, number: int, attempt: int, fixed: Values) -> dict[str, Any]:
        """Draw the values of a trial in place of others that there have been."""
        rng = generator(self.seed, Purpose.SETTINGS, number, 2 + attempt)
        return self.space.from_shares({key: rng.random() for key in self.space.dimensions}, fixed)

    def _shares(self, keys: Sequence[str], number: int, stream: int) -> dict[str, float]:
        if not keys:
            return {}
        if not self.sobol:
            rng = generator(self.seed, Purpose.SETTINGS, number, stream)
            return {key: rng.random() for key in keys}
        if stream not in self._sequences:
            rng = generator(self.seed, Purpose.SETTINGS, 0, stream)
            self._sequences[stream] = SobolSequence(len(keys), rng)
        return dict(zip(keys, self._sequences[stream].point(number), strict=True))


@dataclass
class Draws:
    """The draws of a study, one after another: none is a second time what there has been."""

    space: Space
    seed: int
    seen: set[str] = field(default_factory=set)

    @cached_property
    def _fallback(self) -> EvenSampler:
        return EvenSampler(self.space, self.seed, sobol=False)

    def passes(
        self, sampler: Sampler, sizes: Sequence[int], *, first_pass: int, first_trial: int
    ) -> list[list[dict[str, Any]]]:
        """Draw the trials of passes of these sizes, each of one shape where that has enough.

        Passes may have fewer trials, or none, if there are no others left to draw.
        """
        drawn: list[list[dict[str, Any]]] = []
        number = first_trial
        for k, size in enumerate(sizes):
            shape = sampler.shape(first_pass + k) if self.space.shape else {}
            trials = []
            for _ in range(size):
                if (values := self._new(sampler, number, shape)) is not None:
                    trials.append(values)
                number += 1
            drawn.append(trials)
        return drawn

    def _new(self, sampler: Sampler, number: int, shape: Values) -> dict[str, Any] | None:
        for attempt in range(_ATTEMPTS):
            if attempt == 0:
                values = sampler.draw(number, shape)
            else:
                fixed = shape if attempt < _SAME_SHAPE else {}
                values = self._fallback.at_random(number, attempt, fixed)
            if self.note(values):
                return values
        return None

    def note(self, values: Values) -> bool:
        """Note values that are drawn; return False if there have been the same."""
        text = json.dumps(values, sort_keys=True)
        if text in self.seen:
            return False
        self.seen.add(text)
        return True


def narrowed(dimensions: Mapping[str, Dimension], shape: Collection[str]) -> Space:
    """Return the space in which the keys of the shape have a few values each."""
    return Space(
        {
            key: Dimension(choices=one.levels(), when=one.when) if key in shape else one
            for key, one in dimensions.items()
        },
        tuple(shape),
    )
