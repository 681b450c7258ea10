"""Proximal policy optimisation."""

from __future__ import annotations

from typing import Any

from torchrl.objectives import ClipPPOLoss, LossModule

from maze.core.rollout.rollout_runner import at_least
from maze.train.algorithms.actor_critic_algorithm import ActorCriticAlgorithm


class PPO(ActorCriticAlgorithm):
    """Proximal policy optimisation with a clipped ratio (https://arxiv.org/abs/1707.06347); the loss is TorchRL's.

    Args:
        n_decisions: To learn from in all.
        decisions_per_iteration: About as many.
        n_epochs: How often the decisions of an iteration are gone through.
        minibatch_size: Decisions per step of the optimiser; 0: all.
        learning_rate: Of Adam.
        anneal: Whether the learning rate falls to zero.
        gamma: Discount of a round.
        gae_lambda: Weight of longer estimates of the advantage.
        clip_range: How far the ratio of new and old probability may be from 1 and still count.
        entropy_coefficient: Of the reward for deciding at random.
        critic_coefficient: Of the critics' loss.
        max_gradient_norm: Above which gradients are scaled down.

    Raises:
        ConfigurationError: If a value is out of range.
    """

    def __init__(
        self,
        *,
        n_decisions: int = 200_000,
        decisions_per_iteration: int = 4096,
        n_epochs: int = 10,
        minibatch_size: int = 256,
        learning_rate: float = 3e-4,
        anneal: bool = True,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
        clip_range: float = 0.2,
        entropy_coefficient: float = 0.0,
        critic_coefficient: float = 0.5,
        max_gradient_norm: float = 0.5,
    ) -> None:
        """Check and keep the settings."""
        at_least("algorithm.clip_range", clip_range, 0)
        super().__init__(
            n_decisions=n_decisions,
            decisions_per_iteration=decisions_per_iteration,
            n_epochs=n_epochs,
            minibatch_size=minibatch_size,
            learning_rate=learning_rate,
            anneal=anneal,
            gamma=gamma,
            gae_lambda=gae_lambda,
            entropy_coefficient=entropy_coefficient,
            critic_coefficient=critic_coefficient,
            max_gradient_norm=max_gradient_norm,
        )
        self.clip_range = clip_range

    def _make_loss(self, actor: Any, critic: Any) -> LossModule:
        return ClipPPOLoss(
            actor,
            critic,
            clip_epsilon=self.clip_range,
            entropy_coeff=self.entropy_coefficient,
            critic_coeff=self.critic_coefficient,
            log_explained_variance=False,
            functional=False,
        )
