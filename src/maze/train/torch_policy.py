"""Decides by a neural network, for all slots of a process at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import shake_128
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal

import gymnasium
import numpy as np
import torch

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.structured_env import ActionMasks, StructuredEnv
from maze.factory import ConfigurationError
from maze.train.models.action_part import CategoricalPart
from maze.train.models.actor_critic import ILLEGAL, ActorCritic
from maze.train.models.build_model import build_model
from maze.train.policy_outputs import PolicyOutputs
from maze.train.training_record import read_training_record
from maze.train.weights import load_weights

N_ENVS = 32
"""Slots by default: measured, more gain little, and each costs an environment."""

TRUSTED_MODELS = ("maze.train.models", "maze_envs")
"""What a run directory may name as its model without anybody vouching for it."""

_MULTIPLE_OF_ROWS = 8
"""Of matrices with other numbers of rows, some libraries compute the last rows in another way than those before."""

_BLOCK = 64
"""Random numbers drawn at a time."""


class TorchPolicy(StructuredPolicy):
    """Decides by a neural network, with one forward for all slots that decide with the same step key.

    A forward always has `n_envs` rows, filled up where fewer slots decide: what comes out for an observation then does
    not depend on what is decided beside it, so that all runners give the same episodes.

    Args:
        observation_spaces: Of each step key.
        action_spaces: Of each step key.
        action_masks: Which observations say what is legal, as the environment declares it.
        deterministic: Whether to do what is most likely, rather than to draw.
        model: The network: a configuration with a `_target_`, or an `ActorCritic`; None: that of `input_dir`, else
            `flatten_concat`.
        input_dir: Training run whose weights are taken; None: the weights are those that a model begins with.
        weights: Which ones: the best in evaluation, or the last.
        device: Where the network computes: cpu, cuda, or cuda:0 and so on.
        n_envs: Slots of a process, and rows of each forward.
        seed: Determines the weights that a model begins with.
        trusted: Packages, besides maze's, whose classes `input_dir` may name.

    Raises:
        ConfigurationError: If the model does not fit the spaces, or the weights do not fit the model.

    Example:
        >>> spaces = {0: gymnasium.spaces.Box(-1, 1, (4,))}, {0: gymnasium.spaces.Discrete(2)}
        >>> policy = TorchPolicy(*spaces, n_envs=2)
        >>> policy.reset(seed=7, slot=0)
        >>> int(policy.act(np.zeros(4, np.float32), ActorID(0, 0)))
        0
    """

    def __init__(
        self,
        observation_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_masks: ActionMasks | None = None,
        deterministic: bool = False,
        *,
        model: Mapping[str, Any] | ActorCritic | None = None,
        input_dir: str | Path | None = None,
        weights: Literal["best", "last"] = "best",
        device: str = "cpu",
        n_envs: int = N_ENVS,
        seed: int = 0,
        trusted: Sequence[str] = (),
    ) -> None:
        """Build the network and load its weights."""
        if n_envs < 1:
            raise ConfigurationError(f"policy.n_envs={n_envs}: give a number of at least 1")
        self.n_envs = n_envs
        self.deterministic = deterministic
        self.device = torch_device(device)
        allowed = None
        record = None if input_dir is None else read_training_record(input_dir)
        if record is not None:
            record.check_spaces(observation_spaces, action_spaces)
            if model is None:
                model, allowed = record.model, [*TRUSTED_MODELS, *trusted]
        if isinstance(model, ActorCritic):
            self.model = model
        else:
            self.model = build_model(model, observation_spaces, action_spaces, action_masks, seed=seed, allowed=allowed)
        if record is not None:
            self.files = [record.weights(weights)]
            load_weights(self.model, self.files[0])
        self._record = record
        self.model.to(self.device).eval()
        self._deciders = {key: _Decider(self.model, key, n_envs, self.device) for key in observation_spaces}
        self._only = next(iter(self._deciders.values())) if len(self._deciders) == 1 else None
        self._streams: dict[int, Callable[[], float]] = {}

    def attach(self, env: StructuredEnv, slot: int = 0) -> None:
        """See that an environment normalises as the one of the training run did.

        Raises:
            ConfigurationError: If it does not.
        """
        if self._record is not None and slot == 0:  # all slots are alike
            self._record.check_normalization(env)

    def reset(self, seed: int, slot: int = 0) -> None:
        """Begin an episode with random numbers of its own."""
        self._streams[slot] = uniform_stream(seed)

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        """Decide for one actor."""
        return self.act_batch([observation], [actor_id], [slot])[0]

    def act_batch(self, observations: Sequence[Any], actor_ids: Sequence[ActorID], slots: Sequence[int]) -> list[Any]:
        """Decide for all of them, with one forward per step key.

        Raises:
            ValueError: If a mask leaves nothing legal, or the network gives something that is no number.
        """
        if self._only is not None and len(observations) <= self.n_envs:
            return self._only.act(observations, None if self.deterministic else self._uniforms(self._only, slots))
        actions: list[Any] = [None] * len(observations)
        for step_key, places in self._batches(actor_ids):
            decider = self._deciders[step_key]
            its_slots = [slots[place] for place in places]
            uniforms = None if self.deterministic else self._uniforms(decider, its_slots)
            decided = decider.act([observations[place] for place in places], uniforms)
            for place, action in zip(places, decided, strict=True):
                actions[place] = action
        return actions

    def output_space(self, step_key: StepKey) -> gymnasium.spaces.Dict:
        """Logits, probabilities, value and candidates, as `PolicyOutputs` describes them."""
        return self._deciders[step_key].told.space

    def outputs(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Mapping[str, Any]:
        """What the network sees in a decision."""
        return self.outputs_batch([observation], [actor_id], [slot])[0]

    def outputs_batch(
        self, observations: Sequence[Any], actor_ids: Sequence[ActorID], slots: Sequence[int]
    ) -> list[Mapping[str, Any]]:
        """What the network sees in each of the decisions."""
        told: list[Mapping[str, Any]] = [{}] * len(observations)
        for step_key, places in self._batches(actor_ids):
            outputs = self._deciders[step_key].outputs([observations[place] for place in places])
            for place, each in zip(places, outputs, strict=True):
                told[place] = each
        return told

    def _batches(self, actor_ids: Sequence[ActorID]) -> Iterator[tuple[StepKey, list[int]]]:
        """Places of those that decide with the same step key, no more at a time than a forward has rows."""
        places: dict[StepKey, list[int]] = {}
        for place, (step_key, _) in enumerate(actor_ids):
            places.setdefault(step_key, []).append(place)
        for step_key, its_places in places.items():
            if step_key not in self._deciders:
                raise ValueError(f"there is no network for the step key {step_key!r}: there is {list(self._deciders)}")
            for first in range(0, len(its_places), self.n_envs):
                yield step_key, its_places[first : first + self.n_envs]

    def _uniforms(self, decider: _Decider, slots: Sequence[int]) -> np.ndarray:
        """Random numbers of the slots' own, (n, n_uniforms)."""
        streams, n = self._streams, decider.layout.n_uniforms
        if n == 1:
            return np.array([streams[slot]() for slot in slots])[:, None]
        return np.array([[streams[slot]() for _ in range(n)] for slot in slots])


class _Decider:
    """The network of one step key, with the memory that its forwards take place in."""

    def __init__(self, model: ActorCritic, step_key: StepKey, n_rows: int, device: torch.device) -> None:
        self.layout = model.action_layouts[step_key]
        self._model, self._step_key, self._device = model, step_key, device
        self._observation_layout = model.observation_layouts[step_key]
        n_rows = n_rows if n_rows == 1 else -(-n_rows // _MULTIPLE_OF_ROWS) * _MULTIPLE_OF_ROWS
        self._buffers = self._observation_layout.buffers(n_rows)
        self._leaves = [torch.from_numpy(buffer) for buffer in self._buffers]
        self._is_masked = model.has_masks(step_key)

    def act(self, observations: Sequence[Any], uniforms: np.ndarray | None) -> list[Any]:
        """Decide for up to as many observations as there are rows."""
        self._observation_layout.fill(self._buffers, observations)
        parameters = self._forward()[: len(observations)]
        if not np.isfinite(parameters).all():
            raise ValueError(
                "the network gives values that are not finite: look for NaN in the observation, or train with a "
                "smaller algorithm.learning_rate"
            )
        if self._is_masked:
            self._require_legal(parameters)
        return self.layout.actions(self.layout.choose(parameters, uniforms))

    @cached_property
    def told(self) -> PolicyOutputs:
        """What there is to tell of a decision."""
        return PolicyOutputs(self.layout)

    def outputs(self, observations: Sequence[Any]) -> list[dict[str, Any]]:
        """What the network says about up to as many observations as there are rows."""
        n = len(observations)
        self._observation_layout.fill(self._buffers, observations)
        parameters = self._forward()[:n]
        with torch.inference_mode():
            leaves = [leaf.to(self._device) for leaf in self._leaves]
            values = self._model.values(self._step_key, leaves)[:n].cpu().numpy()
        return self.told.read(parameters, values)

    def _forward(self) -> np.ndarray:
        with torch.inference_mode():
            if self._device.type == "cpu":
                outputs: np.ndarray = self._model.action_parameters(self._step_key, self._leaves).numpy()
                return outputs
            leaves = [leaf.to(self._device) for leaf in self._leaves]
            return self._model.action_parameters(self._step_key, leaves).cpu().numpy()

    def _require_legal(self, parameters: np.ndarray) -> None:
        for part in self.layout.parts:
            if isinstance(part, CategoricalPart) and (parameters[:, part.parameters].max(1) <= ILLEGAL).any():
                name = f" of the action {part.name!r}" if part.name else ""
                raise ValueError(f"the mask{name} leaves nothing legal: see that the environment allows something")


def uniform_stream(seed: int) -> Callable[[], float]:
    """Endless random numbers within (0, 1], of 53 bits.

    They are words of the extendable hash SHAKE128 (FIPS 202): to seed a generator takes longer than a short episode.

    Example:
        >>> draw = uniform_stream(7)
        >>> [round(draw(), 3) for _ in range(3)]
        [0.17, 0.735, 0.726]
    """
    return chain.from_iterable(_uniform_block(seed, block) for block in count()).__next__


def _uniform_block(seed: int, block: int) -> list[float]:
    words = np.frombuffer(shake_128(f"torch/{seed}/{block}".encode()).digest(8 * _BLOCK), np.uint64)
    numbers: list[float] = (((words >> np.uint64(11)) + np.uint64(1)) * 2.0**-53).tolist()
    return numbers


def torch_device(name: str) -> torch.device:
    """Where networks compute.

    Raises:
        ConfigurationError: If there is no such device.

    Example:
        >>> torch_device("cpu")
        device(type='cpu')
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigurationError(f"policy.device={name}: choose cpu or cuda") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError(f"policy.device={name}: torch finds no such device here; choose policy.device=cpu")
    return device
