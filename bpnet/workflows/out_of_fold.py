"""Out of fold: what each fold's network says of the rows that it has not seen, its figures, and what they estimate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bpnet.data.splitting import Part
from bpnet.data.targets import AnyTarget, Classes, Labels
from bpnet.engine.component import Array
from bpnet.engine.randomness import Purpose, generator
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import Model
from bpnet.models.training_metrics import measure_replicas
from bpnet.preparation.folds import Fold
from bpnet.preparation.prepare import Prepared
from bpnet.runs import files
from bpnet.scoring.metrics import metric_range
from bpnet.workflows.eval import score


@dataclass(frozen=True)
class FoldResult:
    """How the network of one fold ended, with its figures on the fold's rows; None where one is undefined."""

    repeat: int
    fold: int
    seed: int
    rows: dict[Part, int]
    stop_reason: str
    best_epoch: int
    figures: dict[str, float | None]


@dataclass(frozen=True)
class Estimate:
    """A figure's mean over the folds for which it is defined, their standard deviation, and its 95 % interval."""

    mean: float | None
    deviation: float | None
    low: float | None
    high: float | None
    folds: int


@dataclass(frozen=True)
class Answered:
    """A fold, and what its network predicts (N, K) of its rows."""

    fold: Fold
    predicted: Array


def answer(
    fold: Fold, member: Model, prepared: Prepared
) -> tuple[Answered, dict[str, float | None]]:
    """What the network of a fold says of its rows, and its figures there."""
    rows, alone = prepared.rows["test"].picked(slice(None)), Ensemble([member])
    predicted = alone.combine(alone.predict_each([rows.x]))
    true = prepared.survey.answers.values[prepared.parts["test"]]
    rng = generator(member.description.seeds[0], Purpose.RESAMPLING)
    scores = score(member.description.target, true, predicted, rng, 2)
    figures = {"loss": float(measure_replicas(member, rows)["loss"][0])}
    return Answered(fold, predicted), {
        **figures,
        **{figure.name: figure.value for figure in scores.figures},
    }


def estimates(results: Sequence[FoldResult]) -> dict[str, Estimate]:
    """The estimate of each figure.

    Training sets overlap, so figures of folds vary together and the usual interval is too narrow. Of J folds with
    deviation s the interval is mean ± t(J - 1) s √(1 / J + n_test / n_train), as Nadeau and Bengio (2003) correct it,
    cut where the figure's range ends.
    """
    from scipy.special import stdtrit

    found: dict[str, Estimate] = {}
    for name in results[0].figures:
        own = [result for result in results if result.figures[name] is not None]
        values = np.array([result.figures[name] for result in own], np.float64)
        if not len(values):
            found[name] = Estimate(None, None, None, None, 0)
            continue
        mean = float(values.mean())
        if len(values) == 1:
            found[name] = Estimate(mean, None, None, None, 1)
            continue
        trained = [result.rows["train"] + result.rows["validation"] for result in own]
        overlap = float(
            np.mean([result.rows["test"] / n for result, n in zip(own, trained, strict=True)])
        )
        deviation = float(values.std(ddof=1))
        half = (
            float(stdtrit(len(values) - 1, 0.975)) * deviation * np.sqrt(1 / len(values) + overlap)
        )
        lowest, highest = metric_range(name)
        found[name] = Estimate(
            mean,
            deviation,
            float(max(mean - half, lowest)),
            float(min(mean + half, highest)),
            len(values),
        )
    return found


def write_folds(path: Path, folds: Sequence[Fold], rows: int) -> None:
    """Write each row's fold, in each repetition: row,fold or row,fold_1,fold_2,…; blank where a row is in none."""
    repeats = max(fold.repeat for fold in folds)
    numbers = np.zeros((rows, repeats), np.int64)
    for fold in folds:
        numbers[fold.parts["test"], fold.repeat - 1] = fold.fold
    names = ["fold"] if repeats == 1 else [f"fold_{repeat}" for repeat in range(1, repeats + 1)]
    cells = (
        [row, *(own or "" for own in line)] for row, line in enumerate(numbers.tolist(), start=1)
    )
    files.write_csv(path, ["row", *names], cells)


def write_predictions(
    path: Path, answered: Sequence[Answered], target: AnyTarget, values: Array, digits: int
) -> None:
    """Write what each network says of its fold's rows beside what is true, a line for each row and repetition."""
    names = target.names
    predicted = [f"predicted_{name}" for name in names]
    shares: list[str] = []
    if isinstance(target, Classes):
        shares = [f"probability_{label}" for label in target.classes]
    elif isinstance(target, Labels):
        shares = [f"probability_{name}" for name in names]

    def lines() -> Iterator[list[object]]:
        for own in answered:
            rows = own.fold.parts["test"]
            for row, true, said in zip(
                rows.tolist(), values[rows].tolist(), own.predicted, strict=True
            ):
                numbers = [f"{value:.{digits}g}" for value in said.tolist()]
                if isinstance(target, Classes):
                    cells = [target.classes[true], target.classes[int(said.argmax())], *numbers]
                elif isinstance(target, Labels):
                    cells = [
                        *map(str, true),
                        *("1" if share > 0.5 else "0" for share in said),
                        *numbers,
                    ]
                else:
                    cells = [*map(str, true), *numbers]
                yield [row + 1, own.fold.repeat, own.fold.fold, *cells]

    header = ["row", "repeat", "fold", *(f"true_{name}" for name in names), *predicted, *shares]
    files.write_csv(path, header, lines())


def as_figures(found: Mapping[str, Estimate], results: Sequence[FoldResult]) -> dict[str, object]:
    """What metrics.json holds of a cross-validation."""
    return {
        "test": {name: estimate.mean for name, estimate in found.items()},
        "deviation": {"test": {name: estimate.deviation for name, estimate in found.items()}},
        "interval": {
            "test": {name: [estimate.low, estimate.high] for name, estimate in found.items()}
        },
        "folds": [{"repeat": own.repeat, "fold": own.fold, "test": own.figures} for own in results],
    }
