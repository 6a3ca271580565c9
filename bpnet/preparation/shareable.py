"""The check that several processes can train a config's network together."""

from collections.abc import Iterable, Iterator

from bpnet.config.loading import LoadedConfig
from bpnet.config.schema import Config
from bpnet.config.yaml_tree import KeyPath
from bpnet.engine.ranks import Ranks
from bpnet.errors import ConfigError
from bpnet.messages import byte_size, counted
from bpnet.preparation.fit import FittedDataset

ALONE = "train it in one process, without mpiexec"


def check_shareable_config(loaded: LoadedConfig, ranks: Ranks) -> None:
    """Raise ConfigError if a config's training cannot be shared, whatever its table."""
    _check(loaded, _problems_of(loaded.config, ranks.size))


def check_shareable(fitted: FittedDataset, ranks: Ranks) -> None:
    """Raise ConfigError if the training on a dataset cannot be shared by these processes."""
    problems = [*_problems_of(fitted.config, ranks.size), *_problems(fitted, ranks.size)]
    _check(fitted.split.loaded, problems)


def _check(loaded: LoadedConfig, problems: Iterable[tuple[KeyPath, str]]) -> None:
    if texts := [loaded.problem(path, text) for path, text in problems]:
        raise ConfigError(texts)


def _problems_of(config: Config, n: int) -> Iterator[tuple[KeyPath, str]]:
    """Yield the key of each obstacle in a config, with what follows it in a message."""
    training = config.training
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
    layers = config.architecture.layers or []
    for kind in dict.fromkeys(one.kind for one in layers if one.needs_whole_batch):
        yield (
            ("architecture", "layers"),
            f"has a layer {kind}, which needs all rows of a batch; leave it out, or {ALONE}",
        )
    batch = training.batch_size
    if batch != "full" and batch < n:
        yield (
            ("training", "batch_size"),
            f"is {batch}, so that some of {n} processes have none of a step's rows; enlarge it: "
            f"--set training.batch_size={max(32, 8 * n)}, or {ALONE}",
        )
    if config.dataset.storage == "disk":
        yield (
            ("dataset", "storage"),
            "is disk, where processes cannot share the encoded rows; keep them in memory, a part "
            f"in each: --set dataset.storage=memory, or {ALONE}",
        )


def _problems(fitted: FittedDataset, n: int) -> Iterator[tuple[KeyPath, str]]:
    """Yield the obstacles in the rows of a dataset, as `_problems_of`."""
    for part, rows in fitted.split.parts.items():
        if 0 < len(rows) < n:
            yield (
                ("dataset", "split"),
                f"leaves {counted(len(rows), 'row')} for {part}, fewer than the {n} processes; "
                f"start fewer: mpiexec -n {len(rows)}, or {ALONE}",
            )
    if fitted.storage == "disk" and fitted.config.dataset.storage != "disk":
        whole, share = byte_size(fitted.bytes), byte_size(fitted.bytes // n)
        yield (
            ("dataset", "storage"),
            f"is {fitted.config.dataset.storage}, which keeps the encoded rows ({whole}) on disk, "
            f"where processes cannot share them; keep them in memory, about {share} in each: "
            f"--set dataset.storage=memory, or {ALONE}",
        )
