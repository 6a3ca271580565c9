"""A config resolved for its table: every default filled in, and the network that follows."""

from dataclasses import dataclass

from bpnet.config.schema import Config
from bpnet.config.task import Task
from bpnet.engine.activations import AnyActivation
from bpnet.engine.layers import AnyStoredLayer
from bpnet.engine.losses import AnyLoss
from bpnet.engine.metrics import metric_names


@dataclass(frozen=True)
class ResolvedConfig:
    """A config with every default written out, and the network that it describes for its table."""

    config: Config
    """The config as it is written to the run directory."""
    task: Task
    loss: AnyLoss
    layers: list[AnyStoredLayer]
    """All layers of the network, from the embedding of categories to the output layer."""
    link: AnyActivation
    """The function from the scores of the last layer to predictions.

    If the loss reads logits, it is the output's activation, which the last layer then lacks.
    """
    output_activation: AnyActivation
    """The activation that makes the predictions, whether of the last layer or as the link."""
    inputs: int
    outputs: int
    """Number of scores that the network gives for each row."""
    target_width: int
    """Number of classes, quantities or labels to predict for a row."""

    @property
    def adds_output(self) -> bool:
        """True if an output layer follows the config's layers."""
        return self.config.architecture.output is not None

    def metric_columns(self, *, validated: bool) -> list[str]:
        """Return the names of what is measured in each epoch, in the order of metrics.csv."""
        names = ["loss", *metric_names(self.task, self.config.training.metrics)]
        held_out = [f"val_{name}" for name in names if validated]
        pooled = ["oof_loss"] if self.config.folds is not None else []
        return [*names, *self.config.training.optimizer.figures, *held_out, *pooled]

    def monitored_columns(self, *, validated: bool) -> list[str]:
        """Return those of the `metric_columns` that tell how good a network is."""
        names = ["loss", *metric_names(self.task, self.config.training.metrics)]
        pooled = ["oof_loss"] if self.config.folds is not None else []
        return [*names, *(f"val_{name}" for name in names if validated), *pooled]
