"""The plan of a search: the config that trials complete, the space, and what compares them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bpnet.config.grid import pass_key
from bpnet.config.loading import LoadedConfig, load_config
from bpnet.config.other_names import usual_key
from bpnet.config.pack_draws import DROPOUT
from bpnet.config.presets.expand import preset_of
from bpnet.config.schema import Config
from bpnet.config.search import Dimension, Search
from bpnet.config.search_space import Space, in_order, narrowed, with_values
from bpnet.config.shorthand import hint_at
from bpnet.config.source import Source
from bpnet.config.written_texts import fits
from bpnet.engine.component import FieldError
from bpnet.engine.layers import Dropout
from bpnet.engine.metrics import HIGHER_IS_BETTER, metric_names
from bpnet.errors import ConfigError
from bpnet.integrations import optuna
from bpnet.messages import closest_match, did_you_mean, listed
from bpnet.preparation.preset import open_with_preset
from bpnet.workflows.search_rows import TrialRows

_DRAWN = ("architecture", "training", "dataset.preprocessing", "dataset.features")
"""The keys that may be drawn, and those inside them."""
_LOSSES = ("training.loss", "dataset.preprocessing.target")
"""The keys with which losses of trials are not comparable."""
_SECTION = "search"
DRAWS = 8
"""Trials of a pass, if the config says nothing: with more, only tiny networks train faster."""
MOST_TRIALS = 128
"""Trials of a search without a number and without a budget."""


@dataclass(frozen=True)
class SearchPlan:
    """What a search draws and compares: it is the same for all that work on a study."""

    base: Source
    """The config that trials complete, without the section of the search."""
    settings: Search
    """The settings, with every default that depends on the config filled in."""
    space: Space
    metric: str
    seed: int

    @property
    def maximizes(self) -> bool:
        """True if a higher value of the metric is better."""
        return self.metric in HIGHER_IS_BETTER

    @property
    def folds(self) -> bool:
        """True if trials are compared by the rows that folds hold out."""
        return self.base.data.get("folds") is not None

    @property
    def part(self) -> str:
        """The name of the rows that trials are compared by.

        Of folds the loss is that of all held-out rows together, any other metric the folds' mean.
        """
        if self.folds:
            return "out_of_fold" if self.metric == "loss" else "mean_of_folds"
        return "validation"


def plan_search(source: Source) -> tuple[SearchPlan, TrialRows, list[str]]:
    """Plan the search that a config describes, and return remarks on it.

    Raises ConfigError or DataError if it describes none, or the table does not suit it.
    """
    loaded = load_config(source)
    settings = loaded.config.search or Search()
    _refuse_ensembles(loaded)
    base, notes = _base_of(loaded, settings)
    rows = TrialRows(base)
    first = load_config(base)
    resolved = rows.prepared(first).fitted.resolved
    if not rows.validates:
        raise loaded.error(
            (_SECTION,) if loaded.config.search else ("dataset", "split", "validation"),
            "has no rows to compare trials by; hold some out: "
            "--set dataset.split.validation=0.15, or cross-validate: --set search.folds=5",
        )
    dimensions = settings.dimensions or default_dimensions(resolved.config, base)
    space = _checked_space(loaded, base, rows, dimensions)
    metric = _metric(loaded, settings, space, resolved.task, first)
    sampler = settings.sampler
    if sampler == "tpe":
        optuna.require("search.sampler: tpe")
    if sampler == "auto":
        sampler = "tpe" if optuna.installed() else "sobol"
        if sampler == "sobol":
            notes.append(
                "Optuna is not installed: trials are spread evenly, and learn nothing from one "
                f"another; {optuna.EXTRA}"
            )
    seed = first.config.seed if settings.seed is None else settings.seed
    trials = settings.trials
    if trials is None and settings.budget is None:
        trials = MOST_TRIALS
    draws = settings.draws or DRAWS
    settings = replace(settings, sampler=sampler, trials=trials, space={}, seed=seed, draws=draws)
    return SearchPlan(base, settings, space, metric, seed), rows, notes


def _refuse_ensembles(loaded: LoadedConfig) -> None:
    """Raise ConfigError for a config of several kinds of network."""
    config = loaded.config
    for key, given in (
        ("members", bool(config.members)),
        ("pack", config.pack is not None),
        ("rounds", config.rounds > 1),
    ):
        if given:
            raise loaded.error(
                (key,),
                "trains several kinds of network, and a search tunes one; leave it out: "
                f"--set {key}={'1' if key == 'rounds' else 'null'}",
            )


def _base_of(loaded: LoadedConfig, settings: Search) -> tuple[Source, list[str]]:
    """Return the config that trials complete, and remarks on what it takes from a preset."""
    source, notes = loaded.source, []
    data = {key: value for key, value in source.data.items() if key != _SECTION}
    name = preset_of(loaded)
    if name is not None:
        if name != "fast":
            notes.append(f"a search tunes one network: that of the preset fast, in place of {name}")
        opened = open_with_preset(load_config(replace(source, data={**data, "preset": "fast"})))
        data = dict(opened.loaded.source.data)
        # with which replicas that have stopped would be computed all the same
        data["training"] = {**data["training"], "lazy_embeddings": False}
        if (folds := opened.loaded.config.folds) is not None:
            data["folds"] = folds
    if settings.folds is not None:
        data["folds"] = settings.folds
    return replace(source, data=data), notes


def default_dimensions(resolved: Any, base: Source) -> dict[str, Dimension]:
    """Return the keys of a search that names none: around the settings of a resolved config."""
    training, optimizer = resolved.training, resolved.training.optimizer
    dimensions: dict[str, Dimension] = {}
    if not optimizer.searches:
        dimensions["training.learning_rate"] = _around(training.learning_rate, 10)
        decay = getattr(optimizer, "weight_decay", 0.0)
        if decay:
            dimensions["training.optimizer.weight_decay"] = _around(decay, 10)
    layers = resolved.architecture.layers or []
    listed_layers = (base.data.get("architecture") or {}).get("layers") is not None
    if any(isinstance(layer, Dropout) for layer in layers) or (layers and not listed_layers):
        dimensions[DROPOUT] = Dimension(low=0.001, high=0.5)
    if not listed_layers:
        widths = sorted({32, 64, 128, *_widths(layers)})
        depths = sorted({1, 2, sum(hasattr(layer, "units") for layer in layers)} - {0})
        hidden = [[width] * depth for depth in depths for width in widths]
        dimensions["architecture.hidden"] = Dimension(choices=hidden)
    return dimensions


def _widths(layers: Sequence[Any]) -> list[int]:
    return [int(layer.units) for layer in layers if hasattr(layer, "units")]


def _around(value: float, factor: float) -> Dimension:
    low, high = (float(f"{one:.3g}") for one in (value / factor, value * factor))
    return Dimension(low=low, high=high, log=True)


def _checked_space(
    loaded: LoadedConfig, base: Source, rows: TrialRows, dimensions: Mapping[str, Dimension]
) -> Space:
    """Return the space, after every key was tried with its ends; raise ConfigError.

    A range of a key that takes only whole numbers is one of these.
    """
    problems: list[str] = []

    def problem(key: str, text: str) -> None:
        problems.append(loaded.problem((_SECTION, "space", key), text))

    for key in dimensions:
        if text := _condition_problem(key, dimensions):
            problem(key, text)
        elif not any(key == each or key.startswith(f"{each}.") for each in _DRAWN):
            near = _near_key(key)
            problem(
                key,
                "is not drawn in a search, which draws keys inside "
                f"{listed(_DRAWN)}" + (f"; did you mean '{near}'?" if near else ""),
            )
        elif text := _position_problem(key, base) or _range_problem(key, dimensions[key], base):
            problem(key, text)
    if problems:
        raise ConfigError(problems)
    ordered = in_order(dimensions)
    for key in dimensions:
        if key not in ordered:
            problem(key, "depends on a key that depends on it; leave out one of the conditions")
    if problems:
        raise ConfigError(problems)
    whole: dict[str, Dimension] = {}
    shape: list[str] = []
    for key, one in ordered.items():
        around = _conditions_of(key, ordered)
        try:
            whole[key], keys = _tried(base, rows, key, one, around)
        except ConfigError as error:
            reasons = "; ".join(each.partition(": ")[2] or each for each in error.problems)
            problem(key, f"cannot be drawn: {reasons}")
            continue
        if len(keys) > 1:
            shape.append(key)
    if problems:
        raise ConfigError(problems)
    return narrowed(whole, shape)


def _near_key(key: str) -> str | None:
    """Return the key that one may mean which is in no section, such as lr; None if none is near."""
    ends = {
        one.rpartition(".")[2]: one
        for one in (
            *("training.learning_rate", "training.optimizer", "training.batch_size", "training.l2"),
            *("training.optimizer.weight_decay", "training.schedule", "training.epochs"),
            *("architecture.hidden", "architecture.activation", DROPOUT),
        )
    }
    near = closest_match(usual_key(key.rpartition(".")[2]), ends)
    return None if near is None else ends[near]


def _position_problem(key: str, base: Source) -> str | None:
    """Return what is wrong with a key that leads into a list which the config does not give."""
    holder: Any = base.data
    parts = key.split(".")
    for k, part in enumerate(parts):
        if part.isdecimal() and holder is None:
            owner = ".".join(parts[:k])
            return (
                f"is in {owner}, which the config does not give; give it there, or draw {owner} "
                "as a whole, from a list of lists"
            )
        holder = holder.get(part) if isinstance(holder, dict) else None
        if holder is None and k + 1 < len(parts) and not parts[k + 1].isdecimal():
            return None
        if isinstance(holder, list):
            return None
    return None


def _range_problem(key: str, one: Dimension, base: Source) -> str | None:
    """Return what is wrong with a range of a key that takes no numbers."""
    path = tuple(int(part) if part.isdecimal() else part for part in key.split("."))
    hint = None if one.choices is not None else hint_at(path, base.data, Config)
    if hint is None or fits(1, hint) or fits(0.5, hint):
        return None
    return (
        "has a range, but the key takes no numbers; give a list of values in its place, as "
        f"bpnet explain {key} has them"
    )


def _condition_problem(key: str, dimensions: Mapping[str, Dimension]) -> str | None:
    """Return what is wrong with the conditions of a key, if anything is."""
    for name, wanted in (dimensions[key].when or {}).items():
        other = dimensions.get(name)
        if other is None:
            near = did_you_mean(name, [one for one in dimensions if one != key])
            return f"depends on {name}, which the search does not draw{near}"
        for value in wanted if isinstance(wanted, list) else [wanted]:
            if other.choices is not None and value not in other.choices:
                near = did_you_mean(str(value), map(str, other.choices))
                return (
                    f"is drawn when {name} is {value!r}, which is not among its choices, "
                    f"{', '.join(map(str, other.choices))}{near}"
                )
            if other.choices is None:
                return f"depends on {name}, which is a range; only a key with choices can decide"
    return None


def _conditions_of(key: str, dimensions: Mapping[str, Dimension]) -> dict[str, Any]:
    """Return values of other keys with which a key is drawn."""
    values: dict[str, Any] = {}
    for name, wanted in (dimensions[key].when or {}).items():
        first = wanted[0] if isinstance(wanted, list) else wanted
        values |= {**_conditions_of(name, dimensions), name: first}
    return values


def _tried(
    base: Source, rows: TrialRows, key: str, one: Dimension, around: Mapping[str, Any]
) -> tuple[Dimension, set[str]]:
    """Return a key's values, whole if it takes no others, and what tells its shapes apart.

    Raises ConfigError if the key does not take a value.
    """

    def shape(value: Any) -> str:
        trial = load_config(with_values(base, {**around, key: value}))
        return pass_key(rows.resolved(trial).config)

    if one.choices is None and not one.integer:
        try:
            shape(one.at(0.3719))
        except ConfigError:
            try:
                shape(round(one.at(0.3719)))
            except ConfigError:
                pass
            else:
                one = _whole(one)
    for value in one.ends:
        shape(value)  # raises if the key does not take it
    return one, {shape(value) for value in one.typical}


def _whole(one: Dimension) -> Dimension:
    """Return a range as one of whole numbers; raise ConfigError if it has others."""
    try:
        return replace(one, integer=True)
    except FieldError as error:
        raise ConfigError([f"{error.field} {error}"]) from None


def _metric(
    loaded: LoadedConfig, settings: Search, space: Space, task: str, first: LoadedConfig
) -> str:
    """Return the metric that compares trials; raise ConfigError if the task has no such metric."""
    names = metric_names(task, first.config.training.metrics)
    differing = [key for key in space.dimensions if key.startswith(_LOSSES)]
    metric = settings.metric or (names[0] if differing else "loss")
    if metric not in ("loss", *names):
        raise loaded.error(
            (_SECTION, "metric"),
            f"is {metric!r}; the task has {', '.join(('loss', *names))}"
            f"{did_you_mean(metric, ('loss', *names))}",
        )
    if metric == "loss" and differing:
        raise loaded.error(
            (_SECTION, "metric"),
            f"is loss, but the trials' losses differ by {differing[0]}; "
            f"give another: --set search.metric={names[0]}",
        )
    return metric
