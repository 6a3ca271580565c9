"""The draws of a pack: settings from its space, each with the config that has them."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bpnet.config.grid import pass_key
from bpnet.config.loading import LoadedConfig, as_data, load_config
from bpnet.config.pack import Pack, Range
from bpnet.config.schema import Config
from bpnet.engine.layers import Dropout
from bpnet.engine.randomness import Purpose, generator
from bpnet.errors import ConfigError

DROPOUT = "architecture.dropout"
"""The key for the rates of all layers of dropout."""
_KEYS = (
    "training.learning_rate, training.learning_rate_factors, training.schedule, "
    "training.optimizer, training.l1, training.l2, training.gradient_clipping, "
    f"{DROPOUT}, and rates and initializers in architecture.layers and architecture.output"
)


@dataclass(frozen=True)
class Draw:
    """One draw: the value of each key, and the config with these values."""

    number: int
    """The draw's number, from 1; the first has the settings of the config itself."""
    settings: Mapping[str, Any]
    loaded: LoadedConfig


def spelled_out(pack: int | Pack, config: Config) -> Pack:
    """Return a pack with its space written out: by default around the settings of the config.

    The config is resolved: its layers are written out.
    """
    pack = Pack(draws=pack) if isinstance(pack, int) else pack
    return pack if pack.space else replace(pack, space=_default_space(config))


def _default_space(config: Config) -> dict[str, Range | list[Any]]:
    training, optimizer = config.training, config.training.optimizer
    space: dict[str, Range | list[Any]] = {}
    if not optimizer.searches:
        space["training.learning_rate"] = _around(training.learning_rate, 3)
        decay = getattr(optimizer, "weight_decay", 0.0)
        if decay:
            space["training.optimizer.weight_decay"] = _around(decay, 10)
    rates = [layer.rate for layer in _dropouts(config)]
    if rates:
        space[DROPOUT] = Range(low=0.0, high=max(0.3, min(1.5 * max(rates), 0.9)))
    return space


def _around(value: float, factor: float) -> Range:
    low, high = (float(f"{one:.3g}") for one in (value / factor, value * factor))
    return Range(low=low, high=high, scale="log")


def _dropouts(config: Config) -> list[Dropout]:
    return [layer for layer in config.architecture.layers or [] if isinstance(layer, Dropout)]


def draw_settings(loaded: LoadedConfig, pack: Pack, stream: int) -> list[Draw]:
    """Return the draws of a pack, which depend on the config's seed and a `stream` of numbers.

    The config is that of a member, resolved. Each key's values are spread over its range: of n
    draws one is in each nth (McKay et al. 1979). Raises ConfigError if a key is unknown, a value is
    not allowed, or a key changes a shape, so that the draws could not train together.
    """
    if not pack.space:
        return [Draw(k + 1, {}, loaded) for k in range(pack.draws)]
    base, common = as_data(loaded.config), pass_key(loaded.config)
    for key, values in pack.space.items():
        ends = [values.low, values.high] if isinstance(values, Range) else values
        for value in ends:
            _check(loaded, base, common, key, value)
    drawn = [
        _spread(values, pack.draws - 1, generator(loaded.config.seed, Purpose.SETTINGS, k, stream))
        for k, values in enumerate(pack.space.values())
    ]
    draws = [Draw(1, {}, loaded)]
    for number, chosen in enumerate(zip(*drawn, strict=True), start=2):
        settings = dict(zip(pack.space, chosen, strict=True))
        data = copy.deepcopy(base)
        for key, value in settings.items():
            _put(data, key, value)
        draws.append(Draw(number, settings, _loaded(loaded, data)))
    return draws


def _spread(values: Range | Sequence[Any], count: int, rng: Any) -> list[Any]:
    """Draw `count` values, one from each part of as many."""
    shares = (rng.permutation(count) + rng.random(count)) / count
    if isinstance(values, Range):
        return [values.at(float(share)) for share in shares]
    return [values[int(share * len(values))] for share in shares]


def _check(
    loaded: LoadedConfig, base: Mapping[str, Any], common: str, key: str, value: Any
) -> None:
    """Raise ConfigError if a key cannot have a value, or cannot vary within a pack."""
    path, data = ("pack", "space"), copy.deepcopy(dict(base))
    if key == DROPOUT and not _dropouts(loaded.config):
        raise loaded.error(
            path,
            f"names {key}, but the network has no layer of dropout; give architecture.dropout a "
            "number above 0 first, or leave the key out",
        )
    if not _put(data, key, value):
        raise loaded.error(
            path, f"names {key}, which is no key that draws may vary; they vary {_KEYS}"
        )
    try:
        same = pass_key(_loaded(loaded, data).config) == common
    except ConfigError as error:
        reasons = "; ".join(problem.partition(": ")[2] or problem for problem in error.problems)
        raise loaded.error(path, f"cannot give {key} the value {value!r}: {reasons}") from None
    if not same:
        raise loaded.error(
            path,
            f"names {key}, in which networks that train together must agree; draws vary {_KEYS}",
        )


def _loaded(loaded: LoadedConfig, data: dict[str, Any]) -> LoadedConfig:
    return replace(loaded, config=load_config(replace(loaded.source, data=data, texts={})).config)


def _put(data: dict[str, Any], key: str, value: Any) -> bool:
    """Put a value at a dotted key; return False if there is no such place."""
    if key == DROPOUT:
        for layer in data["architecture"].get("layers") or []:
            if layer["kind"] == "dropout":
                layer["rate"] = value
        return True
    *above, last = key.split(".")
    place: Any = data
    for name in above:
        place = _inside(place, name)
    if isinstance(place, list) and (position := _position(place, last)) is not None:
        place[position] = value
    elif isinstance(place, dict) and last in place and above:
        place[last] = value
    else:
        return False
    return True


def _inside(place: Any, name: str) -> Any:
    if isinstance(place, list):
        position = _position(place, name)
        return None if position is None else place[position]
    return place.get(name) if isinstance(place, dict) else None


def _position(place: list[Any], name: str) -> int | None:
    """Return the position in a list that a part of a key is, None if it is not one."""
    return next((k for k in range(len(place)) if str(k) == name), None)
