"""The session of members: networks of several kinds, trained one after another on the same rows."""

import time
from pathlib import Path

from bpnet.preparation.encode import EncodedDataset, encode_dataset
from bpnet.runs.members_log import MembersLog
from bpnet.workflows.member_training import MemberTraining, TrainedMember
from bpnet.workflows.members_plan import MembersPlan
from bpnet.workflows.session import MemberWatcher, TrainingSession


class MemberSession(TrainingSession):
    """A training of the members of plans, for a run directory; a subclass says what is saved."""

    def __init__(self, run: Path, scratch: Path, watcher: MemberWatcher) -> None:
        super().__init__(watcher)
        self._run_folder, self._scratch = run, scratch
        self._begin_member = watcher.begin_member
        self.seconds = 0.0
        """The time in which networks trained."""

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
        count = len(plan.members)
        for position in range(count):
            prepared = (
                first.pop() if first else encode_dataset(plan.members[position], self._scratch)
            )
            training = MemberTraining(position, plan.names[position], prepared, plan.folds, log)
            name = f"member {position + 1} of {count}, {training.name}" if count > 1 else ""
            self._train(plan, training, trained, ": ".join(filter(None, (title, name))))
            if self.interruption.requested:  # while its predictions were collected
                raise KeyboardInterrupt

    def _train(
        self, plan: MembersPlan, training: MemberTraining, trained: list[TrainedMember], title: str
    ) -> None:
        networks = len(training.model.description.seeds)
        parameters = training.model.network.theta.shape[1]
        self._begin_member(self._run_folder, training.prepared, parameters, networks, title)
        start = time.perf_counter()
        try:
            self.watch(training.epochs())
        finally:
            # an interruption waits until the member is collected
            self.interruption.saving = True
            self.seconds += time.perf_counter() - start
            if training.last is not None:
                self._collect(plan, training, trained, title)
            self.interruption.saving = False

    def _collect(
        self, plan: MembersPlan, training: MemberTraining, trained: list[TrainedMember], title: str
    ) -> None:
        """Keep a trained member, with its scores for the rows that its networks have not seen."""
        member, begin = training.trained(), f"{title}: " if title else ""
        if member is None:
            self._watcher.warn(f"{begin}every network diverged")
            return
        for number in member.left_out:
            self._watcher.warn(f"{begin}network {number} diverged and is left out")
        if plan.config.refit and not self.interruption.requested:
            start = time.perf_counter()
            member = training.refitted(member)
            self.seconds += time.perf_counter() - start
        trained.append(member)
