"""An ONNX model: loaded, and held against the spaces of an environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from maze.factory import ConfigurationError
from maze.interop.observation_rows import WHOLE, observation_parts

DTYPES: Mapping[str, Any] = {
    "tensor(bool)": np.bool_,
    "tensor(double)": np.float64,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(int8)": np.int8,
    "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
    "tensor(uint8)": np.uint8,
}
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxInput(NamedTuple):
    """An input of a model."""

    name: str
    part: str
    """The part of the observation that it takes."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    """Of one row."""


class OnnxModel:
    """A loaded model, which takes the parts of an observation as a batch.

    Args:
        file: The model.
        observation_space: What it shall take. An input is named for the part of the observation that it takes, its keys
            joined by dots; the only input of a model may take the only part under any name.
        device: Where it computes: cpu or cuda.

    Raises:
        ConfigurationError: If it cannot be loaded, or takes something else.
    """

    def __init__(self, file: Path, observation_space: gymnasium.Space[Any], device: str) -> None:
        """Load the model, and see what it takes."""
        self._session = _session(file, device)
        self.file = file
        self.output_names = [each.name for each in self._session.get_outputs()]
        parts = {name: part for name, _, part in observation_parts(observation_space)}
        found = [self._input(each, parts) for each in self._session.get_inputs()]
        self.inputs = [each for each, _ in found]
        batches = {n_rows for _, n_rows in found}
        if len(batches) != 1:
            raise ConfigurationError(f"{file.name} has no inputs, or of different batch sizes: export it with one size")
        self.n_rows: int | None
        """Rows of a batch; 0: it takes single observations; None: as many as there are."""
        (self.n_rows,) = batches

    def run(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs for a batch, by name.

        Args:
            arrays: (n_rows, ...) by part of the observation.
        """
        feed = {}
        for each in self.inputs:
            array = arrays[each.part]
            feed[each.name] = array.reshape(each.shape if self.n_rows == 0 else (len(array), *each.shape))
        outputs = self._session.run(None, feed)
        batched = [np.asarray(each)[None] if self.n_rows == 0 else np.asarray(each) for each in outputs]
        return dict(zip(self.output_names, batched, strict=True))

    def _input(self, declared: Any, parts: Mapping[str, gymnasium.Space[Any]]) -> tuple[OnnxInput, int | None]:
        """What an input takes, and of how many rows."""
        name, whole = declared.name, len(parts) == 1 and len(self._session.get_inputs()) == 1
        part = next(iter(parts)) if whole else name
        if part not in parts:
            entries = "one whole" if list(parts) == [WHOLE] else f"made of {', '.join(map(repr, parts))}"
            raise ConfigurationError(
                f"{self.file.name} has the input {name!r}, and the observation is {entries}: name the inputs for the "
                "parts of the observation when the model is exported"
            )
        dtype, space = DTYPES.get(declared.type), parts[part]
        mismatch = ConfigurationError(
            f"{self.file.name} takes {declared.type} of shape {_shown(declared.shape)} as {name!r}, and "
            f"the observation{'' if part == WHOLE else f' {part!r}'} is {space}: export the model for that, "
            "with a batch axis in front"
        )
        if dtype is None or not np.can_cast(np.dtype(space.dtype), dtype, "same_kind"):
            raise mismatch
        shape = tuple(space.shape or ())
        # A number may have an axis of its own.
        for row in [shape, (1,)] if shape == () else [shape]:
            if _fits(declared.shape, row):
                return OnnxInput(name, part, np.dtype(dtype), row), 0
            if _fits(declared.shape[1:], row) and declared.shape:
                n_rows = declared.shape[0]
                return OnnxInput(name, part, np.dtype(dtype), row), n_rows if isinstance(n_rows, int) else None
        raise mismatch


def check_onnx_package() -> None:
    """See that models can be loaded at all.

    Raises:
        ConfigurationError: If onnxruntime is missing.
    """
    if find_spec("onnxruntime") is None:
        raise ConfigurationError("policy=onnx_policy needs onnxruntime: pip install 'maze-rollouts[onnx]'")


def _session(file: Path, device: str) -> Any:
    import onnxruntime

    provider = PROVIDERS.get(device)
    if provider not in onnxruntime.get_available_providers():
        raise ConfigurationError(f"policy.device={device}: onnxruntime finds none here; choose policy.device=cpu")
    options = onnxruntime.SessionOptions()
    # More threads gain nothing beside other processes, and may change results.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=[provider])
    except Exception as error:
        raise ConfigurationError(f"{file.name} cannot be loaded as an ONNX model: {first_line(error)}") from error


def _fits(declared: Sequence[int | str | None], shape: Sequence[int]) -> bool:
    """Whether a shape with open axes, which have names or nothing, allows another one."""
    return len(declared) == len(shape) and all(
        not isinstance(axis, int) or axis == size for axis, size in zip(declared, shape, strict=True)
    )


def _shown(shape: Sequence[int | str | None]) -> str:
    return f"({', '.join('?' if axis is None else str(axis) for axis in shape)})"


def first_line(error: Exception) -> str:
    """What an error of onnxruntime says, without its details."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
