"""The session of members: networks of several kinds, trained one after another on the same rows."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bpnet.config.checkpoint import Checkpoint
from bpnet.preparation.encode import EncodedDataset, encode_dataset
from bpnet.runs.members_log import MembersLog
from bpnet.runs.run_file import RunFile
from bpnet.workflows.growing_ensemble import GrowingEnsemble
from bpnet.workflows.member_training import MemberTraining, TrainedMember
from bpnet.workflows.members_plan import MembersPlan
from bpnet.workflows.pack_plan import PlannedDraw
from bpnet.workflows.session import MemberWatcher, TrainingSession


@dataclass(frozen=True)
class _Pass:
    """Networks of one member that train together."""

    position: int
    """The number of the member, from 0."""
    round: int
    """The number of the round, from 1."""
    seed: int
    """The seed of the first network."""
    draws: Sequence[PlannedDraw]
    """The settings of its pack; empty if it has none."""
    title: str
    """Which member it is, and which pass of it, where there are several."""


class MemberSession(TrainingSession):
    """A training of the members of plans, for a run directory; a subclass says what is saved."""

    def __init__(
        self,
        run: Path,
        scratch: Path,
        watcher: MemberWatcher,
        checkpoint: Checkpoint,
        run_file: RunFile,
    ) -> None:
        super().__init__(watcher, checkpoint, run_file)
        self.run_folder, self._scratch = run, scratch
        self._begin_member = watcher.begin_member
        self.seconds = 0.0
        """The time in which networks trained."""
        self.not_begun: list[str] = []
        """What the time budget has left out: members, or passes of their packs."""
        self.growing: GrowingEnsemble | None = None
        """The ensemble of what has trained so far, where there are packs."""

    def train_members(
        self,
        plan: MembersPlan,
        log: MembersLog,
        trained: list[TrainedMember],
        *,
        first: list[EncodedDataset] | None = None,
        title: str = "",
    ) -> None:
        """Train every member of a plan, and add each to the list `trained` when it is done.

        An interrupted member is added as it is, before KeyboardInterrupt goes on. `first` may hold
        the encoded rows of the first member, which are taken out of it.
        """
        self.growing = _growing(plan) if plan.packed else None
        passes = list(_passes(plan))
        prepared, encoded = None, -1
        for number, one in enumerate(passes):
            if trained and self.out_of_time:
                self.not_begun = _left_out(plan, passes[number:])
                break
            if encoded != one.position or prepared is None:
                prepared = None  # frees the rows of the one before
                prepared = (
                    first.pop()
                    if first
                    else encode_dataset(plan.members[one.position], self._scratch)
                )
                encoded = one.position
            training = MemberTraining(
                one.position + (one.round - 1) * len(plan.members),
                plan.names[one.position],
                prepared,
                plan.rounds[one.round - 1],
                one.round,
                log,
                one.seed,
                one.draws,
                self.growing,
            )
            self._train(plan, training, trained, ": ".join(filter(None, (title, one.title))))
            if self.interruption.requested:  # while its predictions were collected
                raise KeyboardInterrupt

    def write_checkpoint(self, *, flush: bool = True) -> None:
        """Do nothing yet."""

    def _train(
        self, plan: MembersPlan, training: MemberTraining, trained: list[TrainedMember], title: str
    ) -> None:
        parameters = training.model.network.theta.shape[1]
        self._begin_member(self.run_folder, training.prepared, parameters, training.networks, title)
        start = time.perf_counter()
        try:
            training.out_of_time = self.watch(training.epochs(self.after_step))
        finally:
            # an interruption waits until the member is collected
            self.interruption.postponed = True
            self.seconds += time.perf_counter() - start
            if training.last is not None:
                self._collect(plan, training, trained, title)
            self.interruption.postponed = False

    def _collect(
        self, plan: MembersPlan, training: MemberTraining, trained: list[TrainedMember], title: str
    ) -> None:
        """Keep a trained member, with its scores for the rows that its networks have not seen."""
        begin = f"{title}: " if title else ""
        members = training.trained()
        if not members:
            self._watcher.warn(f"{begin}every network diverged")
        for member in members:
            of = f"draw {member.draw}, " if member.draw is not None else ""
            for number in member.left_out:
                self._watcher.warn(f"{begin}{of}network {number} diverged and is left out")
            if plan.config.refit and not self.interruption.requested:
                start = time.perf_counter()
                member = training.refitted(member)
                self.seconds += time.perf_counter() - start
            trained.append(member)


def _passes(plan: MembersPlan) -> Iterator[_Pass]:
    """Yield the passes of all members in their order, round by round."""
    count, rounds = len(plan.members), len(plan.rounds)
    for place, seed in enumerate(plan.first_seeds):
        which, position = divmod(place, count)
        pack, networks = plan.packs[position], len(plan.folds.folds)
        names = [f"round {which + 1} of {rounds}"] if rounds > 1 else []
        if count > 1:
            of = f"member {position + 1} of {count}"
            names.append(f"{of}, {plan.names[position]}" if plan.names[position] else of)
        passes: Sequence[Sequence[PlannedDraw]] = [()] if pack is None else pack.passes
        for draws in passes:
            title = list(names)
            if draws:
                title.append(f"draws {draws[0].number} to {draws[-1].number}")
            yield _Pass(position, which + 1, seed, draws, ", ".join(title))
            seed += networks * len(draws)


def _left_out(plan: MembersPlan, passes: Sequence[_Pass]) -> list[str]:
    """Return what passes are called that have not begun, of rounds after the first in short."""
    if passes[0].round > 1:
        return [f"{passes[0].title} and what follows"]
    first = [one for one in passes if one.round == 1]
    return [one.title or plan.names[one.position] for one in first]


def _growing(plan: MembersPlan) -> GrowingEnsemble:
    fitted, rows = plan.members[0], plan.folds.rows
    weights = fitted.weights()
    return GrowingEnsemble(
        fitted.split.target_values.values[rows],
        None if weights is None else weights[rows],
        plan.config.calibration or "temperature",
    )
