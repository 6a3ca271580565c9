"""An ensemble: models that predict together; most runs leave an ensemble of one model."""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np

from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.reading import Table
from bpnet.data.reading.chunk import CellType, Chunk
from bpnet.data.reading.column import Floats
from bpnet.data.targets import Labels, Quantities
from bpnet.errors import RunError, UsageError
from bpnet.models.description import FORMAT, Description
from bpnet.models.model import Model, check_format, load_model
from bpnet.runs import files

Inputs = list[np.ndarray]
"""The encoded rows (N, I), once for each member, since each has an encoder of its own."""


@dataclass(frozen=True)
class Ensemble:
    """Models of the same task and targets, whose networks have equal votes.

    A member with R replicas has R votes.
    """

    members: Sequence[Model]

    @property
    def description(self) -> Description:
        """The first member's description; all share its task, targets, classes and precision."""
        return self.members[0].description

    @property
    def networks(self) -> int:
        """The number of networks, over all members and replicas."""
        return sum(len(member.description.seeds) for member in self.members)

    def save(self, folder: Path) -> None:
        """Write the model into a folder; several members each get a folder inside it."""
        if len(self.members) == 1:
            self.members[0].save(folder)
            return
        folder.mkdir(exist_ok=True)
        names = [f"member-{k:03d}" for k in range(1, len(self.members) + 1)]
        for name, member in zip(names, self.members, strict=True):
            member.save(folder / name)
        files.write_json(folder / "model.json", {"format": FORMAT, "members": names})

    def select(self, replica: str) -> "Ensemble":
        """Return all networks (`all`), the best (`best`), or the one with a number from 1.

        The best has the lowest validation loss; networks of different members have no validation
        rows in common, so none of them is the best. Raises UsageError.
        """
        if replica == "all":
            return self
        places = [
            (k, network)
            for k, member in enumerate(self.members)
            for network in range(len(member.description.seeds))
        ]
        several = len(self.members) > 1
        if replica == "best" and not several:
            number = int(np.argmin(self.description.losses or [0.0]))
        elif replica.isdecimal() and 1 <= int(replica) <= len(places):
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
        return Ensemble([self.members[member].select([network])])

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

    def encode(self, chunk: Chunk) -> tuple[Inputs, RowFlags]:
        """Encode a chunk's rows for each member, with the flags that all members agree on.

        Raises DataError.
        """
        encoded = [
            member.description.encoder.encode(chunk, self.description.precision)
            for member in self.members
        ]
        return [x for x, _ in encoded], reduce(RowFlags.common, (flags for _, flags in encoded))

    def blank_row(self) -> Inputs:
        """Return a row of zeros for each member."""
        return [
            np.zeros((1, member.description.encoder.width), member.network.dtype)
            for member in self.members
        ]

    def predict_each(self, x: Inputs) -> np.ndarray:
        """Return the outputs (R, N, K) of every network, member by member: see `Model`.

        Quantities count from the offsets of the first member's target.
        """
        outputs = [
            member.predict_each(rows, self._origin)
            for member, rows in zip(self.members, x, strict=True)
        ]
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)

    @property
    def _origin(self) -> Floats | None:
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
            for member in self.members:
                target = member.description.target
                if isinstance(target, Quantities):
                    lengths = values if differences else values - target.offsets
                    each.append(target.resolution(lengths, dtype))
                else:
                    each.append(np.spacing(values.astype(dtype)).astype(np.float64))
        return np.asarray(np.minimum.reduce(each))

    def disagreement(self, each: np.ndarray) -> np.ndarray:
        """Return how far the networks, with outputs `each` (R, N, K), disagree (N, targets).

        For classes and labels, the share of networks that predict otherwise than the ensemble;
        for quantities, the standard deviation of their predictions, in the target's own unit.
        """
        target = self.description.target
        if isinstance(target, Quantities):
            # of scaled values, since squares of large or tiny ones are no floats
            scale = target.divisors
            return np.asarray((each / scale).std(axis=0, ddof=1) * scale)
        mean = each.mean(axis=0)
        if isinstance(target, Labels) or each.shape[2] == 1:
            return np.asarray(((each > 0.5) != (mean > 0.5)).mean(axis=0))
        # (R, N) against (N,), averaged over the networks, as one column
        return np.asarray((each.argmax(axis=2) != mean.argmax(axis=1)).mean(axis=0)[:, None])

    def combine(self, each: np.ndarray) -> np.ndarray:
        """Return the ensemble's predictions (N, K) from the networks' outputs `each` (R, N, K).

        Classes: a probability for each, which sum to 1 in each row; outputs that are not
        probabilities already, such as several sigmoids, are clipped to 0 … 1 and divided by their
        sum. Labels: the probability that each is true. Quantities: values in the targets' units.
        """
        mean = each.mean(axis=0)
        if self._origin is not None:
            return np.asarray(mean + self._origin)
        shares = np.clip(mean.astype(np.float64), 0, 1)
        classes = self.description.classes
        if classes is None:
            return np.asarray(shares)
        if shares.shape[1] == 1:  # the one output is the second class's probability
            return np.hstack([1 - shares, shares])
        total = shares.sum(axis=1, keepdims=True)
        # a row whose outputs are all 0 gets equal probabilities
        return np.where(total > 0, shares / np.where(total > 0, total, 1), 1 / len(classes))


def load_ensemble(folder: Path) -> Ensemble:
    """Read a model, or the models of an ensemble.

    Raises
    ------
    RunError
        A file is missing or damaged, or the members do not fit together.
    """
    path = folder / "model.json"
    content = files.read_json(path)
    if not isinstance(content, dict) or "members" not in content:
        return Ensemble([load_model(folder)])
    check_format(path, content)
    names = _member_names(path, content["members"])
    members = [load_model(folder / name) for name in names]
    first = members[0].description
    for name, member in zip(names, members, strict=True):
        description = member.description
        for field in ("task", "classes", "precision"):
            same_names = description.target.names == first.target.names
            if getattr(description, field) != getattr(first, field) or not same_names:
                raise RunError(
                    f"{folder / name}: its target or {field} differs from that of {names[0]}; "
                    "train again"
                )
    return Ensemble(members)


def _member_names(path: Path, names: object) -> list[str]:
    """Return the members' folders that model.json names; raise RunError if they are not proper."""
    if (
        isinstance(names, list)
        and names
        and all(isinstance(n, str) and re.fullmatch(r"member-\d{3,}", n) for n in names)
        and len(set(names)) == len(names)
    ):
        return names
    raise RunError(
        f"{path}: members must be the folders beside this file, such as member-001, each once; "
        "restore it, or train again"
    )


def separate(model: Model, descriptions: Sequence[Description]) -> list[Model]:
    """Return a model for each replica, with the replica's own description."""
    return [
        dataclasses.replace(model.select([k]), description=description)
        for k, description in enumerate(descriptions)
    ]
