"""What the outputs of an ONNX model say about an action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.action_masks import ActionMask
from maze.factory import ConfigurationError
from maze.interop.action_sampling import Generators, draw_bits, draw_normal, draw_values, require_numbers

NAMES = ("action", "logits", "mean")
"""Of the output that says what to do, where an action has no parts and the model has several outputs."""

LOG_STD = "log_std"


class _Output(NamedTuple):
    """The output for one part of an action."""

    key: str | None
    """Of a Dict; None: the whole of an action that is none."""

    space: gymnasium.Space[Any]
    name: str
    log_std: str | None
    """Output that tells how far a Gaussian spreads; None: there is none."""

    is_logits: bool
    mask: ActionMask | None


class OnnxActions:
    """Turns the outputs of a model into actions.

    Args:
        file: Name of the model, for messages.
        space: Of the actions: Discrete, MultiDiscrete, MultiBinary, Box, or a Dict of these.
        masks: What the environment declares; they apply to logits.
        sample: Outputs of the model for some batch.
        n_rows: Of this batch.

    Raises:
        ConfigurationError: If the outputs do not say how to act.

    Example:
        >>> actions = OnnxActions("model.onnx", spaces.Discrete(3), [], {"logits": np.zeros((4, 3))}, n_rows=4)
        >>> actions.of({"logits": np.array([[0.0, 2.0, 1.0], [1.0, 0.0, 0.0]])}, [None, None], None)
        [np.int64(1), np.int64(0)]
    """

    def __init__(
        self,
        file: str,
        space: gymnasium.Space[Any],
        masks: Sequence[ActionMask],
        sample: Mapping[str, np.ndarray],
        n_rows: int,
    ) -> None:
        """Find the output of each part."""
        self._file, self._space, self._n_rows = file, space, n_rows
        by_key = {mask.action_key: mask for mask in masks}
        parts = space.spaces.items() if isinstance(space, spaces.Dict) else [(None, space)]
        self._outputs = [self._output(key, part, by_key.get(key), sample) for key, part in parts]

    def of(
        self, outputs: Mapping[str, np.ndarray], observations: Sequence[Any], generators: Generators | None
    ) -> list[Any]:
        """The actions for the first rows of a batch.

        Args:
            outputs: (n_rows, ...) by name.
            observations: One for each action, for their masks.
            generators: One for each action; None: do what is most likely.

        Raises:
            ValueError: If an output is no number, or a mask leaves nothing legal.
        """
        parts = {each.key: self._actions(each, outputs, observations, generators) for each in self._outputs}
        if isinstance(self._space, spaces.Dict):
            return [dict(zip(parts, values, strict=True)) for values in zip(*parts.values(), strict=True)]
        return list(parts[None])

    def _output(
        self,
        key: str | None,
        space: gymnasium.Space[Any],
        mask: ActionMask | None,
        sample: Mapping[str, np.ndarray],
    ) -> _Output:
        name, log_std = self._name(key, sample), LOG_STD if key is None else f"{key}_{LOG_STD}"
        array, shape, n_logits = sample[name], tuple(space.shape or ()), _n_logits(space)
        rows = (self._n_rows,)
        is_logits = array.dtype.kind == "f" and n_logits is not None and array.shape == (*rows, n_logits)
        is_whole = array.shape in ((*rows, *shape), *([(*rows, 1)] if shape == () else []))
        if not is_logits and not (is_whole and (n_logits is None or array.dtype.kind in "iub")):
            wanted = f"{'numbers' if n_logits is None else 'whole numbers'} of shape {_shown(shape)}"
            also = "" if n_logits is None else f", or logits of shape {_shown((n_logits,))}"
            raise ConfigurationError(
                f"{self._file} gives {array.dtype} of shape {_shown(array.shape[1:])} as {name!r}, and the action"
                f"{'' if key is None else f' {key!r}'} is {space}: that takes {wanted}{also}"
            )
        if log_std in sample and sample[log_std].shape != array.shape:
            raise ConfigurationError(
                f"{self._file} gives {log_std!r} of another shape than {name!r}: expand it to one row per observation"
            )
        is_gaussian = isinstance(space, spaces.Box) and log_std in sample
        return _Output(key, space, name, log_std if is_gaussian else None, is_logits, mask)

    def _name(self, key: str | None, sample: Mapping[str, np.ndarray]) -> str:
        if key is not None:
            if key not in sample:
                raise ConfigurationError(
                    f"{self._file} has no output for the action {key!r}, it has {', '.join(map(repr, sample))}: name "
                    "the outputs for the entries of the action when the model is exported"
                )
            return key
        named = [name for name in NAMES if name in sample] or (list(sample) if len(sample) == 1 else [])
        if not named:
            raise ConfigurationError(
                f"{self._file} has the outputs {', '.join(map(repr, sample))}: name the one that says what to do "
                "action, logits or mean when the model is exported"
            )
        return named[0]

    def _actions(
        self,
        output: _Output,
        outputs: Mapping[str, np.ndarray],
        observations: Sequence[Any],
        generators: Generators | None,
    ) -> np.ndarray:
        values, space = outputs[output.name][: len(observations)], output.space
        if output.is_logits:
            if output.mask is not None:
                values = np.where(_legal(output.mask, observations), values, -np.inf)
            values = _drawn(values, space, generators)
        elif output.log_std is not None and generators is not None:
            standard_deviation = np.exp(outputs[output.log_std][: len(observations)])
            values = draw_normal(values, standard_deviation, generators)
        values = values.reshape(len(observations), *(space.shape or ()))
        if isinstance(space, spaces.Box):
            require_numbers(values)
            values = values.clip(space.low, space.high)
        return values.astype(space.dtype)


def _drawn(logits: np.ndarray, space: Any, generators: Generators | None) -> np.ndarray:
    """Draw from logits; what comes out counts from where the space does."""
    if isinstance(space, spaces.MultiBinary):
        return draw_bits(logits, generators)
    if isinstance(space, spaces.Discrete):
        return draw_values(logits, generators) + int(space.start)
    ends = np.cumsum(space.nvec.ravel())[:-1]
    values = np.stack([draw_values(part, generators) for part in np.split(logits, ends, axis=1)], axis=1)
    drawn: np.ndarray = values + space.start.ravel()
    return drawn


def _legal(mask: ActionMask, observations: Sequence[Any]) -> np.ndarray:
    """What is legal in each row, in the order of the logits."""
    rows = [mask.read(observation) for observation in observations]
    if not isinstance(mask.space, spaces.MultiBinary) and not all(part.any() for row in rows for part in row):
        raise ValueError(f"{mask} leaves nothing legal: see that the environment allows something")
    return np.array([np.concatenate([np.ravel(part) for part in row]) for row in rows]).astype(bool)


def _shown(row: Sequence[int]) -> str:
    return f"({', '.join(map(str, ('n', *row)))})"


def _n_logits(space: gymnasium.Space[Any]) -> int | None:
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return int(space.nvec.sum())
    return int(np.prod(space.shape)) if isinstance(space, spaces.MultiBinary) else None
