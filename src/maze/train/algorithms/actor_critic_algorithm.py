"""What PPO and A2C share: play, estimate advantages, and improve policy and critics by gradients."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from math import ceil

import numpy as np
import torch
from tensordict import TensorDict
from tensordict.nn import ProbabilisticTensorDictSequential, TensorDictModule
from torch import nn
from torchrl.objectives import LossModule

from maze.core.env.actor_id import StepKey
from maze.core.rollout.rollout_runner import at_least
from maze.factory import ConfigurationError
from maze.train.algorithms.algorithm import Algorithm, Workshop
from maze.train.algorithms.minibatches import minibatches
from maze.train.algorithms.torchrl_modules import LOG_PROB, actor_of, critic_of, tensordict_of
from maze.train.decision_batch import KeyBatch, decision_batch

FIRST_EPISODES = 16
"""Played before it is known how long episodes are."""

MOST_EPISODES = 4096

LOSSES = ("loss_objective", "loss_critic", "loss_entropy")
"""What TorchRL's losses consist of; without a coefficient there is none of the entropy."""

TOLD = ("loss_objective", "loss_critic", "entropy", "kl_approx", "clip_fraction")
"""What is told of TorchRL's losses; the last two are PPO's."""


class ActorCriticAlgorithm(Algorithm):
    """Learns from whole episodes that the policy has just played.

    How many it plays in an iteration depends on how long those of the last one were: about as many decisions come
    together as are asked for, whatever the runner and the number of processes.

    Args:
        n_decisions: To learn from in all.
        decisions_per_iteration: About as many.
        n_epochs: How often the decisions of an iteration are gone through.
        minibatch_size: Decisions per step of the optimiser; 0: all.
        learning_rate: Of Adam (https://arxiv.org/abs/1412.6980).
        anneal: Whether the learning rate falls to zero, in proportion to what is left to do.
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
        n_decisions: int,
        decisions_per_iteration: int,
        n_epochs: int,
        minibatch_size: int,
        learning_rate: float,
        anneal: bool,
        gamma: float,
        gae_lambda: float,
        entropy_coefficient: float,
        critic_coefficient: float,
        max_gradient_norm: float,
    ) -> None:
        """Check and keep the settings."""
        at_least("algorithm.n_decisions", n_decisions, 1, whole=True)
        at_least("algorithm.decisions_per_iteration", decisions_per_iteration, 1, whole=True)
        at_least("algorithm.n_epochs", n_epochs, 1, whole=True)
        at_least("algorithm.minibatch_size", minibatch_size, 0, whole=True)
        at_least("algorithm.learning_rate", learning_rate, 0)
        at_least("algorithm.entropy_coefficient", entropy_coefficient, 0)
        at_least("algorithm.critic_coefficient", critic_coefficient, 0)
        at_least("algorithm.max_gradient_norm", max_gradient_norm, 0)
        for name, share in (("gamma", gamma), ("gae_lambda", gae_lambda)):
            if not 0 <= share <= 1:
                raise ConfigurationError(f"algorithm.{name}={share}: give a number of 0 to 1")
        self.n_decisions = n_decisions
        self.decisions_per_iteration = decisions_per_iteration
        self.n_epochs = n_epochs
        self.minibatch_size = minibatch_size
        self.learning_rate = learning_rate
        self.anneal = anneal
        self.gamma, self.gae_lambda = gamma, gae_lambda
        self.entropy_coefficient = entropy_coefficient
        self.critic_coefficient = critic_coefficient
        self.max_gradient_norm = max_gradient_norm

    def begin(self, workshop: Workshop) -> None:
        """Make a loss for each step key, and the optimiser."""
        self._workshop = workshop
        model = workshop.model
        self._losses = {key: self._make_loss(actor_of(model, key), critic_of(model, key)) for key in model.step_keys}
        for loss in self._losses.values():
            loss.set_keys(sample_log_prob=LOG_PROB)
        self._parameters = list(model.parameters())
        self.optimizer = torch.optim.Adam(self._parameters, self.learning_rate, eps=1e-5, fused=True)
        self.counts = {"decisions": 0, "next_episodes": FIRST_EPISODES}

    @abstractmethod
    def _make_loss(self, actor: ProbabilisticTensorDictSequential, critic: TensorDictModule) -> LossModule:
        """TorchRL's loss of one step key."""

    def iterate(self) -> dict[str, float]:
        """Play, and learn from what was played."""
        workshop = self._workshop
        episodes = workshop.play(self.counts["next_episodes"])
        batch = decision_batch(episodes, workshop.model, workshop.device, self.gamma, self.gae_lambda)
        if self.anneal:
            for group in self.optimizer.param_groups:
                group["lr"] = self.learning_rate * (1 - self.progress)
        figures = self._learn(batch)
        n_decisions = sum(map(len, batch.values()))
        wanted = ceil(self.decisions_per_iteration * len(episodes) / n_decisions)
        self.counts["decisions"] += n_decisions
        self.counts["next_episodes"] = min(wanted, MOST_EPISODES)
        return figures

    @property
    def progress(self) -> float:
        """Share of the decisions."""
        return min(self.counts["decisions"] / self.n_decisions, 1.0)

    def _learn(self, batch: Mapping[StepKey, KeyBatch]) -> dict[str, float]:
        workshop = self._workshop
        tensors = {key: tensordict_of(of_key) for key, of_key in batch.items()}
        n_decisions = {key: len(of_key) for key, of_key in batch.items()}
        figures: dict[str, list[float]] = {}
        for _ in range(self.n_epochs):
            for rows in minibatches(n_decisions, self.minibatch_size, workshop.generator, workshop.device):
                for name, value in self._improve({key: tensors[key][of_key] for key, of_key in rows.items()}).items():
                    figures.setdefault(f"learning/{name}", []).append(value)
        means = {name: float(np.mean(values)) for name, values in figures.items()}
        means["learning/explained_variance"] = _explained_variance(batch)
        means["learning/learning_rate"] = self.optimizer.param_groups[0]["lr"]
        return means

    def _improve(self, minibatch: Mapping[StepKey, TensorDict]) -> dict[str, float]:
        """One step of the optimiser, in which every decision has the same weight."""
        n = sum(map(len, minibatch.values()))
        total = torch.zeros((), device=self._workshop.device)
        figures: dict[str, float] = {}
        for key, decisions in minibatch.items():
            share, out = len(decisions) / n, self._losses[key](decisions)
            for name in LOSSES:
                if name in out:
                    total = total + share * out[name]
            for name in TOLD:
                if name in out:
                    figures[name] = figures.get(name, 0.0) + share * float(out[name].detach())
        self.optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        figures["gradient_norm"] = float(nn.utils.clip_grad_norm_(self._parameters, self.max_gradient_norm))
        self.optimizer.step()
        return figures


def _explained_variance(batch: Mapping[StepKey, KeyBatch]) -> float:
    """How much of what was earned the critics had expected: 1 for all, 0 for no more than the mean tells."""
    targets = torch.cat([of_key.value_targets for of_key in batch.values()])
    errors = targets - torch.cat([of_key.values for of_key in batch.values()])
    return float(1 - errors.var(correction=0) / (targets.var(correction=0) + 1e-8))
