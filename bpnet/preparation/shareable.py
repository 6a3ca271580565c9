"""The check that several processes can train a config's network together."""

from collections.abc import Iterator

from bpnet.config.yaml_tree import KeyPath
from bpnet.engine.ranks import Ranks
from bpnet.errors import ConfigError
from bpnet.messages import byte_size, counted
from bpnet.preparation.fit import FittedDataset

ALONE = "train it in one process, without mpiexec"


def check_shareable(fitted: FittedDataset, ranks: Ranks) -> None:
    """Raise ConfigError if the training cannot be shared by these processes."""
    loaded = fitted.split.loaded
    problems = [loaded.problem(path, text) for path, text in _problems(fitted, ranks)]
    if problems:
        raise ConfigError(problems)


def _problems(fitted: FittedDataset, ranks: Ranks) -> Iterator[tuple[KeyPath, str]]:
    """Yield the key of each obstacle, with what follows it in a message."""
    training, n = fitted.config.training, ranks.size
    optimizer = training.optimizer
    if optimizer.full_batch or optimizer.searches:
        yield (
            ("training", "optimizer"),
            f"is {optimizer.kind}, which takes more than the gradient of a step; choose another, "
            f"such as --set training.optimizer=adam, or {ALONE}",
        )
    if training.lazy_embeddings:
        yield (
            ("training", "lazy_embeddings"),
            "is true, but processes add up whole gradients: --set training.lazy_embeddings=false, "
            f"or {ALONE}",
        )
    for kind in dict.fromkeys(one.kind for one in fitted.resolved.layers if one.needs_whole_batch):
        yield (
            ("architecture",),
            f"has a layer {kind}, which needs all rows of a batch; leave it out, or {ALONE}",
        )
    for part, rows in fitted.split.parts.items():
        if 0 < len(rows) < n:
            yield (
                ("dataset", "split"),
                f"leaves {counted(len(rows), 'row')} for {part}, fewer than the {n} processes; "
                f"start fewer: mpiexec -n {len(rows)}, or {ALONE}",
            )
    batch = training.batch_size
    if batch != "full" and batch < n <= len(fitted.split.parts["train"]):
        yield (
            ("training", "batch_size"),
            f"is {batch}, so that some of {n} processes have none of a step's rows; enlarge it: "
            f"--set training.batch_size={max(32, 8 * n)}, or {ALONE}",
        )
    if fitted.storage == "disk":
        whole, share = byte_size(fitted.bytes), byte_size(fitted.bytes // n)
        yield (
            ("dataset", "storage"),
            f"is {fitted.config.dataset.storage}, which keeps the encoded rows ({whole}) on disk, "
            f"where processes cannot share them; keep them in memory, about {share} in each: "
            f"--set dataset.storage=memory, or {ALONE}",
        )
