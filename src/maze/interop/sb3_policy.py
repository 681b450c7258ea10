"""Decides by a model of Stable-Baselines3 or sb3-contrib."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.action_masks import ActionMask
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import ActionMasks, StructuredEnv
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.factory import ConfigurationError
from maze.interop.model_policy import N_ENVS, ModelPolicy, Place, decided_step_keys, declared_masks
from maze.interop.observation_rows import WHOLE, ObservationRows
from maze.interop.sb3_model import check_sb3_spaces, find_sb3_files, load_sb3_model, load_vec_normalize


class SB3Policy(ModelPolicy):
    """Decides as a model of Stable-Baselines3 does by its `predict`, for all slots with one forward.

    Chance comes from each slot's own generator, and not from torch's. MaskablePPO takes the masks that the environment
    declares, or asks its method `action_masks()`. RecurrentPPO remembers per slot and actor. The noise of generalised
    state-dependent exploration is drawn once per episode. What explores by random actions, as DQN does, draws them with
    the probability that training had come to.

    Args:
        observation_spaces: Of each step key.
        action_spaces: Of each step key.
        action_masks: Which observations say what is legal, as the environment declares it.
        deterministic: Whether to do what is most likely, rather than to draw.
        path: File of the model, as `save` has written it.
        algorithm: Name of what has trained it, such as PPO.
        normalization: File of the statistics that `VecNormalize.save` has written; None: there was none.
        trust: Whether the files may be loaded, for that executes what is in them.
        step_key: Kind of decision that it is for; None: for all of them.
        device: Where the model computes: cpu or cuda.
        n_envs: Slots of a process, and rows of each forward.
        input_dir: Where files are looked for that are not where the user is.

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
        algorithm: str = "PPO",
        normalization: str | None = None,
        trust: bool = False,
        step_key: str | int | None = None,
        device: str = "cpu",
        n_envs: int = N_ENVS,
        input_dir: str | Path | None = None,
    ) -> None:
        """Load the model."""
        self.files = find_sb3_files(path, algorithm, normalization, trust, input_dir)
        step_keys = decided_step_keys(step_key, list(observation_spaces))
        super().__init__(step_keys, deterministic=deterministic, n_envs=n_envs, n_rows=n_envs)
        model = load_sb3_model(self.files[0], algorithm, device)
        self._normalization = load_vec_normalize(self.files[1]) if normalization is not None else None
        trained = {self.files[0].name: model.observation_space}
        if self._normalization is not None:
            trained[self.files[1].name] = self._normalization.observation_space
        for key in step_keys:
            check_sb3_spaces(trained, model.action_space, key, observation_spaces[key], action_spaces[key])
        from maze.interop.sb3_actor import SB3Actor

        self._actor = SB3Actor(model)
        self._rows = ObservationRows(observation_spaces[step_keys[0]], n_envs)
        self._is_dict = isinstance(observation_spaces[step_keys[0]], spaces.Dict)
        self._is_masked = algorithm == "MaskablePPO"
        self._masks = {key: declared_masks(action_masks, key, action_spaces[key]) for key in step_keys}
        self._n_logits = _n_logits(model.action_space) if self._is_masked else 0
        self._ask_env: dict[int, Callable[[], Any] | None] = {}
        self._memory: dict[int, dict[ActorID, np.ndarray]] = {}
        self._noise: dict[int, np.ndarray | None] = {}

    def attach(self, env: StructuredEnv, slot: int = 0) -> None:
        """Remember whom to ask for masks.

        Raises:
            ConfigurationError: If the model needs masks that the environment does not have.
        """
        self._ask_env[slot] = _masks_method(env) if self._is_masked else None
        if self._is_masked and self._ask_env[slot] is None and not all(self._masks.values()):
            raise ConfigurationError(
                "policy.algorithm=MaskablePPO needs masks, and the environment neither declares action_masks nor has "
                "a method action_masks(): choose the environment that the model was trained in"
            )

    def reset(self, seed: int, slot: int = 0) -> None:
        """Begin an episode: with chance of its own, and nothing to remember."""
        super().reset(seed, slot)
        self._memory[slot] = {}
        self._noise[slot] = None if self.deterministic else self._actor.draw_noise(self._generators[slot])

    def _decide(
        self, observations: Sequence[Any], places: Sequence[Place], generators: Sequence[np.random.Generator] | None
    ) -> Iterable[Any]:
        self._rows.fill(observations)
        arrays: Any = self._rows.arrays if self._is_dict else self._rows.arrays[WHOLE]
        if self._normalization is not None:
            arrays = self._normalization.normalize_obs(arrays)
        actions, memory = self._actor.act(
            arrays,
            len(places),
            generators,
            masks=self._masks_of(observations, places) if self._is_masked else None,
            memory=self._remembered(places),
            noise=[self._noise.get(place.slot) for place in places],
        )
        if memory is not None:
            for row, (slot, actor_id) in enumerate(places):
                self._memory[slot][actor_id] = memory[:, :, row]
        return actions

    def _remembered(self, places: Sequence[Place]) -> np.ndarray | None:
        """What the model remembers, (2, n_layers, n_rows, n_hidden)."""
        if self._actor.memory_shape is None:
            return None
        n_states, n_layers, n_hidden = self._actor.memory_shape
        memory = np.zeros((n_states, n_layers, self.n_rows, n_hidden), np.float32)
        for row, (slot, actor_id) in enumerate(places):
            memory[:, :, row] = self._memory[slot].get(actor_id, 0.0)
        return memory

    def _masks_of(self, observations: Sequence[Any], places: Sequence[Place]) -> np.ndarray:
        """What is legal, (n_rows, n_logits); in rows that nobody asks for, everything."""
        masks = np.ones((self.n_rows, self._n_logits), bool)
        for row, (observation, (slot, (step_key, _))) in enumerate(zip(observations, places, strict=True)):
            declared, ask_env = self._masks[step_key], self._ask_env.get(slot)
            if declared:
                masks[row] = _logits_mask(declared[0], observation)
            elif ask_env is not None:
                masks[row] = np.concatenate([np.ravel(part) for part in ask_env()], axis=None)
            if not masks[row].any():
                raise ValueError("the mask leaves nothing legal: see that the environment allows something")
        return masks


def check_settings(
    path: str | None = None,
    algorithm: str = "PPO",
    normalization: str | None = None,
    trust: bool = False,
    input_dir: str | Path | None = None,
    **_: Any,
) -> None:
    """Find mistakes before any process starts, and before anything is loaded.

    Raises:
        ConfigurationError: If the algorithm is not known, a package or a file is missing, or nobody vouches for it.
    """
    find_sb3_files(path, algorithm, normalization, trust, input_dir)


def _logits_mask(mask: ActionMask, observation: Any) -> np.ndarray:
    """What is legal, in the order of the model's logits; of a bit, those of 0 and of 1."""
    parts = mask.read(observation)
    if isinstance(mask.space, spaces.MultiBinary):
        bits = parts[0].ravel()
        parts = [np.stack([np.ones_like(bits), bits], axis=1).ravel()]
    return np.concatenate(parts).astype(bool)


def _n_logits(space: gymnasium.Space[Any]) -> int:
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return int(space.nvec.sum())
    return 2 * int(np.prod(space.shape or ()))


def _masks_method(env: StructuredEnv) -> Callable[[], Any] | None:
    """How sb3-contrib asks environments for masks; None: this one cannot be asked."""
    inner: Any = env
    while isinstance(inner, StructuredWrapper | GymEnv):
        inner = inner.env
    method = inner.get_wrapper_attr("action_masks") if inner.has_wrapper_attr("action_masks") else None
    return method if callable(method) else None
