"""A model of data-parallel training: fitted at 1 and 2 processes, checked by a simulation.

python tests/benchmarks/scale_model.py             what it predicts, beside the simulation
python tests/benchmarks/scale_model.py --measure   first measure this machine (needs the extra mpi)

A step of n processes takes

  T(n) = fixed + optimizer + row ⌈B / n⌉ (1 + jitter √(2 ln n)) + stall (1 - (1 - chance)ⁿ)
         + sum(n):

what each process does alone, the optimizer's pass over all weights, a process's share of the
batch's B rows, the wait for the slowest of n, that for one that stands still, and the sum of
gradients of S bytes. Processes that share memory take an nth of the optimizer each, and gather the
weights in about the time of a sum. A message takes α + bytes / β; MPI takes the fastest of three
algorithms:

  recursive doubling      ⌈log₂ n⌉ (α + S / β)
  halving and doubling    2 ⌈log₂ n⌉ α + 2 (n - 1) / n S / β     (Rabenseifner 2004)
  ring                    2 (n - 1) (α + S / (n β))
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Network:
    """What connects the processes: a latency α in seconds, and β in bytes a second."""

    name: str
    latency: float
    bandwidth: float
    in_memory: bool = False

    def sum_seconds(self, n: int, size: float) -> float:
        """Return the time in which n processes add up an array of `size` bytes."""
        if n == 1:
            return 0.0
        rounds, one = math.ceil(math.log2(n)), size / self.bandwidth
        return min(
            rounds * (self.latency + one),
            2 * rounds * self.latency + 2 * (n - 1) / n * one,
            2 * (n - 1) * (self.latency + one / n),
        )


@dataclass(frozen=True)
class Job:
    """A training's step: seconds of each row, the rest and the optimizer; the gradient's bytes."""

    rows: int
    row: float
    fixed: float
    optimizer: float
    size: float
    jitter: float = 0.02
    """The standard deviation of a process's time, as a share of it."""
    stall: float = 0.01
    chance: float = 1e-3
    """A process stands still for so many seconds, with this chance in a step."""

    def step_seconds(self, n: int, network: Network) -> float:
        """Return the expected time of a step of n processes."""
        slowest = 1 + self.jitter * math.sqrt(2 * math.log(n))
        share = self.row * math.ceil(self.rows / n)
        stalls = self.stall * (1 - (1 - self.chance) ** n)
        return self.alone(n, network) + share * slowest + stalls + self.messages(n, network)

    def alone(self, n: int, network: Network) -> float:
        """Return the time of what no rows are needed for."""
        return self.fixed + self.optimizer / (n if network.in_memory else 1)

    def messages(self, n: int, network: Network) -> float:
        """Return the time of the sum of gradients, and of gathering weights in memory."""
        return network.sum_seconds(n, self.size) * (2 if network.in_memory else 1)

    def factor(self, n: int, network: Network) -> float:
        """Return how many times as fast n processes are as one."""
        return self.step_seconds(1, network) / self.step_seconds(n, network)


def simulate(job: Job, network: Network, n: int, steps: int, seed: int = 0) -> float:
    """Return the mean time of a step, message by message, with processes that vary at random.

    The ring is simulated as it is: in each of 2 (n - 1) rounds a process sends on a part of the
    array as soon as it has that of the one before it. Shorter messages are doubled recursively.
    """
    random = np.random.default_rng(seed)
    clock = np.zeros(n)
    rounds = math.ceil(math.log2(n)) if n > 1 else 0
    one = job.size / network.bandwidth
    ring = 2 * (n - 1) * (network.latency + one / n) if n > 1 else 0.0
    for _ in range(steps):
        share = job.row * math.ceil(job.rows / n)
        clock += job.alone(n, network) + share * random.normal(1, job.jitter, n).clip(0.5)
        clock += job.stall * (random.random(n) < job.chance)
        if n == 1:
            continue
        if ring <= network.sum_seconds(n, job.size) * (1 + 1e-9):
            for _ in range(2 * (n - 1)):
                clock = np.maximum(clock, np.roll(clock, 1)) + network.latency + one / n
            continue
        halving = 2 * rounds * network.latency + 2 * (n - 1) / n * one < rounds * (
            network.latency + one
        )
        parts = [one / 2 ** (k + 1) for k in range(rounds)]
        messages = [*parts, *reversed(parts)] if halving else [one] * rounds
        places = np.arange(n)
        for k, message in enumerate(messages):
            distance = 1 << (k % rounds if k < rounds else len(messages) - 1 - k)
            partner = places ^ distance
            partner = np.where(partner < n, partner, places)  # those beyond a power of 2
            clock = np.maximum(clock, clock[partner]) + network.latency + message
    return float(clock.max() / steps)


MEASURED = {
    "rows": {"512": 0.0849, "256": 0.0489},
    "optimizer": 0.0067,
    "two": 0.0500,
    "sums": {"4": 7.6e-6, "120000": 54e-6, "23298104": 0.54e-3},
    "size": 23_298_104,
}
"""Seconds of a step of the job `wide` (2048-2048-10, float32, Adam) with one process for a batch of
so many rows, of its optimizer, with two for 512, and of sums of so many bytes by two; the largest
is that of the gradients, in memory that both share. BLAS has one thread."""


def fitted(measured: dict) -> tuple[Job, Network]:
    """Return the job `wide`, and this machine's memory as a network, from measurements."""
    whole, half = measured["rows"]["512"], measured["rows"]["256"]
    row = (whole - half) / 256
    sums = {int(size): seconds for size, seconds in measured["sums"].items()}
    least, most = min(sums), max(sums)
    network = Network("this machine", sums[least], most / (sums[most] - sums[least]), True)
    optimizer = measured["optimizer"]
    return Job(512, row, whole - 512 * row - optimizer, optimizer, measured["size"]), network


def measure() -> dict:
    """Measure this machine: the steps of one process and of two, and their sums."""
    found: dict = {"rows": {}, "sums": {}}
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or "mpiexec"
    worker = [sys.executable, __file__, "--worker"]
    for rows in (512, 256):
        one = json.loads(_output([*worker, str(rows)]))
        found["rows"][str(rows)], found["optimizer"] = one["step"], one["optimizer"]
    two = json.loads(_output([mpiexec, "-n", "2", *worker, "512"]))
    return {**found, "two": two["step"], "sums": two["sums"], "size": two["size"]}


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def work(batch: int) -> None:
    """Train 12 steps of the job `wide` in this process, or with the others of mpiexec; print."""
    from suite_jobs import generated
    from threadpoolctl import threadpool_limits

    from bpnet.engine.activations import Relu
    from bpnet.engine.layers import Dense
    from bpnet.engine.loop.batches import Rows
    from bpnet.engine.loop.fit import fit
    from bpnet.engine.loop.replica_optimizer import replica_optimizers
    from bpnet.engine.loop.settings import Training
    from bpnet.engine.loop.sharded_rows import ShardedRows
    from bpnet.engine.losses import CrossEntropy
    from bpnet.engine.network import Network as Trained
    from bpnet.integrations.mpi import joined

    table = generated(12 * batch, 784, 10)
    rows = Rows(table.x, np.eye(10, dtype=np.float32)[table.labels])
    layers = [Dense(units=2048, activation=Relu()), Dense(units=2048, activation=Relu())]
    network = Trained([*layers, Dense(units=10)], 784, seeds=[0])
    training = Training(
        loss=CrossEntropy(), learning_rate=0.0002, epochs=2, batch_size=batch, precision="float32"
    )
    with joined() as world, threadpool_limits(1):
        if world is not None:
            world.share_memory(network)
        times = []
        fitting = fit(training, network, rows if world is None else ShardedRows.of(rows, world))
        for _ in range(training.epochs):
            start = time.perf_counter()
            next(fitting)
            times.append((time.perf_counter() - start) / 12)
        sums = {}
        for count in (1, 30_000, network.gradients.whole.size) if world else ():
            whole = network.gradients.whole
            array, each = whole if count == whole.size else np.zeros(count, np.float32), []
            for _ in range(20):
                world.wait()
                start = time.perf_counter()
                world.add_up(array)
                each.append(time.perf_counter() - start)
            sums[4 * count] = float(np.median(each))
        (optimizer,) = replica_optimizers([training], network)
        optimizer.begin_step(0, 1)
        moves = []
        for _ in range(10):
            start = time.perf_counter()
            optimizer.move()
            moves.append(time.perf_counter() - start)
        if world is None or world.leads:
            found = {"step": min(times), "optimizer": min(moves), "sums": sums}
            print(json.dumps({**found, "size": network.gradients.whole.nbytes}))


def main() -> None:
    """Print what the model predicts, beside the simulation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="measure this machine first")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
        return
    measured = measure() if options.measure else MEASURED
    if options.measure:
        print(json.dumps(measured, indent=1))
    wide, here = fitted(measured)
    print(
        f"a row {wide.row * 1e6:.0f} µs, fixed {wide.fixed * 1e3:.1f} ms, the optimizer "
        f"{wide.optimizer * 1e3:.1f} ms, {wide.size / 1e6:.1f} MB"
    )
    print(f"{here.name}: α = {here.latency * 1e6:.1f} µs, β = {here.bandwidth / 1e9:.1f} GB/s")
    print(
        f"2 processes: predicted {wide.step_seconds(2, here) * 1e3:.1f} ms a step, measured "
        f"{measured['two'] * 1e3:.1f} ms: {wide.step_seconds(1, here) / measured['two']:.2f} times"
    )
    networks = [Network("10 Gbit/s", 30e-6, 1.1e9), Network("100 Gbit/s", 2e-6, 11e9)]
    print(
        f"\n{'batch':<9}{'network':<13}{'processes':>9}{'ms a step':>11}{'simulated':>11}"
        f"{'times':>8}"
    )
    for rows in (512, 16_384, 262_144):
        job = replace(wide, rows=rows)
        for network in networks:
            for n in (8, 64, 1000):
                if rows < 4 * n:
                    continue
                predicted = job.step_seconds(n, network)
                simulated = simulate(job, network, n, steps=100 if n < 1000 else 10)
                print(
                    f"{rows:<9,}{network.name:<13}{n:>9}{predicted * 1e3:>11.1f}"
                    f"{simulated * 1e3:>11.1f}{job.factor(n, network):>8.1f}"
                )


if __name__ == "__main__":
    main()
