"""The report of suite.py: times, ratios and losses of each job, and the goals that are missed."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

import numpy as np
from measuring import machine
from suite_jobs import Job
from suite_sides import PEERS, Turn, blas_kernels


@dataclass
class Outcome:
    """The turns of one job, for each side."""

    job: str
    threads: int
    steps: int
    replicas: int
    operations: int
    turns: dict[str, list[Turn]]
    """Those of bpnet are of all its replicas together."""
    matmul_rates: list[float] = field(default_factory=list)
    """The machine's rate (GFLOP/s) at each of bpnet's turns."""

    @property
    def peers(self) -> list[str]:
        """The sides but bpnet."""
        return [side for side in self.turns if side != "bpnet"]

    def ratios(self, peer: str) -> list[float]:
        """Return how many times longer the peer took, turn by turn."""
        pairs = zip(self.turns["bpnet"], self.turns[peer], strict=True)
        return [theirs.seconds / (ours.seconds / self.replicas) for ours, theirs in pairs]

    def seconds(self, side: str) -> float:
        """Return the median seconds of a turn."""
        return statistics.median(turn.seconds for turn in self.turns[side])

    def step_time(self, side: str) -> float:
        """Return the median microseconds of a step."""
        parts = self.steps * (self.replicas if side == "bpnet" else 1)
        return self.seconds(side) / parts * 1e6

    def preparing(self, side: str) -> float:
        """Return the most seconds that compiling and preparing took, as without a cache."""
        return max(turn.preparing for turn in self.turns[side])

    def losses(self, side: str) -> list[float]:
        """Return the last loss of each turn."""
        return [turn.loss for turn in self.turns[side]]

    def difference(self) -> float:
        """Return the largest relative difference of a peer's loss from bpnet's."""
        pairs = [
            (a, b)
            for peer in self.peers
            for a, b in zip(self.losses("bpnet"), self.losses(peer), strict=True)
        ]
        return max(
            (abs(a - b) / a if a > 0 and np.isfinite(a + b) else np.inf for a, b in pairs),
            default=0.0,
        )

    def matmul_shares(self) -> list[float]:
        """Return the share of the machine's rate of products at which each turn ran."""
        pairs = zip(self.turns["bpnet"], self.matmul_rates, strict=True)
        return [self.operations / turn.seconds / 1e9 / rate for turn, rate in pairs]


def spread(values: Sequence[float], form: str = "{:.2f}") -> str:
    """Format the median and the range."""
    low, middle, high = (
        form.format(value) for value in (min(values), statistics.median(values), max(values))
    )
    return f"{middle} ({low}–{high})"


def threads_text(threads: int) -> str:
    """Return the number of threads in words."""
    return f"{threads} thread" + "s" * (threads != 1)


def brief(outcome: Outcome) -> str:
    """Return a line for the job, as soon as it is done."""
    times = ", ".join(f"{side} {outcome.seconds(side):.3f} s" for side in outcome.turns)
    return f"{outcome.job}, {threads_text(outcome.threads)}: {times}"


def speedup(outcome: Outcome, done: Sequence[tuple[Job, Outcome]]) -> float | None:
    """Return how many times as fast bpnet was as on one thread, where both are measured."""
    for _, other in done:
        if other.job == outcome.job and other.threads == 1 and outcome.threads == 2:
            return other.seconds("bpnet") / outcome.seconds("bpnet")
    return None


def misses(job: Job, outcome: Outcome, own: float | None) -> list[str]:
    """Return a line for each of the job's goals that is missed."""
    reached = [
        (statistics.median(outcome.ratios(peer)), goal, f"× {peer}")
        for peer, goal in job.goals.items()
        if peer in outcome.turns
    ]
    if job.matmul_share is not None:
        share = statistics.median(outcome.matmul_shares())
        reached.append((share, job.matmul_share, "of the matmul rate"))
    if job.speedup is not None and own is not None:
        reached.append((own, job.speedup, "× its own one thread"))
    return [
        f"{job.title}, {threads_text(outcome.threads)}: {value:.2f} {what}, goal {goal:g}"
        for value, goal, what in reached
        if value < goal
    ]


def table_row(job: Job, outcome: Outcome) -> list[str]:
    """Return a row of the printed table."""
    goals = {peer: f", goal {goal:g}" for peer, goal in job.goals.items()}
    ratios = [spread(outcome.ratios(peer)) + goals.get(peer, "") for peer in outcome.peers]
    times = [f"{outcome.step_time(side):,.1f}" for side in outcome.turns]
    losses = [f"{statistics.median(outcome.losses(side)):.4g}" for side in outcome.turns]
    apart = f"{outcome.difference():.2g} (≤ {job.tolerance:g})"
    return [job.title, str(outcome.threads), *ratios, *times, " / ".join(losses), apart]


def report(done: Sequence[tuple[Job, Outcome]], rates: dict[int, float]) -> bool:
    """Print the table and the missed goals; return whether all losses agree."""
    sides = list(done[0][1].turns)
    libraries = {PEERS[peer].library: PEERS[peer].title for peer in sides[1:]}
    packages = {"sklearn": "scikit-learn"}
    versions = [f"{name} {version(packages.get(name, name))}" for name in ("numpy", *libraries)]
    print(f"{machine()}, {', '.join(versions)}, kernels for {blas_kernels()}\n")
    for threads, rate in rates.items():
        print(f"- float32 matmul, {threads_text(threads)}: {rate:.0f} GFLOP/s")
    for job, outcome in done:
        where = f"{job.name}, {threads_text(outcome.threads)}"
        if job.matmul_share is not None:
            share = spread(outcome.matmul_shares(), "{:.1%}")
            print(f"- {where}: {share} of it, goal {job.matmul_share:.0%}")
        if (own := speedup(outcome, done)) is not None:
            goal = f", goal {job.speedup:g}" if job.speedup else ""
            print(f"- {where}: {own:.2f} × bpnet's one thread{goal}")
        for peer in {"compile", "jax"}.intersection(outcome.peers):
            print(f"- {where}: {peer} took {outcome.preparing(peer):.1f} s to be compiled")
    header = ["job", "threads", *(f"× {peer}" for peer in sides[1:])]
    header += [f"{side} µs/step" for side in sides]
    header += ["loss " + " / ".join(sides), "largest difference"]
    print("\n| " + " | ".join(header) + " |\n" + "|---" + "|--:" * (len(header) - 1) + "|")
    for job, outcome in done:
        print("| " + " | ".join(table_row(job, outcome)) + " |")
    short = [line for job, outcome in done for line in misses(job, outcome, speedup(outcome, done))]
    print("\nShort of the goal:" if short else "\nEvery goal is met.")
    for line in short:
        print(f"- {line}")
    wrong = [(job, outcome) for job, outcome in done if not outcome.difference() <= job.tolerance]
    for job, outcome in wrong:
        losses = ", ".join(f"{side} {spread(outcome.losses(side), '{:.5g}')}" for side in sides)
        print(f"\nThe losses differ, so the times compare nothing: {job.title}, {losses}")
    return not wrong
