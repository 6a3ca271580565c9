"""The work of one process on a study: it trains passes, and draws what is to be trained next."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from bpnet.config.search_space import Draws, EvenSampler, Sampler
from bpnet.errors import InterruptedRunError, RunError
from bpnet.integrations import engines, optuna
from bpnet.messages import counted, shell_path
from bpnet.models.threads import permitted_threads
from bpnet.paths import is_dir
from bpnet.runs.study import Drawn, Generation, StudyFolder
from bpnet.runs.study_processes import Workers, processes_alive
from bpnet.runs.trial_log import Trial, TrialStore
from bpnet.workflows.interruption import SignalInterrupt
from bpnet.workflows.saved_study import (
    PER_PROCESS,
    saved_plan,
    trial_store,
)
from bpnet.workflows.search_best import SearchResult, conclude, ranked
from bpnet.workflows.search_pass import Clock, train_trials
from bpnet.workflows.search_plan import SearchPlan
from bpnet.workflows.search_rows import TrialRows
from bpnet.workflows.session import AnyWatcher

_PAUSE = 0.05
"""Seconds between two looks of a process that waits for others, at first; they double."""
_LONGEST_PAUSE = 1.0


class SearchWatcher(AnyWatcher, Protocol):
    """An observer of a search, and of the training of its best trial."""

    def note(self, text: str) -> None:
        """Take a remark for the user."""


@dataclass
class SearchWork:
    """The work of one process on a study."""

    study: StudyFolder
    plan: SearchPlan
    rows: TrialRows
    watcher: SearchWatcher
    store: TrialStore = field(init=False)
    clock: Clock = field(init=False)
    _warned: bool = False
    _learning: optuna.LearningSampler | None = None

    def run(self) -> SearchResult:
        """Search to the end, and train the best; see `search`."""
        try:
            self.store = trial_store(self.study, self.plan)
            with self.study.lock():
                trials = self.store.read()
                self.study.update(status="running")
            seconds = self.plan.settings.seconds
            self.clock = Clock(_stopwatch(trials), math.inf if seconds is None else seconds)
            with Workers(self.study) as workers:
                self._work(workers)
                return conclude(self.study, self.plan, self.store, self.watcher)
        except InterruptedRunError:
            self._interrupted()
            raise
        except SignalInterrupt as interrupt:
            raise InterruptedRunError(self._interrupted(), interrupt.number) from None
        except RunError as error:
            *others, last = error.problems
            path = shell_path(self.study.folder)
            if "bpnet resume" in last:
                raise
            raise RunError([*others, f"{last}; then go on: bpnet resume {path}"]) from error

    def _interrupted(self) -> str:
        with self.study.lock():
            count = len(self.store.read())
            self.study.update(status="interrupted")
        return (
            f"interrupted; {counted(count, 'trial')} are saved in {self.study.folder}; "
            f"next: bpnet resume {shell_path(self.study.folder)}"
        )

    def _work(self, workers: Workers) -> None:
        """Train one pass after another, until there is nothing left to do."""
        pause = _PAUSE
        self._warn_of_idle(engines.jobs())
        while True:
            with self.study.lock():
                trials = self.store.read()
                self._follow_settings()
                task = self._next(trials, workers)
                several: list[_Task] = []
                if isinstance(task, _Task):
                    workers.take((task.generation, task.position))
                    several = self._free(task, trials, workers)[: engines.jobs()]
            if task is None:
                return
            if not isinstance(task, _Task):
                self._warn_of_idle(processes_alive(self.study))
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause = _PAUSE
            if len(several) > 1:
                self._train_several(several)
            else:
                earlier = [one for one in trials if one.generation < task.generation]
                found = train_trials(
                    self.plan,
                    self.rows,
                    task.drawn,
                    earlier,
                    generation=task.generation,
                    clock=self.clock,
                    worker=workers.name,
                )
                self._note(found)
            workers.take(None)

    def _warn_of_idle(self, processes: int) -> None:
        """Warn once if there are more processes than passes of a generation."""
        passes = self.plan.settings.passes
        if processes <= passes or self._warned:
            return
        self._warned = True
        self.watcher.warn(
            f"of {processes} processes {processes - passes} must wait: {counted(passes, 'pass')} "
            f"train at a time; a new study can have more: --set search.passes={processes}"
        )

    def _free(self, task: "_Task", trials: Sequence[Trial], workers: Workers) -> list["_Task"]:
        """Return the passes of a task's generation that nobody trains."""
        done, taken = {trial.number for trial in trials}, workers.taken()
        return [
            _Task(task.generation, position, drawn)
            for position, drawn in _unfinished(self.study.generations()[-1], done)
            if (task.generation, position) not in taken
        ]

    def _train_several(self, tasks: Sequence["_Task"]) -> None:
        """Train passes side by side by the workers of an engine, which see the study's folder."""
        left = self.clock.deadline - self.clock.now()
        train = partial(_train_task, self.study.folder.resolve(), left)
        with closing(engines.run(train, tasks)) as found:
            for trials in found:
                self._note(trials)

    def _follow_settings(self) -> None:
        """Take the end that another process has given the study meanwhile."""
        settings = self.study.read().get("settings") or {}
        ours = self.plan.settings
        given: dict[str, Any] = {name: settings.get(name) for name in PER_PROCESS}
        if given == {name: getattr(ours, name) for name in PER_PROCESS}:
            return
        ours = replace(ours, **given)
        self.plan = replace(self.plan, settings=ours)
        seconds = ours.seconds
        self.clock = replace(self.clock, deadline=math.inf if seconds is None else seconds)
        ends = [f"{name} {value}" for name, value in given.items() if value is not None]
        self.watcher.note(f"the study now ends by {', '.join(ends)}")

    def _note(self, found: Sequence[Trial]) -> None:
        """Note what a pass has found, unless another process has been faster."""
        with self.study.lock():
            known = {trial.number for trial in self.store.read()}
            self.store.append([trial for trial in found if trial.number not in known])
            trials = self.store.read()
            first = ranked(trials, maximizes=self.plan.maximizes)[0]
            best = first.score
            self.study.update(
                progress={
                    "trials": len(trials),
                    "seconds": round(self.clock.now(), 3),
                    "score": best,
                    "values": None if best is None else first.values,
                }
            )
        trained, cut = (sum(one.state == end for one in found) for end in ("finished", "cut"))
        goal = self.plan.settings.trials
        self.watcher.note(
            f"{counted(len(trials), 'trial')}{f' of {goal:,}' if goal else ''} "
            f"({self.clock.now():.1f} s): {trained} of {len(found)} trained to the end"
            f"{f', {cut} cut off by the budget' if cut else ''}; "
            f"best {self.plan.metric} {'none' if best is None else f'{best:.4g}'}"
        )

    def _next(self, trials: Sequence[Trial], workers: Workers) -> "_Task | str | None":
        """Return a pass to train; a word if others are at work; None if there is nothing to do."""
        done = {trial.number for trial in trials}
        generations = self.study.generations()
        taken = workers.taken()
        while True:
            last = generations[-1] if generations else None
            waiting = [] if last is None else _unfinished(last, done)
            if not waiting:
                following = None if self._spent else self._draw(generations, trials)
                if following is None:
                    return "others" if taken else None
                generations.append(following)
                continue
            assert last is not None
            if self._spent:
                return "others" if taken else None
            for position, drawn in waiting:
                if (last.number, position) not in taken:
                    return _Task(last.number, position, drawn)
            return "others"

    @property
    def _spent(self) -> bool:
        return self.clock.out_of_time

    def _draw(
        self, generations: Sequence[Generation], trials: Sequence[Trial]
    ) -> Generation | None:
        """Draw the trials of the next generation; None if there are no more."""
        settings, space = self.plan.settings, self.plan.space
        if generations and generations[-1].last:
            return None
        earlier = [one for each in generations for group in each.passes for one in group]
        number = len(earlier)
        left = [] if settings.trials is None else [settings.trials - number]
        assert settings.draws is not None  # by the plan
        sizes = [settings.draws] * settings.passes
        if left:
            sizes = _cut(sizes, left[0])
        if not sizes:
            return None
        draws = Draws(space, self.plan.seed)
        for one in earlier:
            draws.note(one.values)
        drawn = draws.passes(
            self._sampler(len(generations) + 1, trials),
            sizes,
            first_pass=sum(len(each.passes) for each in generations),
            first_trial=number,
        )
        passes_drawn = []
        for values in filter(None, drawn):
            passes_drawn.append([Drawn(number + k, one) for k, one in enumerate(values, start=1)])
            number += len(values)
        following = Generation(
            len(generations) + 1,
            passes_drawn,
            last=sum(map(len, drawn)) < sum(sizes),
        )
        if not passes_drawn:
            return None
        self.study.write_generation(following)
        return following

    def _sampler(self, generation: int, trials: Sequence[Trial]) -> Sampler:
        """Return what draws a generation: where nothing is known yet, evenly."""
        plan = self.plan
        if plan.settings.sampler == "tpe" and trials:
            if self._learning is None:
                self._learning = optuna.LearningSampler(
                    plan.space,
                    maximizes=plan.maximizes,
                    seed=plan.seed,
                    evenly=plan.settings.passes,
                )
            self._learning.begin(generation, trials)
            return self._learning
        return EvenSampler(plan.space, plan.seed, sobol=plan.settings.sampler != "random")


@dataclass(frozen=True)
class _Task:
    """A pass to train."""

    generation: int
    position: int
    drawn: Sequence[Drawn]


def train_pass(
    folder: Path, generation: int, position: int, seconds: float = math.inf
) -> list[Trial]:
    """Train a pass of a study, by the files of the study alone, and return what it has found.

    It notes nothing: it may be called in any process that sees the folder. `seconds` are what is
    left of the time budget.
    """
    study = StudyFolder(folder)
    plan = saved_plan(study, study.read())
    drawn = study.generations()[generation - 1].passes[position]
    earlier = [one for one in trial_store(study, plan).read() if one.generation < generation]
    rows = TrialRows(plan.base, folder)
    now = _stopwatch(earlier)
    clock = Clock(now, now() + seconds)
    return train_trials(plan, rows, drawn, earlier, generation=generation, clock=clock)


def _train_task(folder: Path, seconds: float, task: "_Task") -> list[Trial]:
    """Train a pass as a worker, on one thread."""
    if not is_dir(folder):
        raise RunError(f"{folder}: is not there; the workers of a search must see its folder")
    with permitted_threads(1):
        return train_pass(folder, task.generation, task.position, seconds)


def _stopwatch(trials: Sequence[Trial]) -> Callable[[], float]:
    """Return the time of a study: that of the trials so far, and what passes from now on."""
    before, start = max((trial.seconds for trial in trials), default=0.0), time.perf_counter()
    return lambda: before + time.perf_counter() - start


def _unfinished(generation: Generation, done: set[int]) -> list[tuple[int, list[Drawn]]]:
    """Return the passes of a generation that have trials which have not ended, with these."""
    found = []
    for position, drawn in enumerate(generation.passes):
        left = [one for one in drawn if one.number not in done]
        if left:
            found.append((position, drawn))
    return found


def _cut(sizes: Sequence[int], most: int) -> list[int]:
    """Return the sizes of passes that have at most so many trials in all."""
    found = []
    for size in sizes:
        size = min(size, most)
        most -= size
        if size > 0:
            found.append(size)
    return found
