"""First weights that depend on training rows, which a network then meets before it trains."""

from bpnet.engine.loop.replica_rows import AnyRows
from bpnet.engine.network import Network

INITIAL_ROWS = 512
"""Largest number of rows that first weights are adapted to."""


def initialize_by_rows(network: Network, rows: AnyRows) -> None:
    """Adapt the first weights to some training rows, each replica's to its own, if any wait for it.

    They are all, up to `INITIAL_ROWS`, else the first of the first epoch.
    """
    if network.awaits_rows:
        batches = rows.batches(INITIAL_ROWS, network.seeds, shuffle=True)
        network.initialize_by(batches.shapes[next(iter(batches.epoch(1)))].x)
