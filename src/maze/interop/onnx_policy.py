"""Decides by an ONNX model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import ActionMasks
from maze.factory import ConfigurationError
from maze.interop.model_file import find_model_file
from maze.interop.model_policy import N_ENVS, ModelPolicy, Place, decided_step_keys, declared_masks
from maze.interop.observation_rows import ObservationRows
from maze.interop.onnx_actions import OnnxActions
from maze.interop.onnx_model import OnnxModel, check_onnx_package, first_line


class OnnxPolicy(ModelPolicy):
    """Decides by an ONNX model, for all slots with one forward where the model's first axis is open.

    Inputs are the parts of the observation, as the environment gives them. An output is the action, or what it is
    drawn from: logits of Discrete, MultiDiscrete and MultiBinary actions, mean and `log_std` of a Gaussian that is
    clipped to the bounds of a Box. Masks that the environment declares apply to logits. Chance comes from each slot's
    own generator.

    Args:
        observation_spaces: Of each step key.
        action_spaces: Of each step key.
        action_masks: Which observations say what is legal, as the environment declares it.
        deterministic: Whether to do what is most likely, rather than to draw.
        path: File of the model.
        step_key: Kind of decision that it is for; None: for all of them.
        device: Where the model computes: cpu or cuda.
        n_envs: Slots of a process; None: as many as a batch has rows, 32 where that is open.
        input_dir: Where the file is looked for if it is not where the user is.

    Raises:
        ConfigurationError: If the model cannot be loaded, or does not fit the spaces.
    """

    def __init__(
        self,
        observation_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_masks: ActionMasks | None = None,
        deterministic: bool = False,
        *,
        path: str | None = None,
        step_key: str | int | None = None,
        device: str = "cpu",
        n_envs: int | None = None,
        input_dir: str | Path | None = None,
    ) -> None:
        """Load the model, and try it on one batch."""
        check_settings(path, input_dir)
        file = find_model_file("policy.path", path, input_dir)
        step_keys = decided_step_keys(step_key, list(observation_spaces))
        self.files = [file]
        self._device = device
        self._observation_space = observation_spaces[step_keys[0]]
        self._model = OnnxModel(file, self._observation_space, device)
        open_rows = N_ENVS if n_envs is None else n_envs
        n_rows = max(1, open_rows if self._model.n_rows is None else self._model.n_rows)
        super().__init__(
            step_keys, deterministic=deterministic, n_envs=n_rows if n_envs is None else n_envs, n_rows=n_rows
        )
        for key in step_keys:
            if (observation_spaces[key], action_spaces[key]) != (self._observation_space, action_spaces[step_keys[0]]):
                raise ConfigurationError(
                    f"the decisions {step_keys} have different spaces, and {file.name} is one model: add "
                    "policy.step_key=, and other policies for the others by policy=default_policy"
                )
        dtypes = {each.part: each.dtype for each in self._model.inputs}
        self._rows = ObservationRows(self._observation_space, n_rows, dtypes)
        try:
            sample = self._model.run(self._rows.arrays)
        except Exception as error:
            raise ConfigurationError(f"{file.name} cannot be computed: {first_line(error)}") from error
        masks = declared_masks(action_masks, step_keys[0], action_spaces[step_keys[0]])
        self._actions = OnnxActions(file.name, action_spaces[step_keys[0]], masks, sample, n_rows)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the loaded model, which other processes load themselves."""
        return {**self.__dict__, "_model": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load the model again."""
        self.__dict__.update(state)
        self._model = OnnxModel(self.files[0], self._observation_space, self._device)

    def _decide(
        self, observations: Sequence[Any], places: Sequence[Place], generators: Sequence[np.random.Generator] | None
    ) -> Iterable[Any]:
        self._rows.fill(observations)
        outputs = self._model.run(self._rows.arrays)
        return self._actions.of(outputs, observations, generators)


def check_settings(path: str | None = None, input_dir: str | Path | None = None, **_: Any) -> None:
    """Find mistakes before any process starts.

    Raises:
        ConfigurationError: If onnxruntime or the file is missing.
    """
    check_onnx_package()
    find_model_file("policy.path", path, input_dir)
