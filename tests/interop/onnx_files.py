"""Small ONNX models, made node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

Shape = Sequence[int | str]


def linear_model(
    file: Path,
    outputs: Mapping[str, int],
    inputs: Mapping[str, int] | None = None,
    *,
    batch: int | str | None = "n",
    dtype: int = TensorProto.FLOAT,
    seed: int = 1,
) -> Path:
    """Outputs are linear in all inputs, which are vectors: of their sizes by name, with weights from the seed."""
    inputs = {"observation": 4} if inputs is None else inputs
    front: list[int | str] = [] if batch is None else [batch]
    values = np.random.default_rng(seed)
    nodes = [helper.make_node("Cast", [name], [f"{name} as float"], to=TensorProto.FLOAT) for name in inputs]
    axis = len(front)
    nodes.append(helper.make_node("Concat", [f"{name} as float" for name in inputs], ["all"], axis=axis))
    weights = []
    for name, size in outputs.items():
        weights.append(
            numpy_helper.from_array(
                values.normal(size=(sum(inputs.values()), size)).astype(np.float32), f"{name} weights"
            )
        )
        nodes.append(helper.make_node("MatMul", ["all", f"{name} weights"], [name]))
    return save(
        file,
        nodes,
        {name: (dtype, [*front, size]) for name, size in inputs.items()},
        {name: (TensorProto.FLOAT, [*front, size]) for name, size in outputs.items()},
        weights,
    )


def save(
    file: Path,
    nodes: list[onnx.NodeProto],
    inputs: Mapping[str, tuple[int, Shape]],
    outputs: Mapping[str, tuple[int, Shape]],
    constants: list[Any] | None = None,
) -> Path:
    """Write a model of these nodes."""
    graph = helper.make_graph(
        nodes,
        "policy",
        [helper.make_tensor_value_info(name, *declared) for name, declared in inputs.items()],
        [helper.make_tensor_value_info(name, *declared) for name, declared in outputs.items()],
        constants or [],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, file)
    return file


def computed(file: Path, **inputs: np.ndarray) -> list[np.ndarray]:
    """What onnx itself says that a model gives."""
    found: Any = ReferenceEvaluator(str(file)).run(None, inputs)
    return list(found)
