"""Networks of one input that were never trained: models to save, combine and predict with."""

from collections.abc import Sequence

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.columns import NumericColumn
from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.reading.settings import Reading
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.engine.activations import Tanh
from bpnet.engine.layers import Dense
from bpnet.engine.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from bpnet.models.description import Description
from bpnet.models.model import Model

PLAIN = LinearScaler(by="none", subtract=0.0, divide=1.0)
THREE = Classes(name="y", classes=["a", "b", "c"])
TWO = Classes(name="y", classes=["no", "yes"])
LABELS = Labels(names=["u", "v"])
QUANTITIES = Quantities(
    names=["p", "q"],
    scales=[
        LinearScaler(by="standardize", subtract=100.0, divide=5.0),
        LinearScaler(by="standardize", subtract=-2.0, divide=0.1),
    ],
)


def describe(target: AnyTarget, seeds: Sequence[int] = (0,), *, outputs: int = 0) -> Description:
    """Describe a network of one input, by default with an output for each class or name."""
    column = NumericColumn(name="x", scale=PLAIN, fill=0.0, lowest=-1.0, highest=1.0)
    classes = isinstance(target, Classes)
    outputs = outputs or len(target.classes if classes else target.names)
    loss = SquaredError()
    if not isinstance(target, Quantities):
        loss = CrossEntropy() if classes and outputs > 1 else BinaryCrossEntropy()
    task = "classification" if classes else "regression"
    return Description(
        bpnet="0",
        task="multilabel" if isinstance(target, Labels) else task,
        encoder=Encoder(columns=[column]),
        target=target,
        layers=[Dense(units=4, activation=Tanh()), Dense(units=outputs)],
        output_activation=loss.link,
        loss=loss,
        metrics=[],
        l1=0.0,
        l2=0.0,
        class_weight=None,
        sample_weight=None,
        precision="float64",
        reading=Reading(),
        seeds=list(seeds),
    )


def untrained(target: AnyTarget, seeds: Sequence[int] = (0,), *, outputs: int = 0) -> Model:
    """Return networks with freshly drawn weights, one for each seed."""
    description = describe(target, seeds, outputs=outputs)
    return Model(description, description.network())
