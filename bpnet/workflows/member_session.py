"""The session of members: networks of several kinds, trained one after another on the same rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from bpnet.config.schema import Config
from bpnet.integrations.trackers.tracker import Series
from bpnet.models.training_metrics import infinite_from_start
from bpnet.preparation.encode import EncodedDataset, encode_dataset
from bpnet.runs.directory import RunPaths
from bpnet.runs.members_log import MembersLog
from bpnet.runs.run_file import RunFile
from bpnet.workflows.growing_ensemble import GrowingEnsemble
from bpnet.workflows.interruption import SecondInterruption
from bpnet.workflows.member_training import MemberTraining, TrainedMember
from bpnet.workflows.members_plan import MembersPlan
from bpnet.workflows.pack_plan import PlannedDraw
from bpnet.workflows.passes import PassesSession
from bpnet.workflows.refit import Refit
from bpnet.workflows.run_place import Place
from bpnet.workflows.session import MemberWatcher
from bpnet.workflows.side_by_side import Elsewhere, side_by_side


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


@dataclass(frozen=True)
class Step:
    """A pass to train, or what follows where some have trained, which has no training."""

    take: Callable[[Elsewhere | None], None]
    key: str = ""
    training: MemberTraining | None = None


class MemberSession(PassesSession):
    """A training of the members of plans, for a run directory; a subclass says what is saved."""

    def __init__(
        self,
        run: RunPaths,
        run_file: RunFile,
        place: Place,
        watcher: MemberWatcher,
        config: Config,
    ) -> None:
        super().__init__(run, watcher, config, run_file, place.saved)
        self._run, self._run_file, self._scratch = run, run_file, place.scratch
        self._begin_member = watcher.begin_member
        self.not_begun: list[str] = []
        """What the time budget has left out: members, or passes of their packs."""
        self.from_start = True
        """True if no member that diverged had a finite loss with its first weights."""

    def train_steps(self, steps: Iterable[Step], count: int) -> None:
        """Take each step in turn; workers may train those of the next passes, of `count` in all."""
        ahead = side_by_side(
            steps,
            lambda step: None if step.training is None else self.task_of(step.key, step.training),
            count,
            light=lambda step: step.training is None,
        )
        with closing(ahead):
            for step, elsewhere in ahead:
                step.take(elsewhere)

    def steps(
        self,
        plan: MembersPlan,
        log: MembersLog,
        trained: list[TrainedMember],
        *,
        first: list[EncodedDataset] | None = None,
        title: str = "",
        group: int = 1,
        series: Sequence[str] = (),
        keys: Mapping[str, int] = MappingProxyType({}),
    ) -> Iterator[Step]:
        """Yield a step for each pass of a plan's members, which adds them to the list `trained`.

        `group` is the number of the plan, where there are several, and `series` begins the names
        of its curves; `keys` go to the log. An interrupted member is added as it is, before
        KeyboardInterrupt goes on. `first` may hold the encoded rows of the first member, which are
        taken out of it.
        """
        growing = _growing(plan) if plan.packed else None
        passes = list(_passes(plan))
        prepared, encoded = None, -1
        for number, one in enumerate(passes):
            key = f"{group:06d}-{number:06d}"
            late = self.out_of_time and not self.begun_before(key)
            if trained and (late or self.left_out_before(key)):
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
                growing,
            )
            training.series = Series("/".join([*series, *_series(one, len(passes))]))
            of = ": ".join(filter(None, (title, one.title)))
            yield Step(
                partial(self._take, plan, log, keys, key, training, trained, of), key, training
            )

    def _take(
        self,
        plan: MembersPlan,
        log: MembersLog,
        keys: Mapping[str, int],
        key: str,
        training: MemberTraining,
        trained: list[TrainedMember],
        title: str,
        elsewhere: Elsewhere | None,
    ) -> None:
        log.keys = keys
        parameters = training.model.network.theta.shape[1]
        self._begin_member(self.run_folder, training.prepared, parameters, training.networks, title)
        self.train_pass(
            key,
            training,
            lambda: self._collect_members(key, plan, training, trained, title),
            elsewhere,
        )

    def _collect_members(
        self,
        key: str,
        plan: MembersPlan,
        training: MemberTraining,
        trained: list[TrainedMember],
        title: str,
    ) -> None:
        """Keep a trained member, with its scores for the rows that its networks have not seen."""
        begin = f"{title}: " if title else ""
        members = training.trained()
        if not members:
            self.from_start &= infinite_from_start(training.model, training.prepared.rows["train"])
            self._watcher.warn(f"{begin}every network diverged")
        for k, member in enumerate(members):
            of = f"draw {member.draw}, " if member.draw is not None else ""
            for number in member.left_out:
                self._watcher.warn(f"{begin}{of}network {number} diverged and is left out")
            if plan.config.refit and not (self.interruption.requested or self.under_way):
                member = self._refitted(f"{key}-refit-{k:06d}", training, member)
            trained.append(member)

    def _refitted(self, key: str, training: MemberTraining, member: TrainedMember) -> TrainedMember:
        """Return a member with networks trained on all rows, for the epochs that it has kept.

        They are as many as the config's replicas. An interrupted member stays as it is.
        """
        prepared, seeds = training.prepared, training.model.description.seeds
        refit = Refit(prepared, seeds[: prepared.config.replicas], member.best_epoch)
        try:
            self.train_quietly(key, refit)
        except SecondInterruption:
            raise
        except KeyboardInterrupt:
            return member
        return replace(member, model=refit.model)


def pass_count(plan: MembersPlan) -> int:
    """Return the number of passes in which a plan's members train."""
    return sum(1 for _ in _passes(plan))


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


def _series(one: _Pass, passes: int) -> list[str]:
    """Return the name of a pass among the curves of a run, if it has several."""
    if passes == 1:
        return []
    drawn = f"-draws-{one.draws[0].number}-{one.draws[-1].number}" if one.draws else ""
    again = f"-round-{one.round}" if one.round > 1 else ""
    return [f"member-{one.position + 1}{again}{drawn}"]


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
