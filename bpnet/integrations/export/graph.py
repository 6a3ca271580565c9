"""A graph of ONNX under construction: tensors with operators, so that layers read as equations.

The only importer of onnx, which is an optional package.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from bpnet.engine.component import Array
from bpnet.errors import UsageError

OPERATORS, CATEGORY_OPERATORS, IR_VERSION = 18, 3, 8
"""The versions of the operators and of the file: those of onnx 1.13, of January 2023."""
_CATEGORIES = "ai.onnx.ml"
_LARGEST = 2_000_000_000
"""Bytes of a model; a file of ONNX holds at most 2 GiB."""

DOUBLE, BOOL, WHOLE = np.dtype(np.float64), np.dtype(np.bool_), np.dtype(np.int64)
TEXT = np.dtype(np.object_)


@dataclass(frozen=True, eq=False)
class Tensor:
    """An output of a node, by its name, or an input of the graph; operators add nodes."""

    graph: "Graph"
    name: str
    dtype: np.dtype[Any]

    def __add__(self, other: "Tensor | Array | float") -> "Tensor":
        return self.graph.apply("Add", self, other)

    def __radd__(self, other: float) -> "Tensor":
        return self + other

    def __sub__(self, other: "Tensor | Array | float") -> "Tensor":
        return self.graph.apply("Sub", self, other)

    def __rsub__(self, other: float) -> "Tensor":
        return self.graph.apply("Sub", self.constant(other), self)

    def __mul__(self, other: "Tensor | Array | float") -> "Tensor":
        return self.graph.apply("Mul", self, other)

    def __rmul__(self, other: float) -> "Tensor":
        return self * other

    def __truediv__(self, other: "Tensor | Array | float") -> "Tensor":
        return self.graph.apply("Div", self, other)

    def __matmul__(self, other: "Tensor | Array") -> "Tensor":
        return self.graph.apply("MatMul", self, other)

    def __neg__(self) -> "Tensor":
        return self.graph.apply("Neg", self)

    # arrays have comparisons of their own, which mypy fears would be called instead

    def __ge__(self, other: "Tensor | Array | float") -> "Tensor":  # type: ignore[misc]
        return self.graph.apply("GreaterOrEqual", self, other, dtype=BOOL)

    def __gt__(self, other: "Tensor | Array | float") -> "Tensor":  # type: ignore[misc]
        return self.graph.apply("Greater", self, other, dtype=BOOL)

    def __lt__(self, other: "Tensor | Array | float") -> "Tensor":  # type: ignore[misc]
        return self.graph.apply("Less", self, other, dtype=BOOL)

    def __le__(self, other: "Tensor | Array | float") -> "Tensor":  # type: ignore[misc]
        return self.graph.apply("LessOrEqual", self, other, dtype=BOOL)

    def __or__(self, other: "Tensor") -> "Tensor":
        return self.graph.apply("Or", self, other)

    def __and__(self, other: "Tensor | Array") -> "Tensor":
        return self.graph.apply("And", self, other)

    def __invert__(self) -> "Tensor":
        return self.graph.apply("Not", self)

    def equals(self, other: "Tensor | Array | float") -> "Tensor":
        """Return where it is equal to the other."""
        return self.graph.apply("Equal", self, other, dtype=BOOL)

    def constant(self, value: Any) -> "Tensor":
        """Return a constant of the same type."""
        return self.graph.constant(np.asarray(value, self.dtype))

    def cast(self, dtype: npt.DTypeLike) -> "Tensor":
        """Return it as another type."""
        if self.dtype == np.dtype(dtype):
            return self
        return self.graph.apply("Cast", self, dtype=np.dtype(dtype), to=_code(np.dtype(dtype)))

    def apply(self, operator: str, **attributes: Any) -> "Tensor":
        """Return what an operator of one operand, of the same type, makes of it."""
        return self.graph.apply(operator, self, **attributes)

    def clip(self, lowest: Any, highest: Any) -> "Tensor":
        """Return it between two bounds, which may be arrays."""
        low = self.graph.apply("Max", self, np.asarray(lowest, self.dtype))
        return self.graph.apply("Min", low, np.asarray(highest, self.dtype))

    def reduce(self, operator: str, axis: int = -1) -> "Tensor":
        """Return the ReduceSum, ReduceMax, ReduceMean or the like over an axis, which stays.

        Of truths it is over 0 and 1.
        """
        numbers = self.cast(WHOLE) if self.dtype == BOOL else self
        return self.graph.apply(operator, numbers, np.array([axis]), keepdims=1)

    def take(self, positions: Sequence[int], axis: int = -1) -> "Tensor":
        """Return the columns at some positions."""
        return self.graph.apply("Gather", self, np.array(positions, np.int64), axis=axis)

    def squeeze(self, axis: int) -> "Tensor":
        """Return it without an axis of length 1."""
        return self.graph.apply("Squeeze", self, np.array([axis]))


class Graph:
    """Nodes and constants, to which tensors add."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._taken = set(names)
        self._count = 0
        self._onnx = onnx()
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: list[Any] = []
        self._nodes: list[Any] = []
        self._known: dict[tuple[str, str, tuple[str, ...], str], list[str]] = {}
        """The outputs of each node: an equal one is not added again."""
        self._bytes = 0

    def input(self, name: str, dtype: np.dtype[Any]) -> Tensor:
        """Return an input of the graph."""
        return Tensor(self, name, dtype)

    def constant(self, array: Array) -> Tensor:
        """Return a constant; equal ones are in the file once."""
        array = np.asarray(array, order="C")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._bytes += array.nbytes
            if self._bytes > _LARGEST:
                raise UsageError(
                    f"the model has more than {_LARGEST / 1e9:g} GB of constants, and a file of "
                    "ONNX holds no more; train fewer or smaller networks, or predict with "
                    "`bpnet predict`"
                )
            self._constants[key] = name = self._name()
            self._initializers.append(self._onnx.numpy_helper.from_array(array, name))
        return Tensor(self, self._constants[key], array.dtype)

    def texts(self, values: Sequence[str]) -> Tensor:
        """Return a constant of texts (N,)."""
        name = self._name()
        encoded = [value.encode("utf-8", "backslashreplace") for value in values]
        self._initializers.append(
            self._onnx.helper.make_tensor(
                name, self._onnx.TensorProto.STRING, [len(values)], encoded
            )
        )
        return Tensor(self, name, TEXT)

    def apply(
        self,
        operator: str,
        *operands: "Tensor | Array | float",
        dtype: np.dtype[Any] | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> Tensor:
        """Add a node, and return its output: of the first operand's type, unless one is given.

        Numbers among the operands are constants of the type of the first one.
        """
        first = operands[0]
        assert isinstance(first, Tensor)
        tensors = [self._tensor(operand, first.dtype) for operand in operands]
        (output,) = self._node(operator, tensors, 1, domain, attributes)
        return Tensor(self, output, dtype or first.dtype)

    def where(self, mask: Tensor, true: "Tensor | Array", false: Tensor) -> Tensor:
        """Return `true` where the mask holds, else `false`, whose type both have."""
        chosen = self._tensor(true, false.dtype)
        return self.apply("Where", mask, chosen, false, dtype=false.dtype)

    def concat(self, tensors: Sequence[Tensor], axis: int = -1) -> Tensor:
        """Return tensors one after another."""
        return tensors[0] if len(tensors) == 1 else self.apply("Concat", *tensors, axis=axis)

    def codes(self, texts: Tensor, codes: Mapping[str, int], default: int) -> Tensor:
        """Return the whole number of each text, the default for one that has none."""
        return self.apply(
            "LabelEncoder",
            texts,
            dtype=WHOLE,
            domain=_CATEGORIES,
            keys_strings=list(codes),
            values_int64s=list(codes.values()),
            default_int64=default,
        )

    def repeat(
        self,
        most: int,
        states: Sequence[Tensor],
        step: Callable[[Sequence[Tensor]], tuple[Tensor, Sequence[Tensor]]],
    ) -> list[Tensor]:
        """Return the states after steps that make new ones, until one says not to go on.

        There are at most `most` steps. A step returns a truth () and the new states.
        """
        helper, outer, known = self._onnx.helper, self._nodes, dict(self._known)
        values = [Tensor(self, self._name(), state.dtype) for state in states]
        count, condition = self._name(), self._name()
        self._nodes = []
        goes_on, after = step(values)
        # a state that a step hands on as it is needs a node of its own
        results = [self.apply("Identity", state) for state in (goes_on, *after)]
        body = helper.make_graph(
            self._nodes,
            "step",
            [
                self._value(count, WHOLE, []),
                self._value(condition, BOOL, []),
                *(self._value(value.name, value.dtype, None) for value in values),
            ],
            [
                self._value(results[0].name, BOOL, []),
                *(self._value(result.name, result.dtype, None) for result in results[1:]),
            ],
        )
        self._nodes, self._known = outer, known  # what is inside is not seen outside
        operands = [self.constant(np.array(most, np.int64)), self.constant(np.array(True)), *states]
        outputs = self._node("Loop", operands, len(states), "", {"body": body})
        return [
            Tensor(self, name, state.dtype) for name, state in zip(outputs, states, strict=True)
        ]

    def name(self, tensor: Tensor, name: str) -> Tensor:
        """Return the tensor under a name of one's own, as an output of the graph has it."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [tensor.name], [name]))
        return Tensor(self, name, tensor.dtype)

    def model(
        self,
        inputs: Sequence[tuple[Tensor, Sequence[Any]]],
        outputs: Sequence[tuple[Tensor, Sequence[Any]]],
        producer: str,
        metadata: Mapping[str, str],
    ) -> bytes:
        """Return the file of the graph.

        Inputs and outputs have their shapes, in which a text names an axis of any length.
        """
        helper = self._onnx.helper
        graph = helper.make_graph(
            self._nodes,
            "bpnet",
            [self._value(tensor.name, tensor.dtype, shape) for tensor, shape in inputs],
            [self._value(tensor.name, tensor.dtype, shape) for tensor, shape in outputs],
            self._initializers,
        )
        model = helper.make_model(
            graph,
            producer_name="bpnet",
            producer_version=producer,
            ir_version=IR_VERSION,
            opset_imports=[
                helper.make_opsetid("", OPERATORS),
                helper.make_opsetid(_CATEGORIES, CATEGORY_OPERATORS),
            ],
        )
        helper.set_model_props(model, dict(metadata))
        content: bytes = model.SerializeToString()
        return content

    def _tensor(self, operand: "Tensor | Array | float", dtype: np.dtype[Any]) -> Tensor:
        if isinstance(operand, Tensor):
            return operand
        if isinstance(operand, np.ndarray):
            return self.constant(operand)
        return self.constant(np.asarray(operand, dtype))

    def _node(
        self,
        operator: str,
        operands: Sequence[Tensor],
        outputs: int,
        domain: str,
        attributes: Mapping[str, Any],
    ) -> list[str]:
        inputs = [operand.name for operand in operands]
        # no two loops are equal
        settings = self._name() if "body" in attributes else repr(attributes)
        key = (operator, domain, tuple(inputs), settings)
        if key in self._known:
            return self._known[key]
        self._known[key] = names = [self._name() for _ in range(outputs)]
        self._nodes.append(
            self._onnx.helper.make_node(operator, inputs, names, domain=domain, **attributes)
        )
        return names

    def _value(self, name: str, dtype: np.dtype[Any], shape: Sequence[Any] | None) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, _code(dtype), shape)

    def _name(self) -> str:
        """Return a name that neither a column nor another tensor has."""
        self._count += 1
        while f"t{self._count}" in self._taken:
            self._count += 1
        return f"t{self._count}"


def onnx() -> ModuleType:
    """Return the library that writes files of ONNX; raises UsageError if it is not installed."""
    try:
        import onnx  # deferred: an optional package
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        raise missing_package("onnx") from None
    module: ModuleType = onnx
    return module


def missing_package(package: str) -> UsageError:
    """Return the error for a package that the format ONNX needs."""
    return UsageError(
        f"a model in ONNX needs {package}, which is not installed; "
        "install it with: pip install 'bpnet-cli[onnx]'"
    )


def _code(dtype: np.dtype[Any]) -> int:
    """Return ONNX's number of a type."""
    types = onnx().TensorProto
    if dtype == TEXT:
        return int(types.STRING)
    return int(onnx().helper.np_dtype_to_tensor_dtype(dtype))
