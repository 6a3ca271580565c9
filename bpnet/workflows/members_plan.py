"""The plan of an ensemble on folds: the encoder of each member, and the folds that all share."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bpnet.config.loading import LoadedConfig
from bpnet.config.schema import Config
from bpnet.data.splitting import Indices, Part
from bpnet.messages import counted
from bpnet.preparation.fit import FittedDataset, fit_dataset
from bpnet.preparation.open import OpenedDataset
from bpnet.preparation.rare_classes import rare_class_warnings
from bpnet.preparation.row_keys import read_row_keys
from bpnet.preparation.split import draw_split, split_dataset
from bpnet.preparation.training_folds import (
    TrainingFolds,
    draw_rounds,
    fold_split,
    named_validation_warnings,
)
from bpnet.workflows.pack_plan import PackPlan, plan_pack

ENSEMBLE_LOSS = "ensemble_loss"
"""The name of the loss of the ensemble of all networks of packs that have stopped."""


@dataclass(frozen=True)
class MembersPlan:
    """The members of an ensemble, each fitted to the training rows, and the folds of these."""

    loaded: LoadedConfig
    members: list[FittedDataset]
    names: list[str]
    """The name of each member."""
    rounds: list[TrainingFolds]
    """The folds of each round: in each all members train."""
    packs: list[PackPlan | None]
    """The pack of each member that has one."""
    warnings: list[str]
    """Remarks on the folds."""

    @property
    def folds(self) -> TrainingFolds:
        """The folds of the first round."""
        return self.rounds[0]

    @property
    def packed(self) -> bool:
        """True if a member has a pack."""
        return any(pack is not None for pack in self.packs)

    @property
    def first_seeds(self) -> list[int]:
        """The seed of the first network of each member, round by round: those of all differ."""
        seeds, following = [], self.loaded.config.seed
        for _ in self.rounds:
            for fitted, pack in zip(self.members, self.packs, strict=True):
                seeds.append(following)
                following += len(fitted.config.seeds) * (1 if pack is None else pack.pack.draws)
        return seeds

    @property
    def columns(self) -> list[str]:
        """The names of what is measured of a member in each epoch."""
        names = (each.resolved.metric_columns(validated=True) for each in self.members)
        columns = list(dict.fromkeys(name for each in names for name in each))
        return [*columns, ENSEMBLE_LOSS] if self.packed else columns

    @property
    def config(self) -> Config:
        """The config with every default written out, those of its members included."""
        config, given = self.members[0].config, self.loaded.config.members
        packs = [None if pack is None else pack.pack for pack in self.packs]
        if given is None:
            return replace(config, pack=packs[0])
        members = [
            replace(
                member,
                dataset=replace(member.dataset, preprocessing=fitted.config.dataset.preprocessing),
                architecture=fitted.config.architecture,
                training=fitted.config.training,
                pack=pack,
            )
            for member, fitted, pack in zip(given, self.members, packs, strict=True)
        ]
        return replace(config, pack=self.loaded.config.pack, members=members)


def plan_members(opened: OpenedDataset, parts: Mapping[Part, Indices] | None = None) -> MembersPlan:
    """Draw the folds of the training rows, and fit each member's encoder to all of these rows.

    The encoders are the only thing that a network shares with the rows that it holds out: medians,
    quantiles and categories, but nothing of the target. `parts` are the rows of each part, by
    default those that `dataset.split` draws or names. Raises ConfigError or DataError.
    """
    loaded = opened.loaded
    parts = draw_split(opened) if parts is None else parts
    split = split_dataset(opened, fold_split(parts))
    rounds = draw_rounds(opened, split.parts["train"])
    given = loaded.config.members
    each = [loaded] if given is None else [loaded.of_member(k) for k in range(len(given))]
    members = []
    for one in each:
        fitted = fit_dataset(replace(split, loaded=one))
        fitted.weights()  # raises if they are all 0 in a part
        members.append(fitted)
    assert loaded.config.folds is not None
    return MembersPlan(
        loaded=loaded,
        members=members,
        names=loaded.config.member_names or [""],
        rounds=rounds,
        packs=[plan_pack(fitted, position) for position, fitted in enumerate(members)],
        warnings=[
            *named_validation_warnings(loaded, parts),
            *rare_class_warnings(
                opened.target_values, read_row_keys(opened), loaded.config.folds, rounds[0].rows
            ),
            *_rows_never_held_out(rounds[0]),
        ],
    )


def _rows_never_held_out(folds: TrainingFolds) -> list[str]:
    """Return a remark on the rows that no network holds out, as with folds by time."""
    never = len(folds.rows) - len(set().union(*(rows.tolist() for rows in folds.held_out)))
    if not never:
        return []
    are, them = ("is", "it") if never == 1 else ("are", "them")
    return [f"{counted(never, 'training row')} {are} in no fold, so that no score is of {them}"]
