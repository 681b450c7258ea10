"""How a loaded model of Stable-Baselines3 decides for a batch, given the chance of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import (
    Distribution,
    SquashedDiagGaussianDistribution,
    StateDependentNoiseDistribution,
)
from torch.distributions import Bernoulli, Categorical, Normal

from maze.interop.action_sampling import NO_NUMBERS, Generators, draw_bits, draw_normal, draw_values, require_numbers


class SB3Actor:
    """Decides for a batch as the model's own `predict` does, but for where chance comes from.

    Args:
        model: An algorithm's object, loaded.
    """

    def __init__(self, model: Any) -> None:
        """Look at what kind of policy it has."""
        self._policy, self._action_space, self._device = model.policy, model.action_space, model.device
        # What has distributions: the policy itself, or, with algorithms such as SAC, its actor.
        has_distributions = hasattr(self._policy, "get_distribution")
        self._head: Any = self._policy if has_distributions else getattr(self._policy, "actor", None)
        self._has_state_noise = bool(getattr(model, "use_sde", False))
        self._exploration_rate = float(getattr(model, "exploration_rate", 0.0))
        lstm = getattr(self._policy, "lstm_actor", None)
        self.memory_shape = None if lstm is None else (2, lstm.num_layers, lstm.hidden_size)
        """Shape of what the model remembers of an episode; None: nothing."""

    def draw_noise(self, generator: np.random.Generator) -> np.ndarray | None:
        """The exploration matrix of an episode, for generalised state-dependent exploration; else None.

        Source: https://arxiv.org/abs/2005.05719, section 3.
        """
        if not self._has_state_noise:
            return None
        with torch.inference_mode():
            standard_deviation = _array(self._head.action_dist.get_std(self._head.log_std))
        return standard_deviation * generator.standard_normal(standard_deviation.shape)

    def act(
        self,
        observations: Any,
        n: int,
        generators: Generators | None,
        *,
        masks: np.ndarray | None = None,
        memory: np.ndarray | None = None,
        noise: Sequence[Any] = (),
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Decide for the first rows of a batch.

        Args:
            observations: Array of shape (n_rows, ...), or a dict of such arrays.
            n: How many rows are wanted.
            generators: One for each of them; None: do what is most likely.
            masks: (n_rows, number of logits), of truth values.
            memory: (2, n_layers, n_rows, n_hidden), where the model remembers.
            noise: What `draw_noise` gave for the episode of each of them.

        Returns:
            Actions, (n, ...), and the memory afterwards.

        Raises:
            ValueError: If the model gives what is no number.
        """
        batch, _ = self._policy.obs_to_tensor(observations)
        with torch.inference_mode():
            if not (hasattr(self._head, "get_distribution") or hasattr(self._head, "get_action_dist_params")):
                actions = _array(self._policy._predict(batch, deterministic=True))  # noqa: SLF001 - predict less numpy
                return self._explored(actions[:n], generators), None
            try:
                distribution, memory = self._distribution(batch, masks, memory)
            except ValueError as error:  # of torch, with all the numbers
                raise ValueError(NO_NUMBERS) from error
            return self._in_space(drawn(distribution, n, generators, noise)), memory

    def _distribution(self, batch: Any, masks: np.ndarray | None, memory: np.ndarray | None) -> tuple[Any, Any]:
        """Distribution of a batch, and the memory afterwards."""
        if self.memory_shape is not None:
            states = torch.as_tensor(memory, device=self._device)
            starts = torch.zeros(states.shape[2], device=self._device)
            distribution, states = self._head.get_distribution(batch, (states[0], states[1]), starts)
            return distribution, np.stack([_array(state) for state in states])
        if masks is not None:
            return self._head.get_distribution(batch, masks), None
        if hasattr(self._head, "get_distribution"):
            return self._head.get_distribution(batch), None
        mean, log_std, others = self._head.get_action_dist_params(batch)
        return self._head.action_dist.proba_distribution(mean, log_std, **others), None

    def _explored(self, actions: np.ndarray, generators: Generators | None) -> np.ndarray:
        """What the model decides for certain, but for random actions where it has learned with some."""
        if generators is not None and self._exploration_rate > 0 and isinstance(self._action_space, spaces.Discrete):
            for row, generator in enumerate(generators):
                if generator.random() < self._exploration_rate:
                    actions[row] = generator.integers(self._action_space.n)
        return self._in_space(actions)

    def _in_space(self, actions: np.ndarray) -> np.ndarray:
        """Actions as the environment takes them."""
        space = self._action_space
        actions = actions.reshape(len(actions), *(space.shape or ()))
        if isinstance(space, spaces.Box):
            require_numbers(actions)
            if self._policy.squash_output:
                actions = self._policy.unscale_action(actions)
            actions = actions.clip(space.low, space.high)
        return actions.astype(space.dtype)


def drawn(distribution: Distribution, n: int, generators: Generators | None, noise: Sequence[Any]) -> np.ndarray:
    """Draw from the first rows of a distribution, or take what is most likely in each.

    Args:
        distribution: With its parameters set.
        n: How many rows are wanted.
        generators: One for each of them; None: do not draw.
        noise: Exploration matrices of their episodes, for a distribution that takes them.

    Returns:
        (n, ...), before actions are brought into their space.

    Raises:
        TypeError: If it is a kind of distribution that Stable-Baselines3 does not come with.
        ValueError: If its parameters are no numbers.
    """
    parts: Any = getattr(distribution, "distributions", None) or distribution.distribution
    if isinstance(parts, list):
        return np.stack([_drawn_values(part, n, generators) for part in parts], axis=1)
    if isinstance(parts, Categorical):
        return _drawn_values(parts, n, generators)
    if isinstance(parts, Bernoulli):
        return draw_bits(_array(parts.logits)[:n], generators)
    if not isinstance(parts, Normal):
        raise TypeError(f"nobody knows how to draw from {type(distribution).__name__}: set runner.deterministic=true")
    mean = _array(parts.mean)[:n]
    is_squashed = isinstance(distribution, SquashedDiagGaussianDistribution)
    if isinstance(distribution, StateDependentNoiseDistribution):
        is_squashed = distribution.bijector is not None
        if generators is not None:
            mean = mean + np.einsum("nf,nfa->na", _array(distribution._latent_sde)[:n], np.stack(noise))  # noqa: SLF001
    elif generators is not None:
        mean = draw_normal(mean, _array(parts.stddev)[:n], generators)
    return np.tanh(mean) if is_squashed else mean


def _drawn_values(part: Categorical, n: int, generators: Generators | None) -> np.ndarray:
    # Where probabilities are the same in single precision, predict takes the first one, whatever the logits are.
    return draw_values(_array(part.probs if generators is None else part.logits)[:n], generators)


def _array(tensor: torch.Tensor) -> np.ndarray:
    array: np.ndarray = tensor.cpu().numpy()
    return array
