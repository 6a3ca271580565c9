"""An ensemble: models that predict together; most runs leave an ensemble of one model."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial, reduce
from itertools import zip_longest

import numpy as np

from bpnet.data.decisions import Thresholds, decided_names, predicted_labels
from bpnet.data.encoding import Encoder
from bpnet.data.encoding.input_buffer import InputBuffer
from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.reading import Table
from bpnet.data.reading.chunk import CellType, Chunk
from bpnet.data.reading.column import Floats
from bpnet.data.targets import Labels, Quantities
from bpnet.engine.workers import do_all
from bpnet.errors import UsageError
from bpnet.models.combination import Combination
from bpnet.models.description import Description
from bpnet.models.intervals import fit_intervals
from bpnet.models.model import Model
from bpnet.models.threads import shared_work
from bpnet.models.threshold_choice import ThresholdChoice

Inputs = list[np.ndarray]
"""The encoded rows (N, I), once for each member, since each has an encoder of its own."""
_ROWS_OF_THREADS = 1000
"""Rows from which members predict side by side; fewer are done before a thread has begun."""


@dataclass(frozen=True)
class Ensemble:
    """Models of the same task and targets that predict together.

    Without a combination all networks have equal votes: a member with R replicas has R of them.
    """

    members: Sequence[Model]
    combination: Combination | None = None
    thresholds: Thresholds = None
    """The threshold of the positive class of two, or of each label; None if it is ½."""
    choices: Sequence[ThresholdChoice | None] | None = None
    """What each was chosen by, None if it was given; None of models that do not tell."""

    @property
    def description(self) -> Description:
        """The first member's description; all share its task, targets, classes and precision."""
        return self.members[0].description

    @property
    def networks(self) -> int:
        """The number of networks, over all members and replicas."""
        return sum(len(member.description.seeds) for member in self.members)

    def pruned(self) -> "Ensemble":
        """Return the ensemble without the members whose weight is 0, which change no prediction."""
        if self.combination is None:
            return self
        used = [k for k, weight in enumerate(self.combination.weights) if weight]
        weights = [self.combination.weights[k] for k in used]
        combination = dataclasses.replace(self.combination, weights=weights)
        members = [self.members[k] for k in used]
        return dataclasses.replace(self, members=members, combination=combination)

    def select(self, replica: str) -> "Ensemble":
        """Return all networks (`all`), the best (`best`), or the one with a number from 1.

        A network by itself has no combination, but the temperature of its scores. The best has the
        lowest validation loss; networks of folds or of different members have no validation rows in
        common, so none of them is the best. Raises UsageError.
        """
        if replica == "all":
            return self
        places = [
            (k, network)
            for k, member in enumerate(self.members)
            for network in range(len(member.description.seeds))
        ]
        of_folds = self.combination is not None and self.description.losses is None
        several = len(self.members) > 1 or (of_folds and self.networks > 1)
        if replica == "best" and not several:
            number = int(np.argmin(self.description.losses or [0.0]))
        elif replica.isdecimal() and len(replica) < 16 and 1 <= int(replica) <= len(places):
            number = int(replica) - 1
        else:
            best = "" if several else "best, "
            why = (
                " (the networks of folds have no validation rows in common)"
                if several and replica == "best"
                else ""
            )
            raise UsageError(
                f"--replica {replica}: must be all, {best}or a number from 1 to {len(places)}{why}"
            )
        member, network = places[number]
        single = self.members[member].described(combination=None).select([network])
        return Ensemble([single], thresholds=self.thresholds, choices=self.choices)

    def with_thresholds(
        self, thresholds: Thresholds, choices: Sequence[ThresholdChoice | None] | None = None
    ) -> "Ensemble":
        """Return the ensemble with thresholds, None of which is kept where all are ½."""
        if thresholds is None or all(threshold == 0.5 for threshold in thresholds):
            thresholds, choices = None, None
        return dataclasses.replace(self, thresholds=thresholds, choices=choices)

    @property
    def decided(self) -> list[str]:
        """What a threshold decides: the positive class of two, or each label; else nothing."""
        return decided_names(self.description.target)

    @property
    def named_thresholds(self) -> dict[str, float]:
        """The thresholds by class or label; none where they are ½."""
        return dict(zip(self.decided, self.thresholds or (), strict=False))

    @property
    def named_choices(self) -> dict[str, ThresholdChoice | None]:
        """What the thresholds were chosen by, by class or label; none if it is not known."""
        return dict(zip(self.decided, self.choices or (), strict=False))

    def check_columns(self, table: Table) -> None:
        """Raise DataError if the table lacks a column that a member reads."""
        for member in self.members:
            member.check_columns(table)

    @property
    def wanted(self) -> dict[str, CellType]:
        """The columns to read and their kinds; where members differ, text, which each can parse."""
        kinds: dict[str, CellType] = {}
        for member in self.members:
            for name, kind in member.description.encoder.column_types.items():
                kinds[name] = kind if kinds.get(name, kind) == kind else "text"
        return kinds

    def encode(self, chunk: Chunk, buffers: Sequence[InputBuffer] = ()) -> tuple[Inputs, RowFlags]:
        """Encode a chunk's rows for each member, with the flags that all members agree on.

        Members with the same encoder share the rows, which are in the members' `buffers`, if these
        are given. Raises DataError.
        """
        encoders, which = self.encoders
        encoded = [
            encoder.encode(chunk, self.description.precision, buffer)
            for encoder, buffer in zip_longest(encoders, buffers[: len(encoders)])
        ]
        flags = reduce(RowFlags.common, (flags for _, flags in encoded))
        return [encoded[k][0] for k in which], flags

    @cached_property
    def encoders(self) -> tuple[list[Encoder], list[int]]:
        """The encoders that differ, and for each member the number of its own."""
        encoders: list[Encoder] = []
        for member in self.members:
            if member.description.encoder not in encoders:
                encoders.append(member.description.encoder)
        return encoders, [encoders.index(member.description.encoder) for member in self.members]

    def blank_row(self) -> Inputs:
        """Return a row of zeros for each member."""
        return [
            np.zeros((1, member.description.encoder.width), member.network.dtype)
            for member in self.members
        ]

    def predict_each(self, x: Inputs) -> np.ndarray:
        """Return the outputs (R, N, K) of every network, member by member: see `Model`.

        Quantities count from the offsets of the first member's target. Of many rows, members
        predict side by side, on threads.
        """
        origin, members = self.origin, self.members
        if len(members) == 1:
            return members[0].predict_each(x[0], origin)
        if len(x[0]) < _ROWS_OF_THREADS:
            return joined(
                [member.predict_each(rows, origin) for member, rows in zip(members, x, strict=True)]
            )
        # the largest first, so that no thread has much to do when the others end
        order = sorted(range(len(members)), key=lambda k: -members[k].network.theta.size)
        outputs: list[np.ndarray] = [np.empty(0)] * len(members)

        def predict(k: int) -> None:
            outputs[k] = members[k].predict_each(x[k], origin)

        with shared_work():
            do_all([partial(predict, k) for k in order])
        return joined(outputs)

    @property
    def origin(self) -> Floats | None:
        """The offset (K,) of each quantity; None for other targets."""
        target = self.description.target
        return target.offsets if isinstance(target, Quantities) else None

    def resolution(self, values: Floats, *, differences: bool = False) -> Floats:
        """Return the distance (N, K) from each value to the next that can occur, in its unit.

        It is that of the numbers in which the networks compute. The values (N, K) are predictions,
        or, of quantities, `differences` between them.
        """
        dtype = self.description.precision
        each = []
        with np.errstate(all="ignore"):  # what overflows has no resolution
            if not isinstance(self.description.target, Quantities):
                return np.asarray(np.spacing(values.astype(dtype)), np.float64)
            for member in self.members:
                target = member.description.target
                assert isinstance(target, Quantities)
                lengths = values if differences else values - target.offsets
                each.append(target.resolution(lengths, dtype))
        return np.asarray(np.minimum.reduce(each))

    def disagreement(self, each: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        """Return how far the networks, with outputs `each` (R, N, K), disagree (N, targets).

        `predictions` (N, K) are the ensemble's. For classes and labels, the share of networks that
        predict otherwise than the ensemble; for quantities, the standard deviation of their
        predictions, in the target's own unit. Networks count by the weight of their member.
        """
        target, votes = self.description.target, self._votes
        if isinstance(target, Quantities):
            # of scaled values, since squares of large or tiny ones are no floats
            scale = target.divisors
            scaled = each / scale
            mean = _weighted_mean(scaled, votes)
            square = _weighted_mean((scaled - mean) ** 2, votes)
            # of equal votes it is the deviation with R - 1 in its divisor
            return np.asarray(np.sqrt(square / np.maximum(1 - votes @ votes, 1e-9)) * scale)
        if isinstance(target, Labels):
            otherwise = predicted_labels(each, self.thresholds) != predicted_labels(
                predictions, self.thresholds
            )
            return _weighted_mean(otherwise, votes)
        if self.thresholds is not None:
            positive = target.positive_number
            of_each = [shares(outputs, target.classes)[:, positive] for outputs in each]
            otherwise = (np.stack(of_each) > self.thresholds[0]) != (
                predictions[:, positive] > self.thresholds[0]
            )
            return _weighted_mean(otherwise, votes)[:, None]
        if each.shape[2] == 1:
            # of classes that share an output, the second one's probability
            share = predictions[:, -each.shape[2] :]
            otherwise = (each > 0.5) != (share > 0.5)
            return _weighted_mean(otherwise, votes)
        # (R, N) against (N,), averaged over the networks, as one column
        if each.shape[2] == 2:  # argmax of pairs takes 40 times as long
            otherwise = (each[..., 1] > each[..., 0]) != (predictions[:, 1] > predictions[:, 0])
        else:
            otherwise = each.argmax(axis=2) != predictions.argmax(axis=1)
        return _weighted_mean(otherwise, votes)[:, None]

    @property
    def _votes(self) -> Floats:
        """The share of each network in the predictions (R,); they sum to 1."""
        counts = [len(member.description.seeds) for member in self.members]
        if self.combination is None:
            return np.full(sum(counts), 1 / sum(counts))
        return np.repeat(np.array(self.combination.weights) / counts, counts)

    def combine(self, each: np.ndarray) -> np.ndarray:
        """Return the ensemble's predictions (N, K) from the networks' outputs `each` (R, N, K).

        Classes: a probability for each, which sum to 1 in each row; outputs that are not
        probabilities already, such as several sigmoids, are clipped to 0 … 1 and divided by their
        sum. Labels: the probability that each is true. Quantities: values in the targets' units.
        """
        if self.combination is None:
            return self._average(each)
        target, origin = self.description.target, self.origin
        if origin is not None:
            each = self.combination.within_range(each, origin)
            members = [_mean(of_member) for of_member in self._by_member(each)]
            return self.combination.quantities(members, origin) + origin
        members = [self._average(of_member) for of_member in self._by_member(each)]
        return self.combination.probabilities(members, target)

    def check_level(self, level: float) -> None:
        """Raise UsageError if there are no prediction intervals of this level."""
        option, target = f"--interval {level:g}", self.description.target
        if not isinstance(target, Quantities):
            raise UsageError(
                f"{option}: intervals are for numbers; this run predicts {target.kind}"
            )
        if not 0 < level < 1:
            raise UsageError(f"{option}: must be above 0 and below 1, such as 0.9")
        if self.combination is None or self.combination.intervals is None:
            raise UsageError(
                f"{option}: the model has no intervals; they come from rows that were held out of "
                "a training by bpnet train, and are those of all its networks together: train with "
                "validation rows or folds, and predict without --replica"
            )
        fewest = min(self.combination.intervals, key=lambda interval: interval.rows)
        if level > fewest.highest_level:
            raise UsageError(
                f"{option}: would be infinitely wide, since only {fewest.rows} rows were held out; "
                f"give at most {math.floor(fewest.highest_level * 1000) / 1000:g}, or train with "
                "more held-out rows"
            )

    def interval(self, predictions: Floats, level: float) -> tuple[Floats, Floats]:
        """Return the lower and upper ends (N, K) of intervals around the predictions (N, K).

        `check_level` has accepted the level.
        """
        assert self.combination is not None
        half = np.column_stack(
            [
                interval.half_widths(predictions[:, k], level)
                for k, interval in enumerate(self.combination.intervals or [])
            ]
        )
        return predictions - half, predictions + half

    def with_intervals(
        self, x: Inputs, values: Floats, weights: np.ndarray | None = None
    ) -> "Ensemble":
        """Return the ensemble with prediction intervals, from rows that no network trained on.

        `values` (N, K) are the quantities of the encoded rows x, of the given weights (N,). An
        ensemble of several members must have a combination.
        """
        with np.errstate(all="ignore"):  # of networks that have diverged, there are none
            intervals = fit_intervals(self.combine(self.predict_each(x)), values, weights=weights)
        if intervals is None:
            return self
        combination = self.combination or Combination(weights=[1.0])
        return Ensemble(self.members, dataclasses.replace(combination, intervals=intervals))

    def _by_member(self, each: np.ndarray) -> list[np.ndarray]:
        """Return the outputs (R, N, K) of each member's networks."""
        counts = [len(member.description.seeds) for member in self.members]
        return np.split(each, np.cumsum(counts)[:-1])

    def _average(self, each: np.ndarray) -> np.ndarray:
        """Return what networks with equal votes predict (N, K)."""
        mean = _mean(each)
        if self.origin is not None:
            return np.asarray(mean + self.origin)
        return shares(mean, self.description.classes)


def _mean(each: np.ndarray) -> np.ndarray:
    """Return the mean (N, …) over the networks of `each` (R, N, …)."""
    if each[0].size > 1:
        return np.asarray(each.mean(axis=0))
    # NumPy adds up a single number of each in another order than several
    return np.asarray(np.repeat(each, 2, axis=1).mean(axis=0)[:1])


def _weighted_mean(each: np.ndarray, votes: Floats) -> Floats:
    """Return the mean (N, …) over the networks of `each` (R, N, …), with weights (R,)."""
    if each[0].size > 1:
        return np.asarray(np.average(each, axis=0, weights=votes))
    return np.asarray(np.average(np.repeat(each, 2, axis=1), axis=0, weights=votes)[:1])


def joined(outputs: Sequence[np.ndarray]) -> np.ndarray:
    """Return the outputs (R, N, K) of all members, one after another.

    Where one member has an output for both of two classes and another one for each, all have two.
    """
    if len({each.shape[2] for each in outputs}) > 1:
        outputs = [
            np.concatenate([1 - each, each], axis=2) if each.shape[2] == 1 else each
            for each in outputs
        ]
    return np.concatenate(outputs)


def shares(outputs: np.ndarray, classes: Sequence[str] | None) -> Floats:
    """Return the probabilities (N, K) of classes, or of labels (None), from outputs (N, O)."""
    clipped = np.clip(outputs.astype(np.float64), 0, 1)
    if classes is None:
        return np.asarray(clipped)
    if clipped.shape[1] == 1:  # the one output is the second class's probability
        return np.hstack([1 - clipped, clipped])
    total = clipped.sum(axis=1, keepdims=True)
    # a row whose outputs are all 0 gets equal probabilities, and nan stays nan
    return np.where(total == 0, 1 / len(classes), clipped / np.where(total == 0, 1, total))
