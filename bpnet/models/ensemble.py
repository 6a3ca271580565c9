"""An ensemble: models that predict together, each with an encoding of its own; most runs leave a single one."""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np

from bpnet.data.encoding.row_flags import Flags
from bpnet.data.reading import Table
from bpnet.data.reading.chunk import Chunk, Kind
from bpnet.data.targets import Labels, Quantities
from bpnet.errors import RunError, UsageError
from bpnet.models.model import FORMAT, Description, Model, check_format, load_model
from bpnet.runs import files

Inputs = list[np.ndarray]
"""The encoded rows (N, I), once for each member."""


@dataclass(frozen=True)
class Ensemble:
    """Models of the same task and targets, whose networks count alike: a member with R replicas counts R times."""

    members: Sequence[Model]

    @property
    def description(self) -> Description:
        """The first member's description: task, target's names, classes and precision are those of all."""
        return self.members[0].description

    @property
    def networks(self) -> int:
        """How many networks there are."""
        return sum(len(member.description.seeds) for member in self.members)

    def save(self, folder: Path) -> None:
        """Write the model into the folder; of several members each into a folder of its own inside."""
        if len(self.members) == 1:
            self.members[0].save(folder)
            return
        folder.mkdir(exist_ok=True)
        names = [f"member-{k:03d}" for k in range(1, len(self.members) + 1)]
        for name, member in zip(names, self.members, strict=True):
            member.save(folder / name)
        files.write_json(folder / "model.json", {"format": FORMAT, "members": names})

    def chosen(self, replica: str) -> "Ensemble":
        """All networks, the best, or the one with this number from 1; raises UsageError.

        The best is told by the validation loss, which only networks with the same rows have in common.
        """
        if replica == "all":
            return self
        places = [
            (k, own)
            for k, member in enumerate(self.members)
            for own in range(len(member.description.seeds))
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
        member, own = places[number]
        return Ensemble([self.members[member].picked([own])])

    def check_columns(self, table: Table) -> None:
        """Raise DataError where a column that a member reads is not there."""
        for member in self.members:
            member.check_columns(table)

    @property
    def wanted(self) -> dict[str, Kind]:
        """What to read of a table: text where members differ, for each can make of that what it needs."""
        found: dict[str, Kind] = {}
        for member in self.members:
            for name, kind in member.description.encoder.wanted.items():
                found[name] = kind if found.get(name, kind) == kind else "text"
        return found

    def encode(self, chunk: Chunk) -> tuple[Inputs, Flags]:
        """A chunk's rows as each member reads them, and what all members have to say of a row; raises DataError."""
        encoded = [
            member.description.encoder.encode(chunk, self.description.precision)
            for member in self.members
        ]
        return [x for x, _ in encoded], reduce(Flags.common, (flags for _, flags in encoded))

    def blank(self) -> Inputs:
        """A row of zeros, as the members read it."""
        return [
            np.zeros((1, member.description.encoder.width), member.network.dtype)
            for member in self.members
        ]

    def each(self, x: Inputs) -> np.ndarray:
        """What each network says (R, N, K), by the order of the members: see `Model.each`."""
        said = [member.each(own) for member, own in zip(self.members, x, strict=True)]
        return said[0] if len(said) == 1 else np.concatenate(said)

    def disagreement(self, each: np.ndarray) -> np.ndarray:
        """How far the networks, which say `each` (R, N, K), are apart (N, targets).

        For classes and labels the share of networks that say otherwise than all together do; for quantities the
        standard deviation of what they predict, in the target's own unit.
        """
        target = self.description.target
        if isinstance(target, Quantities):
            return np.asarray(each.std(axis=0, ddof=1))
        together = each.mean(axis=0)
        if isinstance(target, Labels) or each.shape[2] == 1:
            return np.asarray(((each > 0.5) != (together > 0.5)).mean(axis=0))
        return np.asarray((each.argmax(axis=2) != together.argmax(axis=1)).mean(axis=0)[:, None])

    def predictions(self, each: np.ndarray) -> np.ndarray:
        """What the networks, which say `each` (R, N, K), predict together (N, K).

        Classes: a probability for each, which sum to 1 in each row; outputs that are not shares already, such as
        several sigmoids, are clipped to 0 … 1 and divided by their sum. Labels: the probability that each is true.
        Quantities: the values, in the targets' own units.
        """
        together = each.mean(axis=0)
        if isinstance(self.description.target, Quantities):
            return np.asarray(together)
        shares = np.clip(together.astype(np.float64), 0, 1)
        classes = self.description.classes
        if classes is None:
            return np.asarray(shares)
        if shares.shape[1] == 1:
            return np.hstack([1 - shares, shares])
        total = shares.sum(axis=1, keepdims=True)
        return np.where(total > 0, shares / np.where(total > 0, total, 1), 1 / len(classes))


def load_ensemble(folder: Path) -> Ensemble:
    """Read a model, or the models of an ensemble; raises RunError where a file is missing or damaged."""
    path = folder / "model.json"
    content = files.read_json(path)
    if not isinstance(content, dict) or "members" not in content:
        return Ensemble([load_model(folder)])
    names = content["members"]
    check_format(path, content)
    proper = isinstance(names, list) and all(
        isinstance(n, str) and re.fullmatch(r"member-\d{3,}", n) for n in names
    )
    if not proper or not names or len(set(names)) < len(names):
        raise RunError(
            f"{path}: members must be the folders beside this file, such as member-001, each once; restore it, or "
            "train again"
        )
    members = [load_model(folder / name) for name in names]
    first = members[0].description
    for name, member in zip(names, members, strict=True):
        own = member.description
        for what in ("task", "classes", "precision"):
            if getattr(own, what) != getattr(first, what) or own.target.names != first.target.names:
                raise RunError(
                    f"{folder / name}: its target or {what} differs from that of {names[0]}; train again"
                )
    return Ensemble(members)


def apart(together: Model, descriptions: Sequence[Description]) -> list[Model]:
    """The models of the replicas of one network, each with a description of its own."""
    found = []
    for k, description in enumerate(descriptions):
        alone = together.picked([k])
        found.append(dataclasses.replace(alone, description=description))
    return found
