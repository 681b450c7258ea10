"""Evolution strategies: learning from returns alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from maze.core.rollout.rollout_runner import at_least
from maze.factory import ConfigurationError
from maze.train.algorithms.algorithm import Algorithm, Workshop
from maze.train.weights import weights_of


class EvolutionStrategies(Algorithm):
    """Evolution strategies with mirrored noise and ranked returns (https://arxiv.org/abs/1703.03864).

    Args:
        n_iterations: In all.
        n_pairs: Directions that are tried in each iteration, each forwards and backwards.
        n_episodes: Played by each candidate, the same ones by all.
        noise: Standard deviation of the steps that are tried.
        learning_rate: Of Adam.
        weight_decay: Share of the weights that each iteration takes away, times the learning rate.

    Raises:
        ConfigurationError: If a value is out of range.
    """

    def __init__(
        self,
        *,
        n_iterations: int = 100,
        n_pairs: int = 16,
        n_episodes: int = 2,
        noise: float = 0.05,
        learning_rate: float = 0.05,
        weight_decay: float = 0.0,
    ) -> None:
        """Check and keep the settings."""
        for name, value in (("n_iterations", n_iterations), ("n_pairs", n_pairs), ("n_episodes", n_episodes)):
            at_least(f"algorithm.{name}", value, 1, whole=True)
        at_least("algorithm.learning_rate", learning_rate, 0)
        at_least("algorithm.weight_decay", weight_decay, 0)
        if not noise > 0:
            raise ConfigurationError(f"algorithm.noise={noise}: give a number above 0")
        self.n_iterations, self.n_pairs, self.n_episodes = n_iterations, n_pairs, n_episodes
        self.noise, self.learning_rate, self.weight_decay = noise, learning_rate, weight_decay

    def begin(self, workshop: Workshop) -> None:
        """See what there is to vary: all that decides, but no critics."""
        self._workshop = workshop
        self._parameters = workshop.model.policy_parameters()
        self.optimizer = torch.optim.AdamW(
            self._parameters, self.learning_rate, weight_decay=self.weight_decay, fused=True
        )
        self.counts = {"iterations": 0}

    def iterate(self) -> dict[str, float]:
        """Try steps in random directions, and go in those that brought more than the opposite."""
        workshop = self._workshop
        noises = [
            [torch.randn(parameter.shape, generator=workshop.generator) for parameter in self._parameters]
            for _ in range(self.n_pairs)
        ]
        candidates = [self._candidate(noise, sign) for noise in noises for sign in (1.0, -1.0)]
        returns = np.array([np.mean(of_candidate) for of_candidate in workshop.score(candidates, self.n_episodes)])
        differences = _ranked(returns).reshape(-1, 2) @ np.array([1.0, -1.0])
        for position, parameter in enumerate(self._parameters):
            steps = torch.stack([noise[position] for noise in noises])
            weights = torch.as_tensor(differences, dtype=torch.float32).reshape(-1, *[1] * parameter.ndim)
            gradient = -(weights * steps).sum(0) / (2 * self.n_pairs * self.noise)
            parameter.grad = gradient.to(parameter.device)
        norm = torch.nn.utils.get_total_norm([p.grad for p in self._parameters if p.grad is not None])
        self.optimizer.step()
        self.counts["iterations"] += 1
        return {
            "learning/best_candidate": float(returns.max()),
            "learning/mean_candidate": float(returns.mean()),
            "learning/gradient_norm": float(norm),
        }

    @property
    def progress(self) -> float:
        """Share of the iterations."""
        return min(self.counts["iterations"] / self.n_iterations, 1.0)

    def _candidate(self, noise: list[Tensor], sign: float) -> dict[str, np.ndarray]:
        """All weights, those that decide a step further."""
        moved = {
            id(parameter): (parameter.detach().cpu() + sign * self.noise * step).numpy()
            for parameter, step in zip(self._parameters, noise, strict=True)
        }
        model = self._workshop.model
        named = {name: id(parameter) for name, parameter in model.named_parameters()}
        return {
            name: moved[named[name]] if named.get(name) in moved else tensor.detach().cpu().numpy()
            for name, tensor in weights_of(model).items()
        }


def _ranked(returns: np.ndarray) -> np.ndarray:
    """Ranks from -0.5 to 0.5; equal returns share theirs.

    Example:
        >>> _ranked(np.array([3.0, 1.0, 2.0])).tolist()
        [0.5, -0.5, 0.0]
    """
    _, inverse, counts = np.unique(returns, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - counts + ends - 1) / 2
    ranked: np.ndarray = ranks[inverse] / max(len(returns) - 1, 1) - 0.5
    return ranked
