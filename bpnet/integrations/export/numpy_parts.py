"""The parts of a model in NumPy alone: an exported file has the source of those that it needs.

Arrays have a row for each row of the table. What a part is told of the model, such as a layer with
its weights, is a dictionary. Nothing here may use a name that is not NumPy's, the standard
library's, or another part's.
"""

# mypy: disable-error-code="no-any-return"
# (most of NumPy's arithmetic is of any type; casts would be in every exported file)

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import NormalDist
from typing import Any

import numpy as np

from bpnet.data.encoding.dates import share_passed

Array = np.ndarray[Any, np.dtype[Any]]
Part = Mapping[str, Any]


# Cells


def read_numbers(cells: Sequence[Any], column: Part) -> Array:
    """Return cells as numbers, nan for a missing value."""
    values = np.array([read_number(cell, column) for cell in cells], np.float64)
    return np.where(np.isin(values, column["missing_numbers"]), np.nan, values)


def read_number(cell: Any, column: Part) -> float:
    """Return a cell as a number; texts have a decimal point and no other marks."""
    if cell is None or (isinstance(cell, str) and is_missing(cell, column)):
        return math.nan
    value = float(cell)
    if math.isinf(value):
        raise ValueError(f"{cell} is not a finite number")
    return value


def read_days(cells: Sequence[Any], column: Part) -> Array:
    """Return cells as days since 1970-01-01, nan for a missing value."""
    return np.array([read_day(cell, column) for cell in cells], np.float64)


def read_day(cell: Any, column: Part) -> float:
    """Return the days of a cell: a number of them, a date, or the text of one."""
    if cell is None or (isinstance(cell, str) and is_missing(cell, column)):
        return math.nan
    if isinstance(cell, (int, float)):
        return float(cell)
    when = cell if isinstance(cell, datetime) else read_date(str(cell), column)
    if when.tzinfo is not None:
        when = when.astimezone(UTC).replace(tzinfo=None)
    return (when - datetime(1970, 1, 1)).total_seconds() / 86_400


def read_date(text: str, column: Part) -> datetime:
    """Return a date in the format of the training rows, or in ISO 8601."""
    if column["format"]:
        try:
            return datetime.strptime(text, column["format"])
        except ValueError:
            pass
    return datetime.fromisoformat(text)


def is_missing(text: str, column: Part) -> bool:
    """Return whether a text in a column of numbers or dates is a missing value."""
    return not text or text in column["missing"] or text.lower() in column["missing_words"]


# Encoding: from the cells of a column to inputs of the network


def encode(encoder: Part, rows: Sequence[Mapping[str, Any]], dtype: str) -> Array:
    """Return the inputs (rows, inputs) of all columns."""
    encoded = []
    for column in encoder["columns"]:
        try:
            cells = [row[column["name"]] for row in rows]
            encoded.append(COLUMNS[column["kind"]](cells, column))
        except KeyError:
            raise ValueError(f"a row lacks the column '{column['name']}'") from None
        except ValueError as error:
            raise ValueError(f"column '{column['name']}': {error}") from None
    with np.errstate(over="ignore"):
        x = np.hstack(encoded).astype(encoder["dtype"])
    if "unit_rows" in encoder:
        x = unit_rows(x, encoder["unit_rows"]).astype(dtype)
    usable = (np.abs(x) < np.sqrt(np.finfo(x.dtype).max)).all(axis=1)
    if not usable.all():  # not of nan
        raise ValueError(f"row {int(np.argmin(usable)) + 1} has a value that is too large")
    return x


def encode_numbers(cells: Sequence[Any], column: Part) -> Array:
    """Return the scaled number, and what is added to it; a missing value becomes `fill`."""
    values, missing = filled(read_numbers(cells, column), column)
    inputs = [SCALERS[column["scale"]["kind"]](values, column["scale"])[:, None]]
    if "added" in column:
        inputs.append(ADDED[column["added"]["kind"]](values, column["added"]))
    if "frequent" in column:
        frequent = column["frequent"]
        inputs.append(frequent["hot"] * (values[:, None] == frequent["values"]))
    if column["indicator"]:
        inputs.append(missing[:, None])
    return np.hstack(inputs)


def filled(values: Array, column: Part) -> tuple[Array, Array]:
    """Return values with `fill` for those that are missing, and the mask of these."""
    missing = np.isnan(values)
    if column["fill"] is None and missing.any():
        raise ValueError(f"row {int(np.argmax(missing)) + 1} has a missing value")
    return np.where(missing, 0.0 if column["fill"] is None else column["fill"], values), missing


def encode_texts(cells: Sequence[Any], column: Part) -> Array:
    """Return the inputs that each text has, those of any other text if it is not known."""
    known, found = column["texts"], []
    for cell in cells:
        text = "" if cell is None else str(cell)
        found.append(known.get(text, known.get(tidy(text), column["other"])))
    inputs = column["inputs"][found]
    refused = np.isnan(inputs).any(axis=1)
    if refused.any():
        raise ValueError(f"row {int(np.argmax(refused)) + 1} has a missing value")
    return inputs


def tidy(text: str) -> str:
    """Return a text in Unicode's composed form, with plain spaces and none around it."""
    plain = re.sub("[\u00a0\u2007\u202f]", " ", unicodedata.normalize("NFC", text))
    return plain.strip()


def encode_dates(cells: Sequence[Any], column: Part) -> Array:
    """Return the days elapsed, and shares of year, week and day as points on a circle."""
    days, missing = filled(read_days(cells, column), column)
    inputs = []
    for part in column["parts"]:
        if part == "elapsed":
            inputs.append((days - column["mean"]) / column["deviation"])
        else:
            angle = 2 * np.pi * share_passed(days, part)
            inputs += [np.sin(angle), np.cos(angle)]
    if column["indicator"]:
        inputs.append(missing)
    return np.column_stack(inputs)


def linear(values: Array, scale: Part) -> Array:
    """Return (value - subtract) / divide."""
    return (values - scale["subtract"]) / scale["divide"]


def clipped(values: Array, scale: Part) -> Array:
    """Return u / √(1 + (u/3)²), between -3 and 3, with u = (value - subtract) / divide."""
    u = np.clip((values - scale["subtract"]) / scale["divide"], -1e150, 1e150)
    return u / np.sqrt(1 + (u / 3) ** 2)


def ranks(values: Array, scale: Part) -> Array:
    """Return the step that each value is on."""
    return scale["steps"][np.searchsorted(scale["bounds"], values, side="right")]


def to_normal(values: Array, scale: Part) -> Array:
    """Return Φ⁻¹ of the share of training values below, the middle of it for equal ones."""
    quantiles, values = scale["quantiles"], values / scale["unit"]
    shares = np.linspace(0, 1, len(quantiles))
    rising = np.interp(values, quantiles, shares)
    falling = np.interp(-values, -quantiles[::-1], -shares[::-1])
    share = (rising - falling) / 2
    share = np.where(values <= quantiles[0], 0, np.where(values >= quantiles[-1], 1, share))
    if quantiles[0] == quantiles[-1]:
        share[:] = 0.5
    normal = NormalDist()
    return np.array([normal.inv_cdf(p) for p in np.clip(share, 1e-7, 1 - 1e-7).tolist()])


def waves(values: Array, added: Part) -> Array:
    """Return cos(½π w u) and sin(½π w u) for each frequency w, of the clipped number u."""
    u = clipped(values, added["clip"])
    angles = (u[:, None] * (np.pi / 2 * added["frequencies"])).astype(added["dtype"])
    return np.hstack([np.cos(angles), np.sin(angles)])


def bins(values: Array, added: Part) -> Array:
    """Return 2 clip((value - e) / (e' - e), 0, 1) - 1 for each two neighbors e, e' of the edges."""
    edges = added["edges"]
    if not np.isfinite(edges[-1] - edges[0]):  # the differences would overflow
        edges, values = edges / 4, values / 4
    return 2 * np.clip((values[:, None] - edges[:-1]) / np.diff(edges), 0, 1) - 1


def unit_rows(x: Array, positions: Sequence[int]) -> Array:
    """Return the inputs with the numeric ones of each row divided by their length."""
    rows = x[:, positions].astype(np.float64)
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0)
    rows /= np.where(largest == 0, 1, largest)
    length = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    x = x.copy()
    x[:, positions] = rows / np.where(length == 0, 1, length)
    return x


# Layers: x (rows, inputs) to (rows, outputs)


def network(layers: Sequence[Part], x: Array) -> Array:
    """Return the scores of a network: the output of its last layer."""
    for layer in layers:
        x = LAYERS[layer["kind"]](x, layer)
    return x


def member_outputs(member: Part, x: Array) -> list[Array]:
    """Return the outputs of each of a member's networks: probabilities, or values in their unit."""
    outputs = []
    for layers in member["networks"]:
        scores = network(layers, x) / x.dtype.type(member["temperature"])
        output = activate(scores, member["output"]).astype(np.float64)
        if "divide" in member:
            output = output * member["divide"] + member["subtract"]
        elif member["single"]:  # the probability of the second of two classes
            output = np.hstack([1 - output, output])
        outputs.append(output)
    return outputs


def activate(z: Array, activation: Part) -> Array:
    """Return a = f(z)."""
    return ACTIVATIONS[activation["kind"]](z, activation)


def dense(x: Array, layer: Part) -> Array:
    """Return f(W x + b)."""
    z = x @ layer["weight"].T
    if "bias" in layer:
        z = z + layer["bias"]
    return activate(z, layer["activation"])


def dropout(x: Array, _: Part) -> Array:
    """Return x: values are set to 0 in training only."""
    return x


def embedding(x: Array, layer: Part) -> Array:
    """Return the inputs that are not codes, then the vector of each code."""
    vectors = [
        layer[f"table_{k}"][x[:, table["position"]].astype(int)]
        for k, table in enumerate(layer["tables"])
    ]
    codes = [table["position"] for table in layer["tables"]]
    return np.hstack([np.delete(x, codes, axis=1), *vectors])


def batch_normalization(x: Array, layer: Part) -> Array:
    """Return f(γ n + β) with n = (x - mean) / √(variance + epsilon), both of the training rows."""
    n = (x - layer["running_mean"]) / np.sqrt(layer["running_variance"] + layer["epsilon"])
    return activate(layer["gamma"] * n + layer["beta"], layer["activation"])


def layer_normalization(x: Array, layer: Part) -> Array:
    """Return f(γ n + β) with n = (x - mean) / √(variance + epsilon) over each row."""
    mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    n = (x - mean) / np.sqrt(variance + layer["epsilon"])
    return activate(layer["gamma"] * n + layer["beta"], layer["activation"])


def scale(x: Array, layer: Part) -> Array:
    """Return s x."""
    return layer["factor"] * x


def parametric(x: Array, layer: Part) -> Array:
    """Return x + p (f(x) - x)."""
    return x + layer["share"] * (activate(x, layer["activation"]) - x)


def periodic(x: Array, layer: Part) -> Array:
    """Return the inputs, then V cos(2π w x + b) + c of those that have waves."""
    chosen = x if layer["inputs"] is None else x[:, layer["inputs"]]
    turns = (2 * math.pi * chosen)[:, :, None]
    h = np.cos(turns * layer["frequency"] + layer["phase"])  # (rows, n, frequencies)
    e = np.einsum("nsk,rnk->rns", layer["weight"], h) + layer["bias"]
    return np.hstack([x, e.reshape(len(x), -1)])


def equilibrium(x: Array, layer: Part) -> Array:
    """Return y = f(W y + U x + b), relaxed from 0; a row that has settled rests."""
    drive = x @ layer["weight"].T
    if "bias" in layer:
        drive = drive + layer["bias"]
    y = np.zeros_like(drive)
    moving = np.ones((len(y), 1), bool)
    for _ in range(layer["max_steps"]):
        after = activate(y @ layer["recurrent"].T + drive, layer["activation"])
        change = np.abs(after - y).max(axis=1, keepdims=True, initial=0)
        y = np.where(moving, after, y)
        moving &= change > layer["tolerance"]
        if not moving.any():
            break
    outputs = layer["output_units"] or y.shape[1]
    return y[:, y.shape[1] - outputs :]


# Activations


def identity(z: Array, _: Part) -> Array:
    """Return z."""
    return z


def sigmoid(z: Array, _: Part) -> Array:
    """Return 1 / (1 + e^-z), in a form that cannot overflow."""
    power = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, power) / (1 + power)


def tanh(z: Array, _: Part) -> Array:
    """Return tanh z."""
    return np.tanh(z)


def relu(z: Array, _: Part) -> Array:
    """Return max(z, 0)."""
    return np.maximum(z, 0)


def leaky_relu(z: Array, activation: Part) -> Array:
    """Return max(z, slope z)."""
    return np.maximum(z, activation["slope"] * z)


def elu(z: Array, activation: Part) -> Array:
    """Return z where it is positive, else alpha (e^z - 1)."""
    return np.where(z > 0, z, activation["alpha"] * np.expm1(np.minimum(z, 0)))


def selu(z: Array, _: Part) -> Array:
    """Return λ z where it is positive, else λ α (e^z - 1), which keeps mean 0 and variance 1."""
    below = 1.6732632423543772 * np.expm1(np.minimum(z, 0))
    return 1.0507009873554805 * np.where(z > 0, z, below)


def gelu(z: Array, _: Part) -> Array:
    """Return z (1 + tanh(√(2/π) (z + 0.044715 z³))) / 2."""
    inner = math.sqrt(2 / math.pi) * z * (1 + 0.044715 * z * z)
    return z * (1 + np.tanh(inner)) / 2


def silu(z: Array, activation: Part) -> Array:
    """Return z sigmoid(z)."""
    return z * sigmoid(z, activation)


def softplus(z: Array, _: Part) -> Array:
    """Return log(1 + e^z)."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def mish(z: Array, activation: Part) -> Array:
    """Return z tanh(log(1 + e^z))."""
    return z * np.tanh(softplus(z, activation))


def softmax(z: Array, _: Part) -> Array:
    """Return e^z / Σ e^z over each row."""
    power = np.exp(z - z.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True)


# Several networks


def mean_shares(outputs: Sequence[Sequence[Array]], _: Part) -> Array:
    """Return the probabilities of classes: the mean of all networks, divided by its sum."""
    return shares(np.mean([each for of_member in outputs for each in of_member], axis=0))


def blended_shares(outputs: Sequence[Sequence[Array]], model: Part) -> Array:
    """Return probabilities p ~ Π p_m^(w_m / T) from those of the members m, divided by the sum."""
    logs = [
        weight / model["blend"]["temperature"] * np.log(np.clip(shares(mean), 1e-7, 1 - 1e-7))
        for weight, mean in zip(model["weights"], member_means(outputs), strict=True)
    ]
    p = softmax(np.sum(logs, axis=0), {})
    if "isotonic" not in model["blend"]:
        return p
    curved = isotonic(p, model)
    total = curved.sum(axis=1, keepdims=True)
    return np.where(total > 0, curved / np.where(total > 0, total, 1), p)


def shares(outputs: Array) -> Array:
    """Return the outputs of classes, divided by their sum; equal shares if all are 0."""
    outputs = np.clip(outputs, 0, 1)
    total = outputs.sum(axis=1, keepdims=True)
    return np.where(total > 0, outputs / np.where(total > 0, total, 1), 1 / outputs.shape[1])


def mean_labels(outputs: Sequence[Sequence[Array]], _: Part) -> Array:
    """Return the probability of each label: the mean of all networks."""
    return np.clip(np.mean([each for of_member in outputs for each in of_member], axis=0), 0, 1)


def blended_labels(outputs: Sequence[Sequence[Array]], model: Part) -> Array:
    """Return the sigmoid of Σ w_m log(p_m / (1 - p_m)) / T over the members m."""
    within = [np.clip(mean, 1e-7, 1 - 1e-7) for mean in member_means(outputs)]
    scores = [
        weight / model["blend"]["temperature"] * np.log(p / (1 - p))
        for weight, p in zip(model["weights"], within, strict=True)
    ]
    p = sigmoid(np.sum(scores, axis=0), {})
    return isotonic(p, model) if "isotonic" in model["blend"] else p


def isotonic(p: Array, model: Part) -> Array:
    """Return each probability by its rising curve."""
    curves = model["blend"]["isotonic"]
    return np.column_stack(
        [np.interp(p[:, k], curve["x"], curve["y"]) for k, curve in enumerate(curves)]
    )


def mean_values(outputs: Sequence[Sequence[Array]], _: Part) -> Array:
    """Return the mean of all networks' values."""
    return np.mean([each for of_member in outputs for each in of_member], axis=0)


def blended_values(outputs: Sequence[Sequence[Array]], model: Part) -> Array:
    """Return Σ w_m y_m over the members m, moved toward the center, in a plausible range."""
    shrinkage = model["blend"].get("shrinkage")
    if shrinkage:
        lowest, highest = shrinkage["lowest"], shrinkage["highest"]
        outputs = [[np.clip(each, lowest, highest) for each in of] for of in outputs]
    means = member_means(outputs)
    y = np.sum([w * mean for w, mean in zip(model["weights"], means, strict=True)], axis=0)
    if not shrinkage:
        return y
    y = shrinkage["center"] + shrinkage["slope"] * (y - shrinkage["center"])
    return np.clip(y, lowest, highest)


def member_means(outputs: Sequence[Sequence[Array]]) -> list[Array]:
    """Return the mean of each member's networks."""
    return [np.mean(of_member, axis=0) for of_member in outputs]


# Answers


def answer_classes(p: Array, model: Part) -> dict[str, Any]:
    """Return the label and the probabilities of each row."""
    numbers = p.argmax(axis=1)
    if "threshold" in model:
        above = p[:, model["positive"]] > model["threshold"]
        numbers = np.where(above, model["positive"], 1 - model["positive"])
    labels = [model["classes"][k] for k in numbers.tolist()]
    return dict(zip(model["names"], [labels, p], strict=True))


def answer_labels(p: Array, model: Part) -> dict[str, Any]:
    """Return 0 or 1 for each label of each row, and the probabilities."""
    labels = (p > np.asarray(model["thresholds"])).astype(int)
    return dict(zip(model["names"], [labels, p], strict=True))


def answer_values(y: Array, model: Part) -> dict[str, Any]:
    """Return the numbers of each row, in the units of the table."""
    return dict(zip(model["names"], [y], strict=True))


def with_arrays(value: Any, arrays: Mapping[str, Array]) -> Any:
    """Return a value with the array in place of each {"array": NAME} in it."""
    if isinstance(value, list):
        return [with_arrays(each, arrays) for each in value]
    if not isinstance(value, dict):
        return value
    if list(value) == ["array"]:
        return arrays[value["array"]]
    return {key: with_arrays(each, arrays) for key, each in value.items()}


COLUMNS = {"numeric": encode_numbers, "text": encode_texts, "date": encode_dates}
SCALERS = {"linear": linear, "to_normal": to_normal, "clipped": clipped, "ranks": ranks}
ADDED = {"periodic": waves, "piecewise_linear": bins}
LAYERS = {
    "dense": dense,
    "dropout": dropout,
    "embedding": embedding,
    "batch_normalization": batch_normalization,
    "layer_normalization": layer_normalization,
    "scale": scale,
    "parametric": parametric,
    "periodic": periodic,
    "equilibrium": equilibrium,
}
ACTIVATIONS = {
    "identity": identity,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "silu": silu,
    "mish": mish,
    "softplus": softplus,
    "softmax": softmax,
}
