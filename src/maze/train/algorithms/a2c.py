"""Advantage actor-critic."""

from __future__ import annotations

from typing import Any

from torchrl.objectives import A2CLoss, LossModule

from maze.train.algorithms.actor_critic_algorithm import ActorCriticAlgorithm


class A2C(ActorCriticAlgorithm):
    """Advantage actor-critic (https://arxiv.org/abs/1602.01783): one step of the optimiser per iteration.

    Args:
        n_decisions: To learn from in all.
        decisions_per_iteration: About as many.
        learning_rate: Of Adam.
        anneal: Whether the learning rate falls to zero.
        gamma: Discount of a round.
        gae_lambda: Weight of longer estimates of the advantage.
        entropy_coefficient: Of the reward for deciding at random.
        critic_coefficient: Of the critics' loss.
        max_gradient_norm: Above which gradients are scaled down.

    Raises:
        ConfigurationError: If a value is out of range.
    """

    def __init__(
        self,
        *,
        n_decisions: int = 500_000,
        decisions_per_iteration: int = 512,
        learning_rate: float = 2e-3,
        anneal: bool = True,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
        entropy_coefficient: float = 0.0,
        critic_coefficient: float = 0.5,
        max_gradient_norm: float = 0.5,
    ) -> None:
        """Check and keep the settings."""
        super().__init__(
            n_decisions=n_decisions,
            decisions_per_iteration=decisions_per_iteration,
            n_epochs=1,
            minibatch_size=0,
            learning_rate=learning_rate,
            anneal=anneal,
            gamma=gamma,
            gae_lambda=gae_lambda,
            entropy_coefficient=entropy_coefficient,
            critic_coefficient=critic_coefficient,
            max_gradient_norm=max_gradient_norm,
        )

    def _make_loss(self, actor: Any, critic: Any) -> LossModule:
        return A2CLoss(
            actor,
            critic,
            entropy_coeff=self.entropy_coefficient,
            critic_coeff=self.critic_coefficient,
            functional=False,
        )
