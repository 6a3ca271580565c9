"""Searches: configs drawn from a space, trained many at a time, and the best trained as a run.

A study is a folder that several processes may share: each takes a pass of the present generation,
trains it, and notes what it has found; who finds a generation complete draws the next.
"""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from bpnet import __version__
from bpnet.config.budget import budget_seconds
from bpnet.config.loading import load_config
from bpnet.config.search import Search
from bpnet.config.search_space import Draws, EvenSampler, Sampler, Space
from bpnet.config.source import Source, parse_source, yaml_text
from bpnet.errors import InterruptedRunError, RunError, UsageError
from bpnet.integrations import engines, optuna
from bpnet.messages import counted, shell_path
from bpnet.models.threads import permitted_threads
from bpnet.runs import directory
from bpnet.runs.directory import STUDY
from bpnet.runs.files import write_json, write_text
from bpnet.runs.naming import run_name
from bpnet.runs.study import Drawn, Generation, StudyFolder
from bpnet.runs.study_processes import Workers
from bpnet.runs.trial_log import Trial, TrialLog, TrialStore
from bpnet.workflows.interruption import SignalInterrupt
from bpnet.workflows.search_best import SearchResult, conclude, ranked
from bpnet.workflows.search_pass import Clock, train_trials
from bpnet.workflows.search_plan import SearchPlan, plan_search
from bpnet.workflows.search_rows import TrialRows
from bpnet.workflows.session import AnyWatcher

_PAUSE = 0.05
"""Seconds between two looks of a process that waits for others, at first; they double."""
_LONGEST_PAUSE = 1.0
_PER_PROCESS = ("trials", "budget")
"""Settings of the search that each process may be given anew."""


class SearchWatcher(AnyWatcher, Protocol):
    """An observer of a search, and of the training of its best trial."""

    def note(self, text: str) -> None:
        """Take a remark for the user."""


def search(
    source: Source,
    *,
    runs: Path,
    name: str | None,
    command: Sequence[str],
    watcher: SearchWatcher,
) -> SearchResult:
    """Search as a config says, in a new study in the folder `runs`.

    Raises ConfigError, DataError or UsageError before the study exists; InterruptedRunError and
    RunError after what has been found is saved.
    """
    loaded = load_config(source)
    name = f"{run_name(loaded)}-search" if name is None else directory.valid_name(name)
    plan, rows, notes = plan_search(source)
    for note in notes:
        watcher.warn(note)
    study = StudyFolder(directory.create(runs, name))
    _write_study(study, source, plan, rows.digest, command)
    return _Search(study, plan, rows, watcher).run()


def join(
    folder: Path, source: Source, given: Mapping[str, Any], watcher: SearchWatcher
) -> SearchResult:
    """Take part in the search of a study, beside other processes.

    `source` is the config that the study is to have, `given` what options say of the number of
    trials and the budget. Raises UsageError if these or the table are not the study's, RunError if
    the folder holds no study.
    """
    study = open_study(folder)
    content = study.read()
    _check_config(study, content, source)
    _check_given(study, content, given)
    return _go_on(study, content, {}, watcher)


def _go_on(
    study: StudyFolder,
    content: Mapping[str, Any],
    settings: Mapping[str, Any],
    watcher: SearchWatcher,
) -> SearchResult:
    """Work on a study; `settings` are a number of trials or a budget in place of its own."""
    folder, plan = study.folder, _saved_plan(study, content)
    rows = TrialRows(plan.base, study.folder)
    if rows.digest != content.get("data_sha256"):
        raise RunError(
            f"{folder}: the table is not the one that the study began with: its content has "
            "changed; restore it, or begin another study"
        )
    if settings:
        plan = replace(plan, settings=replace(plan.settings, **settings))
        with study.lock():
            _warn_of_reached(plan, _store(study, plan).read(), settings, watcher)
            study.update(settings=asdict(plan.settings), status="running")
    return _Search(study, plan, rows, watcher).run()


def resume_search(
    folder: Path, assignments: Sequence[str], *, force: bool, watcher: SearchWatcher
) -> SearchResult:
    """Go on with a study; `assignments` may give it other trials or another budget.

    Raises UsageError for anything else.
    """
    if force:
        raise UsageError(
            f"--force: {folder} goes on only with the data and the config that it began with; "
            "leave it out, or begin another study"
        )
    settings: dict[str, Any] = {}
    for one in assignments:
        key, _, value = one.partition("=")
        if key.strip() not in ("search.trials", "search.budget") or not value.strip():
            raise UsageError(
                f"--set {one}: a study that goes on can change only search.trials and "
                "search.budget; begin another study"
            )
        settings[key.strip().removeprefix("search.")] = value.strip()
    if "trials" in settings:
        if not settings["trials"].isdecimal():
            raise UsageError(
                f"--set search.trials={settings['trials']}: must be a whole number, at least 1"
            )
        settings["trials"] = int(settings["trials"])
    study = open_study(folder)
    return _go_on(study, study.read(), trials_setting(**settings), watcher)


def _warn_of_reached(
    plan: SearchPlan,
    trials: Sequence[Trial],
    settings: Mapping[str, Any],
    watcher: SearchWatcher,
) -> None:
    """Warn if a study has as many trials, or has taken as long, as it is now to."""
    most, seconds = settings.get("trials"), plan.settings.seconds
    if most is not None and len(trials) >= most:
        watcher.warn(
            f"search.trials={most}: the study has {counted(len(trials), 'trial')} already; "
            "no more are drawn, and none is dropped"
        )
    spent = max((one.seconds for one in trials), default=0.0)
    if "budget" in settings and seconds is not None and spent >= seconds:
        watcher.warn(
            f"search.budget={settings['budget']}: the study has taken {spent:.1f} s already, which "
            "count; no more are trained"
        )


def open_study(folder: Path) -> StudyFolder:
    """Return a study; raise RunError if the folder holds none."""
    study = StudyFolder(folder)
    if not study.study.is_file():
        kind = "there is no such folder" if not folder.exists() else "it has no " + STUDY
        raise RunError(f"{folder}: is not a study: {kind}; `bpnet search CONFIG` makes one")
    return study


def train_pass(
    folder: Path, generation: int, position: int, seconds: float = math.inf
) -> list[Trial]:
    """Train a pass of a study, by the files of the study alone, and return what it has found.

    It notes nothing: it may be called in any process that sees the folder. `seconds` are what is
    left of the time budget.
    """
    study = StudyFolder(folder)
    plan = _saved_plan(study, study.read())
    drawn = study.generations()[generation - 1].passes[position]
    earlier = [one for one in _store(study, plan).read() if one.generation < generation]
    rows = TrialRows(plan.base, folder)
    now = _stopwatch(earlier)
    clock = Clock(now, now() + seconds)
    return train_trials(plan, rows, drawn, earlier, generation=generation, clock=clock)


def _train_task(folder: Path, seconds: float, task: "_Task") -> list[Trial]:
    """Train a pass as a worker, on one thread."""
    with permitted_threads(1):
        return train_pass(folder, task.generation, task.position, seconds)


def _stopwatch(trials: Sequence[Trial]) -> Callable[[], float]:
    """Return the time of a study: that of the trials so far, and what passes from now on."""
    before, start = max((trial.seconds for trial in trials), default=0.0), time.perf_counter()
    return lambda: before + time.perf_counter() - start


def _store(study: StudyFolder, plan: SearchPlan) -> TrialStore:
    if plan.settings.sampler == "tpe":
        return optuna.TrialJournal(study.journal, plan.space, maximizes=plan.maximizes)
    return TrialLog(study.trial_log)


def _write_study(
    study: StudyFolder, source: Source, plan: SearchPlan, digest: str, command: Sequence[str]
) -> None:
    base = plan.base
    write_text(study.config, yaml_text(source.data))
    folder = os.path.relpath(os.path.realpath(base.folder), os.path.realpath(study.folder))
    content = {
        "kind": "search",
        "bpnet": __version__,
        "status": "running",
        "command": list(command),
        "data_sha256": digest,
        "metric": plan.metric,
        "part": plan.part,
        "seed": plan.seed,
        "settings": asdict(plan.settings),
        "space": plan.space.to_data(),
        "config": _compared(source),
        "base": yaml_text(base.data),
        "file": base.name,
        "folder": Path(folder).as_posix(),
        "texts": [[list(path), text] for path, text in base.texts.items()],
        "best": None,
    }
    write_json(study.study, content)


def _saved_plan(study: StudyFolder, content: Mapping[str, Any]) -> SearchPlan:
    """Return the plan that study.json describes; raises RunError."""
    try:
        base = parse_source(content["base"], content["file"], study.folder / content["folder"])
        texts = {tuple(path): text for path, text in content["texts"]}
        settings = Search(**content["settings"])
        plan = SearchPlan(
            replace(base, texts=texts),
            settings,
            Space.from_data(content["space"]),
            content["metric"],
            content["seed"],
        )
    except (KeyError, TypeError, ValueError):
        raise RunError(
            f"{study.study}: does not describe the study; restore it from a copy"
        ) from None
    if settings.sampler == "tpe":
        optuna.require(f"{study.folder}: its study")
    return plan


def _compared(source: Source) -> dict[str, Any]:
    """Return the keys of a config that all processes of a study must agree on."""
    data = dict(source.data)
    section = {
        key: one for key, one in (data.get("search") or {}).items() if key not in _PER_PROCESS
    }
    data.pop("search", None)
    return {**data, **({"search": section} if section else {})}


def _check_config(study: StudyFolder, content: Mapping[str, Any], source: Source) -> None:
    """Raise UsageError with the differences if a config is not that of the study."""
    ours, theirs = _flat(_compared(source)), _flat(content.get("config") or {})
    differences = [
        f"{key} is {ours.get(key, 'not set')!r}, and in the study {theirs.get(key, 'not set')!r}"
        for key in dict.fromkeys([*theirs, *ours])
        if ours.get(key) != theirs.get(key) and key != "dataset.path"
    ]
    if differences:
        raise UsageError(
            [
                *(f"--join {study.folder}: {one}" for one in differences),
                f"--join {study.folder}: the study is of another config; join it with its own, "
                f"{study.config}, or begin another study without --join",
            ]
        )


def _check_given(study: StudyFolder, content: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise UsageError if options give a study that there is another end."""
    settings = content.get("settings") or {}
    for name, value in given.items():
        own = settings.get(name)
        if _end(name, own) != _end(name, value):
            raise UsageError(
                f"--join {study.folder}: --{name} {value} is not the study's, "
                f"{'which has none' if own is None else f'{own}'}; leave it out to take part, or "
                f"give the study another end once it has ended: bpnet resume "
                f"{shell_path(study.folder)} --set search.{name}={value}"
            )


def _end(name: str, value: Any) -> Any:
    """Return a number of trials, or the seconds of a budget."""
    return budget_seconds(value) if name == "budget" and value is not None else value


def _flat(data: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(data, Mapping) or not data:
        return {path: data}
    return {
        key: value
        for name, inner in data.items()
        for key, value in _flat(inner, f"{path}.{name}" if path else str(name)).items()
    }


@dataclass
class _Search:
    """The work of one process on a study."""

    study: StudyFolder
    plan: SearchPlan
    rows: TrialRows
    watcher: SearchWatcher
    store: TrialStore = field(init=False)
    clock: Clock = field(init=False)

    def run(self) -> SearchResult:
        """Search to the end, and train the best; see `search`."""
        try:
            self.store = _store(self.study, self.plan)
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
        given: dict[str, Any] = {name: settings.get(name) for name in _PER_PROCESS}
        if given == {name: getattr(ours, name) for name in _PER_PROCESS}:
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
            return optuna.LearningSampler(
                plan.space,
                trials,
                maximizes=plan.maximizes,
                seed=plan.seed,
                generation=generation,
            )
        return EvenSampler(plan.space, plan.seed, sobol=plan.settings.sampler != "random")


@dataclass(frozen=True)
class _Task:
    """A pass to train."""

    generation: int
    position: int
    drawn: Sequence[Drawn]


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


def trials_setting(trials: int | None = None, budget: str | None = None) -> dict[str, Any]:
    """Return the settings of a search that options give, checked; raise UsageError."""
    given = {"trials": trials, "budget": budget}
    settings = {key: value for key, value in given.items() if value is not None}
    try:
        Search(budget=budget)
    except ValueError as error:
        raise UsageError(f"--budget {error}") from None
    return settings
