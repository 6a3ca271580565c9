"""Optuna: its sampler draws trials, and its journal keeps them, for `bpnet search`.

Optuna is imported where it is used: it is an extra.
"""

import importlib.util
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bpnet.config.search import Dimension
from bpnet.config.search_space import EvenSampler, Space, Values
from bpnet.engine.randomness import Purpose, generator
from bpnet.errors import RunError, UsageError
from bpnet.runs.files import cannot_write
from bpnet.runs.lock import exclusively
from bpnet.runs.trial_log import Trial, cut_damaged, in_order, trim

EXTRA = "install it with: pip install 'bpnet-cli[search]'"
_FEWEST_BEST = 10
"""Trials that importances set beside all. Optuna wants five; keys that only some have need more."""
_ATTRIBUTE = "bpnet"
"""The attribute of a trial in the journal with all that is known of it."""


def installed() -> bool:
    """Return whether Optuna can be imported."""
    return importlib.util.find_spec("optuna") is not None


def require(what: str) -> None:
    """Raise UsageError if Optuna, which `what` needs, is not installed."""
    if not installed():
        raise UsageError(f"{what} needs Optuna, which is not installed; {EXTRA}")


@contextmanager
def _silent() -> Iterator[Any]:
    """Yield Optuna, without its messages and its warnings of what is experimental."""
    import optuna  # deferred: an extra

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)


class LearningSampler:
    """The tree-structured Parzen estimator, which draws where trials before were good.

    Bergstra et al. 2011; of several at a time, those without a score count as bad. It is a function
    of the trials, the seed and the generation, and its draws of their order. A pass has one shape,
    so that there are few of these and it would keep to the first: every other one is drawn evenly,
    after the `evenly` ones of the first generation.

    It keeps the trials that it knows from one generation to the next, as Optuna copies each one.
    """

    def __init__(self, space: Space, *, maximizes: bool, seed: int, evenly: int) -> None:
        self._space, self._seed, self._evenly = space, seed, evenly
        self._even = EvenSampler(space, seed, sobol=True)
        self._known: set[int] = set()
        self._asked: list[Any] = []
        self._sampler: Any = None
        with _silent() as optuna:
            self._study = optuna.create_study(direction="maximize" if maximizes else "minimize")

    def begin(self, generation: int, trials: Sequence[Trial]) -> None:
        """Begin the draws of a generation, which know these trials."""
        rng = generator(self._seed, Purpose.SETTINGS, generation, 1000)
        new = [trial for trial in trials if trial.number not in self._known]
        self._known.update(trial.number for trial in new)
        with _silent() as optuna:
            while self._asked:
                self._end(optuna)
            conditional = any(one.when for one in self._space.dimensions.values())
            self._sampler = optuna.samplers.TPESampler(
                seed=int(rng.integers(2**31)), multivariate=True, group=conditional
            )
            distributions = _distributions(optuna, self._space)
            self._study.add_trials([_frozen(optuna, distributions, trial) for trial in new])

    def shape(self, number: int) -> dict[str, Any]:
        """Draw the values of the keys of a shape."""
        if number % 2:
            # the next point: of every other one of a Sobol sequence a coordinate keeps to one half
            return self._even.shape(self._evenly + number // 2 - self._evenly // 2)
        with _silent() as optuna:
            values = self._ask(self._sampler)
            self._end(optuna)  # it is not trained
        return self._space.of_shape(values)

    def draw(self, _number: int, fixed: Values) -> dict[str, Any]:
        """Draw the values of a trial."""
        with _silent() as optuna:
            inner = {
                key: _internal(self._space.dimensions[key], value) for key, value in fixed.items()
            }
            return self._ask(optuna.samplers.PartialFixedSampler(inner, self._sampler))

    def _ask(self, sampler: Any) -> dict[str, Any]:
        """Draw a trial, which counts as bad until the next generation begins."""
        self._study.sampler = sampler
        trial = self._study.ask()
        self._asked.append(trial)
        values: dict[str, Any] = {}
        for key, dimension in self._space.dimensions.items():
            if self._space.drawn(key, values):
                values[key] = _external(dimension, _suggested(trial, key, dimension))
        return values

    def _end(self, optuna: Any) -> None:
        """End the trial that was drawn last; how it ends, if it is trained, another one tells."""
        self._study.tell(self._asked.pop(), state=optuna.trial.TrialState.FAIL)


def _suggested(trial: Any, key: str, dimension: Dimension) -> Any:
    """Return what Optuna draws for a key."""
    if dimension.choices is not None:
        return trial.suggest_categorical(key, [_category(one) for one in dimension.choices])
    if dimension.integer:
        return trial.suggest_int(key, **_bounds(dimension))
    return trial.suggest_float(key, **_bounds(dimension))


def _bounds(dimension: Dimension) -> dict[str, Any]:
    bounds = {"low": dimension.low, "high": dimension.high, "step": dimension.spacing}
    if dimension.integer:
        bounds = {name: int(value) for name, value in bounds.items() if value is not None}
    return {**bounds, "log": dimension.log}


def _distribution(optuna: Any, dimension: Dimension) -> Any:
    kinds = optuna.distributions
    if dimension.choices is not None:
        return kinds.CategoricalDistribution([_category(one) for one in dimension.choices])
    kind = kinds.IntDistribution if dimension.integer else kinds.FloatDistribution
    return kind(**_bounds(dimension))


def _distributions(optuna: Any, space: Space) -> dict[str, Any]:
    return {key: _distribution(optuna, one) for key, one in space.dimensions.items()}


def _category(value: Any) -> str:
    """Return a choice as Optuna keeps it: text is itself, all else is JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _internal(dimension: Dimension, value: Any) -> Any:
    return value if dimension.choices is None else _category(value)


def _external(dimension: Dimension, value: Any) -> Any:
    if dimension.choices is None:
        return dimension.rounded(value)
    return next(one for one in dimension.choices if _category(one) == value)


def _frozen(
    optuna: Any, distributions: Mapping[str, Any], trial: Trial, attributes: Values | None = None
) -> Any:
    """Return a trial as one of Optuna; one that diverged is worse than all that stopped."""
    states = optuna.trial.TrialState
    ended = trial.state in ("finished", "cut") and trial.score is not None
    return optuna.trial.create_trial(
        state=states.COMPLETE if ended else states.PRUNED,
        value=trial.score if ended else None,
        params=_params(distributions, trial),
        distributions={key: distributions[key] for key in trial.values},
        intermediate_values=dict(trial.rungs),
        user_attrs=attributes,
    )


def _params(distributions: Mapping[str, Any], trial: Trial) -> dict[str, Any]:
    """Return the values of a trial as Optuna keeps them."""
    return {
        key: _category(value) if hasattr(distributions[key], "choices") else value
        for key, value in trial.values.items()
    }


class TrialJournal:
    """The trials in a journal, which Optuna's own tools read."""

    def __init__(self, path: Path, space: Space, *, maximizes: bool) -> None:
        self._path, self._space = path, space
        self._direction = "maximize" if maximizes else "minimize"
        self._study: Any = None

    def _opened(self, optuna: Any) -> Any:
        if self._study is None:
            try:
                backend = optuna.storages.journal.JournalFileBackend(
                    str(self._path), _Lock(self._path)
                )
                self._study = optuna.create_study(
                    storage=optuna.storages.JournalStorage(backend),
                    study_name=self._path.parent.name,
                    direction=self._direction,
                    load_if_exists=True,
                )
            except OSError as error:
                raise cannot_write(self._path, error) from error
            except (ValueError, KeyError):
                raise RunError(
                    f"{self._path}: is not a journal of Optuna; restore it from a copy"
                ) from None
        return self._study

    def read(self) -> list[Trial]:
        """Return the trials in the order of their numbers, each once."""
        with _silent() as optuna:
            trials = self._opened(optuna).get_trials(deepcopy=False)
        return in_order(_thawed(one) for one in trials if _ATTRIBUTE in one.user_attrs)

    def append(self, trials: Sequence[Trial]) -> None:
        """Note trials; raises RunError."""
        with _silent() as optuna:
            study, distributions = self._opened(optuna), _distributions(optuna, self._space)
            try:
                for trial in trials:
                    known = {_ATTRIBUTE: asdict(trial)}
                    study.add_trial(_frozen(optuna, distributions, trial, known))
            except OSError as error:
                self._study = None  # which may take for written what is not
                raise cannot_write(self._path, error) from error


def _thawed(frozen: Any) -> Trial:
    content: Mapping[str, Any] = frozen.user_attrs[_ATTRIBUTE]
    return Trial(**content)


class _Lock:
    """The lock of a journal: it ends with its process, and mends a line that one has left."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held, self._size = ExitStack(), 0

    def acquire(self) -> bool:
        """Wait for the lock."""
        self._held.enter_context(exclusively(self._path.with_name(f".{self._path.name}.lock")))
        self._size = trim(self._path)
        return True

    def release(self) -> None:
        """Give it back."""
        with self._held:
            cut_damaged(self._path, self._size)


def importance(
    trials: Sequence[Trial], space: Space, scores: Sequence[float], *, maximizes: bool
) -> dict[str, float]:
    """Return the share of each key in how good trials are, by PED-ANOVA (Watanabe et al. 2023).

    `scores` has one of each trial. The best tenth is set beside all: at least ten trials, or half
    of them, as the two best of 24 tell nothing.
    """
    best = min(max(0.1, _FEWEST_BEST / len(trials)), 0.5)
    with _silent() as optuna:
        study = optuna.create_study(direction="maximize" if maximizes else "minimize")
        distributions = _distributions(optuna, space)
        study.add_trials(
            [
                optuna.trial.create_trial(
                    value=score,
                    params=_params(distributions, trial),
                    distributions={key: distributions[key] for key in trial.values},
                )
                for trial, score in zip(trials, scores, strict=True)
            ]
        )
        found = optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.PedAnovaImportanceEvaluator(target_quantile=best)
        )
    return {key: float(found.get(key, 0.0)) for key in space.dimensions}


__all__ = [
    "EXTRA",
    "LearningSampler",
    "TrialJournal",
    "importance",
    "installed",
    "require",
]
