"""A predictor: a model's predictions for rows whose cells are exchanged column by column."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.engine.component import Array
from bpnet.errors import RunError
from bpnet.inspection.cells import Cells
from bpnet.models.ensemble import Ensemble, joined
from bpnet.models.model import Model
from bpnet.scoring.row_losses import RowLosses

_MOST_INPUTS = 4_000_000
"""Inputs of the rows that are predicted at once."""


@dataclass(frozen=True)
class InspectedRows:
    """N rows of a table, with what a model reads of them and the losses of its predictions."""

    numbers: Indices
    """The numbers of the rows in the table (N,), from 0."""
    inputs: list[Array]
    """The inputs (N, I) for each of the model's encoders, before rows are scaled to length 1."""
    cells: dict[str, Cells]
    """The cells of each column that the model reads."""
    losses: RowLosses

    def __len__(self) -> int:
        return len(self.numbers)


class Predictor:
    """A model that predicts inspected rows in which cells of some columns are those of others.

    With `unseen`, a mask (R, N) for each member, a row is predicted only by the networks that have
    not seen it; in each member there must be one, or in all together if nothing combines them. They
    are averaged as the model averages all.
    """

    def __init__(
        self, model: Ensemble, rows: InspectedRows, unseen: Sequence[Array] | None = None
    ) -> None:
        self.model, self.rows, self._unseen = model, rows, unseen
        self._encoders, self._which = model.encoders
        self._slices = [encoder.slices for encoder in self._encoders]

    @property
    def cost(self) -> int:
        """About how many multiplications a row takes."""
        networks = 1
        if self._unseen is not None:  # a row has one network of each member
            networks = min(len(member.description.seeds) for member in self.model.members)
        total = sum(member.network.theta.size for member in self.model.members)
        return max(total // networks, 1)

    @cached_property
    def predicted(self) -> Floats:
        """The predictions (N, K) for the rows as they are; raises RunError if one is not finite."""
        every = np.arange(len(self.rows))
        return self.exchanged((), every, every)

    def changed(self, columns: Sequence[str], source: Indices) -> Array:
        """Return the mask (N,) of rows whose inputs change with the cells of rows `source` (N,)."""
        changed = np.zeros(len(source), bool)
        for inputs, slices in zip(self.rows.inputs, self._slices, strict=True):
            for name in columns:
                if name in slices:
                    own = inputs[:, slices[name]]
                    changed |= (own[source] != own).any(axis=1)
        return changed

    def exchanged(self, columns: Sequence[str], rows: Indices, source: Indices) -> Floats:
        """Return the predictions (n, K) for rows (n,) whose cells in some columns are of others.

        Row `rows[i]` gets the cells of row `source[i]`. Raises RunError if a prediction is not
        finite.
        """
        width = max(encoder.width for encoder in self._encoders)
        step = max(_MOST_INPUTS // width, 1)
        pieces = [slice(start, start + step) for start in range(0, len(rows), step)]
        with np.errstate(all="ignore"):
            predicted = [self._piece(columns, rows[piece], source[piece]) for piece in pieces]
        whole = np.concatenate(predicted)
        if not np.isfinite(whole).all():
            raise RunError(
                "the model's predictions for these rows are not finite; "
                "its weights, or the table's values, are too large"
            )
        return whole

    def _piece(self, columns: Sequence[str], rows: Indices, source: Indices) -> Floats:
        encoded = []
        for inputs, slices, encoder in zip(
            self.rows.inputs, self._slices, self._encoders, strict=True
        ):
            x = inputs[rows]
            for name in columns:
                if name in slices:
                    x[:, slices[name]] = inputs[source, slices[name]]
            encoded.append(encoder.with_unit_rows(x, self.model.description.precision))
        x_of_members = [encoded[k] for k in self._which]
        if self._unseen is None:
            return self.model.combine(self.model.predict_each(x_of_members))
        return self._by_unseen(x_of_members, [mask[:, rows] for mask in self._unseen])

    def _by_unseen(self, x: Sequence[Array], unseen: Sequence[Array]) -> Floats:
        """Return the predictions (n, K) of networks that have not seen the rows."""
        each = []
        for networks, inputs, masks in zip(self._networks, x, unseen, strict=True):
            outputs: list[Array] = []
            for network, mask in zip(networks, masks, strict=True):
                chosen = np.flatnonzero(mask)
                (values,) = network.predict_each(inputs[chosen], self.model.origin)
                outputs.append(np.full((len(mask), values.shape[1]), np.nan))
                outputs[-1][chosen] = values
            each.append(np.stack(outputs))  # (R, n, K)
        if self.model.combination is None:
            return self.model.combine(_filled(joined(each)))
        return self.model.combine(joined([_filled(outputs) for outputs in each]))

    @cached_property
    def _networks(self) -> list[list[Model]]:
        """Each network of each member as a model of its own."""
        return [
            [member.select([k]) for k in range(len(member.description.seeds))]
            for member in self.model.members
        ]


def _filled(outputs: Floats) -> Floats:
    """Return outputs (R, n, K) with the mean of the others in place of NaN: so is their mean."""
    return np.where(np.isnan(outputs), np.nanmean(outputs, axis=0), outputs)
