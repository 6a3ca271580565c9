"""The schema of a config: typed sections around the engine's own components."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from bpnet.config.budget import POSITIVE, budget_seconds
from bpnet.config.checkpoint import Checkpoint
from bpnet.config.dataset_schema import Dataset, Preprocessing
from bpnet.config.pack import MOST_DRAWS, Pack
from bpnet.config.search import Search
from bpnet.config.task import Task
from bpnet.engine.activations import AnyActivation
from bpnet.engine.component import Component, FieldError, choice, number
from bpnet.engine.initializers import AnyInitializer, Zeros
from bpnet.engine.layers import AnyLayer
from bpnet.engine.loop.settings import Training
from bpnet.messages import first_repeated

Calibration = Literal["temperature", "isotonic", "none"]
Draws = Annotated[int, Field(ge=2, le=MOST_DRAWS)]
PresetName = Literal["fast", "default", "best"]
TrackerName = Literal["tensorboard", "mlflow", "dvc"]


@dataclass(frozen=True, kw_only=True)
class Output(Component):
    """The output layer: dense, with units that follow from the target."""

    activation: AnyActivation | None = choice(None)
    """Function f of the output. By default it suits the loss: softmax or sigmoid for classes,
    identity for numbers. Example: `activation: sigmoid`.
    """
    bias: bool = True
    """Add a trained bias to each output."""
    initializer: AnyInitializer | None = choice(None)
    """First values of the weights. By default they suit the activation, as in a dense layer.
    Example: `initializer: he_normal`.
    """
    bias_initializer: AnyInitializer = choice(Zeros())
    """First values of the biases."""


@dataclass(frozen=True, kw_only=True)
class Architecture(Component):
    """The network between the columns and the target.

    Either `layers`, or in short `hidden`, the units of each dense layer, with one `activation` and
    one rate of `dropout` for all.
    """

    layers: list[Annotated[AnyLayer, Field(discriminator="kind")]] | None = None
    """Hidden layers from the inputs on, instead of `hidden` and what goes with it. With --set the
    first is layers.0, and layers.0.units are its units.
    Example: `layers: [{kind: dense, units: 32, activation: relu}, dropout]`.
    """
    hidden: list[Annotated[int, Field(ge=1)]] | None = None
    """Units of each hidden dense layer. By default [64, 64]; an empty list makes a linear model.
    Example: `hidden: [32, 16]`.
    """
    activation: AnyActivation | None = choice(None)
    """Activation of every layer of `hidden`. By default relu. Example: `activation: tanh`."""
    dropout: float = number(0.0, ge=0, lt=1)
    """Rate of dropout after every layer of `hidden`: the probability that a unit is left out of a
    step of training. Example: `dropout: 0.1`.
    """
    output: Output | None = field(default_factory=Output)
    """Output layer, whose units follow from the target. With null none is added: the last of
    `layers` is the output, and needs as many units as the target. Example: `output: {bias: false}`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        short = {"hidden": self.hidden, "activation": self.activation, "dropout": self.dropout}
        others = [name for name, value in short.items() if value]
        if self.layers is not None and others:
            removed = " ".join(
                f"--set architecture.{name}={'0' if name == 'dropout' else 'null'}"
                for name in others
            )
            raise FieldError(
                "layers",
                f"and {others[0]} are both set; keep one of the two: "
                f"--set architecture.layers=null removes the layers, {removed} removes the other",
            )
        if self.output is None and not self.layers:
            raise FieldError(
                "output", "is null, but there are no layers to take its place; name some in layers"
            )


@dataclass(frozen=True, kw_only=True)
class MemberDataset(Component):
    """The part of `dataset` in which members may differ."""

    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    """Encoding of the columns as inputs of the member's networks."""


@dataclass(frozen=True, kw_only=True)
class Member(Component):
    """One kind of network in an ensemble: the keys in which it differs from the config around."""

    name: Annotated[str, Field(min_length=1)] | None = None
    """Name of the member in tables and logs. By default its number. Example: `name: linear`."""
    dataset: MemberDataset = field(default_factory=MemberDataset)
    """Encoding of the columns, under `preprocessing`.
    Example: `dataset: {preprocessing: {numeric: quantile_normal}}`.
    """
    architecture: Architecture = field(default_factory=Architecture)
    """The network between the columns and the target. Example: `architecture: {hidden: []}`."""
    training: Training = field(default_factory=Training)
    """The training of the network. Example: `training: {learning_rate: 0.1}`."""
    pack: Draws | Pack | None = None
    """Draws of the member's settings, in place of those of the config around it.
    Example: `pack: 8`.
    """

    @property
    def draws(self) -> int:
        """Number of settings that the member trains with."""
        return count_draws(self.pack)


@dataclass(frozen=True, kw_only=True)
class Config(Component):
    """One training run: everything that decides its result."""

    extends: str | list[str] | None = None
    """Config that this file completes, relative to it, or several, of which the later count. Of a
    key in both this file's value counts; mappings are merged, lists replaced.
    Example: `extends: base.yaml`.
    """
    name: str | None = None
    """Name of the run, whose directory is then runs/NAME-001. By default the name of the config
    file. Example: `name: flowers`.
    """
    seed: int = number(0, ge=0, lt=2**32)
    """Seed of all that is random: the split, the first weights, the order of the rows and dropout.
    Example: `seed: 1`.
    """
    replicas: int = number(1, ge=1)
    """Number of networks to train in one pass, with the seeds `seed`, `seed` + 1 and so on. Their
    predictions are averaged. Example: `replicas: 8`.
    """
    task: Task | None = None
    """Kind of prediction. By default it follows from the target: text, or at most 20 whole numbers
    that recur, are classes; several columns that are true or not are labels; other numbers are a
    regression. Example: `task: regression`.
    """
    dataset: Dataset
    """The table: its target and features, and how its rows are read, split and encoded.
    Example: `dataset: {path: flowers.csv, target: species}`.
    """
    architecture: Architecture = field(default_factory=Architecture)
    """The network between the columns and the target.
    Example: `architecture: {hidden: [32, 16], activation: tanh}`.
    """
    training: Training = field(default_factory=Training)
    """The training of the network. Example: `training: {epochs: 300, learning_rate: 0.01}`."""
    preset: PresetName | None = None
    """Settings that suit the table, for the keys that this config leaves out. fast trains a small
    network on four folds, default several kinds, best more. A config without any key of network and
    training has the preset default; null is none. Example: `preset: fast`.
    """
    folds: int | None = number(None, ge=2, le=100)
    """Number of parts of the training rows, each held out from one of as many networks, which train
    in one pass. Their predictions for the rows that they have not seen choose the epoch, and the
    model predicts with all. By default there are none. Example: `folds: 8`.
    """
    refit: bool = False
    """Train again on all training rows, for as many epochs as the folds have chosen: one network,
    or as many as `replicas`, which predict in place of those of the folds.
    Example: `folds: 5, refit: true`.
    """
    members: Annotated[list[Member], Field(min_length=1)] | None = None
    """Kinds of network over the same folds, each with the keys of `architecture`, `training` and
    `dataset.preprocessing` in which it differs from this config; weights that suit held-out rows
    blend their predictions.
    Example: `folds: 5, members: [{name: linear, architecture: {hidden: []}}, {name: deep}]`.
    """
    pack: Draws | Pack | None = None
    """Train each member with settings drawn at random, all in one pass, and blend those that
    together predict best the rows held out: a number of draws, or a mapping. By default each member
    has one setting. Example: `pack: 16`.
    """
    budget: Annotated[float, POSITIVE] | str | None = None
    """Time that training may take, in seconds or with s, m or h: what would begin later is left
    out, and a network that still trains then keeps its best epoch. One check of held-out rows is
    always waited for. By default there is no limit. Example: `budget: 10m`.
    """
    search: Search | None = None
    """Space and settings of `bpnet search`; other commands do not read them.
    Example: `search: {trials: 100}`.
    """
    rounds: int = number(1, ge=1, le=100)
    """Times that all members train: each round draws other folds, and all are blended. Rounds for
    which a budget leaves no time are left out. Example: `folds: 5, rounds: 3`.
    """
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    """Rhythm of the saved states of training. Example: `checkpoint: {every_seconds: 300}`."""
    calibration: Calibration | None = None
    """Correction of probabilities by held-out rows: temperature makes all more or less certain,
    isotonic fits a rising curve to each class. Numbers are drawn toward their mean. By default
    temperature where there are folds, else none. Example: `calibration: isotonic`.
    """
    logging: list[TrackerName] = field(default_factory=list)
    """Trackers that are told of the training: tensorboard writes event files, mlflow sends a run to
    MLflow, dvc writes the files of DVCLive. By default none. Example: `logging: [tensorboard]`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if twice := first_repeated(self.logging):
            raise FieldError("logging", f"names {twice[0]} twice; name each tracker once")
        if self.extends is not None:  # in a file it has been followed
            raise FieldError(
                "extends", "is for a file only; write it there, and set single keys of it here"
            )
        if self.seed + self.replicas > 2**32:
            raise FieldError(
                "replicas",
                f"is {self.replicas}, but seeds end before {2**32}; lower seed or replicas",
            )
        if self.budget is not None:
            try:
                budget_seconds(self.budget)
            except ValueError as error:
                raise FieldError("budget", str(error)) from None
        packs = [self.pack, *(member.pack for member in self.members or [])]
        if self.refit and any(pack is not None for pack in packs):
            raise FieldError(
                "refit",
                "is true, but the networks of a pack predict with those of the folds; "
                "leave out one of the two: --set refit=false, or --set pack=null",
            )
        if self.folds is None and self.preset in (None, "fast"):
            for key, given in (
                ("members", bool(self.members)),
                ("refit", self.refit),
                ("rounds", self.rounds > 1),
            ):
                if given:
                    raise FieldError(key, "needs folds, such as --set folds=5")
        trainings = [self.training, *(member.training for member in self.members or [])]
        if self.folds is not None and any(one.snapshots is not None for one in trainings):
            raise FieldError(
                "folds",
                f"is {self.folds}, but only a training without folds keeps snapshots; leave out "
                "one of the two: --set training.snapshots=null, or --set folds=null",
            )
        if self.rounds > 1 and self.refit:
            raise FieldError(
                "rounds",
                f"is {self.rounds}, but refit trains one network on all rows, of which no folds "
                "are drawn; leave out one of the two: --set rounds=1, or --set refit=false",
            )
        names = self.member_names
        if twice := first_repeated(names):
            raise FieldError(
                "members",
                f"names '{twice[0]}' twice; give each member a name of its own (by default it is "
                "its number)",
            )
        networks = self.networks * self.rounds
        if self.folds is not None and self.seed + networks > 2**32:
            raise FieldError(
                "folds",
                f"is {self.folds}, which makes {networks} networks, but seeds end before "
                f"{2**32}; lower seed",
            )
        if self.rounds > 1 and self.split_seed + self.rounds * self.replicas > 2**32:
            raise FieldError(
                "rounds",
                f"is {self.rounds}, and each draws folds by a seed from {self.split_seed} on, but "
                f"seeds end before {2**32}; lower dataset.split.seed",
            )

    @property
    def member_names(self) -> list[str]:
        """The name of each member; by default its number, from 1."""
        return [member.name or str(k) for k, member in enumerate(self.members or [], start=1)]

    @property
    def networks(self) -> int:
        """Number of networks that are trained: of each draw one for each fold and replica."""
        members = [self.draws] if self.members is None else [one.draws for one in self.members]
        return self.networks_each * sum(members)

    @property
    def networks_each(self) -> int:
        """Number of networks of each draw, one for each fold and replica."""
        return self.replicas * (self.folds or 1)

    @property
    def draws(self) -> int:
        """Number of settings that each member without a pack of its own trains with."""
        return count_draws(self.pack)

    @property
    def seconds(self) -> float | None:
        """The time budget in seconds; None if there is no limit."""
        return None if self.budget is None else budget_seconds(self.budget)

    @property
    def seeds(self) -> list[int]:
        """The seed of each network of a member: `seed` and those that follow it."""
        return list(range(self.seed, self.seed + self.networks_each))

    @property
    def validates(self) -> bool:
        """True if there are rows outside the training rows of each network to choose epochs by."""
        return self.folds is not None or self.dataset.split.validates

    @property
    def split_seed(self) -> int:
        """The seed that draws the rows of each part."""
        seed = self.dataset.split.seed
        return self.seed if seed is None else seed


def count_draws(pack: int | Pack | None) -> int:
    """Return the number of settings of a pack, 1 if there is none."""
    return 1 if pack is None else pack if isinstance(pack, int) else pack.draws
