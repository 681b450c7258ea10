"""What PPO and A2C share: play, estimate advantages, and improve policy and critics by gradients."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any

import numpy as np
import torch
from tensordict import TensorDict
from tensordict.nn import ProbabilisticTensorDictModule, ProbabilisticTensorDictSequential, TensorDictModule
from torch import Tensor, nn
from torchrl.objectives import LossModule

from maze.core.env.actor_id import StepKey
from maze.core.rollout.rollout_runner import at_least
from maze.factory import ConfigurationError
from maze.train.action_distribution import ActionDistribution
from maze.train.algorithms.algorithm import Algorithm, Workshop
from maze.train.algorithms.optimizer_state import load_optimizer_state, optimizer_state
from maze.train.decision_batch import KeyBatch, decision_batch
from maze.train.models.actor_critic import ActorCritic

FIRST_EPISODES = 16
"""Played before it is known how long episodes are."""

MOST_EPISODES = 4096

LOSSES = ("loss_objective", "loss_critic", "loss_entropy")
"""What TorchRL's losses consist of; without a coefficient there is none of the entropy."""


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
        normalize_advantage: Whether the advantages of an iteration get mean 0 and standard deviation 1.

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
        normalize_advantage: bool,
    ) -> None:
        """Check and keep the settings."""
        for name, value in (
            ("n_decisions", n_decisions),
            ("decisions_per_iteration", decisions_per_iteration),
            ("n_epochs", n_epochs),
        ):
            at_least(f"algorithm.{name}", value, 1, whole=True)
        at_least("algorithm.minibatch_size", minibatch_size, 0, whole=True)
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
        self.entropy_coefficient, self.critic_coefficient = entropy_coefficient, critic_coefficient
        self.max_gradient_norm = max_gradient_norm
        self.normalize_advantage = normalize_advantage
        self._n_done = 0
        self._n_episodes = FIRST_EPISODES

    def begin(self, workshop: Workshop) -> None:
        """Make a loss for each step key, and the optimiser."""
        self._workshop = workshop
        model = workshop.model
        self._losses = {key: self._make_loss(_actor(model, key), _critic(model, key)) for key in model.step_keys}
        for loss in self._losses.values():
            loss.set_keys(sample_log_prob="action_log_prob")
        self._parameters = list(model.parameters())
        self._optimizer = torch.optim.Adam(self._parameters, self.learning_rate, eps=1e-5, fused=True)

    @abstractmethod
    def _make_loss(self, actor: ProbabilisticTensorDictSequential, critic: TensorDictModule) -> LossModule:
        """TorchRL's loss of one step key."""

    def iterate(self) -> dict[str, float]:
        """Play, and learn from what was played."""
        workshop = self._workshop
        episodes = workshop.play(self._n_episodes)
        lengths = [episode.row.n_decisions or 1 for episode in episodes]
        wanted = ceil(self.decisions_per_iteration / (sum(lengths) / len(lengths)))
        self._n_episodes = min(max(wanted, 1), MOST_EPISODES)
        batch = decision_batch(episodes, workshop.model, workshop.device, self.gamma, self.gae_lambda)
        if self.anneal:
            for group in self._optimizer.param_groups:
                group["lr"] = self.learning_rate * max(1 - self.progress, 0.0)
        self._n_done += sum(lengths)
        return self._learn(batch)

    @property
    def progress(self) -> float:
        """Share of the decisions."""
        return min(self._n_done / self.n_decisions, 1.0)

    def state(self) -> dict[str, Tensor]:
        """Optimiser, decisions so far, and how many episodes come next."""
        counts = torch.tensor([self._n_done, self._n_episodes])
        return {**optimizer_state(self._optimizer), "counts": counts}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on."""
        load_optimizer_state(self._optimizer, state)
        if "counts" in state:
            self._n_done, self._n_episodes = map(int, state["counts"].tolist())

    def _learn(self, batch: Mapping[StepKey, KeyBatch]) -> dict[str, float]:
        tensors = {key: self._tensors(key, of_key) for key, of_key in batch.items()}
        n = sum(map(len, batch.values()))
        figures: dict[str, list[float]] = {}
        for _ in range(self.n_epochs):
            for chosen in self._minibatches(tensors, n):
                if self._workshop.should_stop():
                    break
                for name, value in self._improve(chosen).items():
                    figures.setdefault(name, []).append(value)
        means = {name: float(np.mean(values)) for name, values in figures.items()}
        targets = torch.cat([of_key.value_targets for of_key in batch.values()])
        errors = targets - torch.cat([of_key.values for of_key in batch.values()])
        means["learning/explained_variance"] = float(1 - errors.var() / (targets.var() + 1e-8)) if n > 1 else 0.0
        means["learning/learning_rate"] = self._optimizer.param_groups[0]["lr"]
        return means

    def _tensors(self, key: StepKey, batch: KeyBatch) -> TensorDict:
        """The decisions of a step key, as TorchRL's losses take them."""
        model = self._workshop.model
        with torch.no_grad():
            parameters = model.action_parameters(key, batch.leaves)
            log_probs = ActionDistribution(parameters, model.action_layouts[key]).log_prob(batch.actions)
        advantages = batch.advantages
        if self.normalize_advantage and len(batch) > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        return TensorDict(
            {
                **{_leaf(index): leaf for index, leaf in enumerate(batch.leaves)},
                "action": batch.actions,
                "action_log_prob": log_probs,
                "advantage": advantages.unsqueeze(1),
                "value_target": batch.value_targets.unsqueeze(1),
                "state_value": batch.values.unsqueeze(1),
            },
            [len(batch)],
        )

    def _minibatches(
        self, tensors: Mapping[StepKey, TensorDict], n: int
    ) -> Iterator[dict[StepKey, tuple[TensorDict, float]]]:
        """Decisions of all step keys in random order, each with the share of its step key in the minibatch."""
        size = min(self.minibatch_size or n, n)
        n_minibatches = max(round(n / size), 1)
        if n_minibatches == 1:
            yield {key: (of_key, len(of_key) / n) for key, of_key in tensors.items()}
            return
        order = torch.randperm(n, generator=self._workshop.generator)
        for piece in order.tensor_split(n_minibatches):
            chosen = {}
            first = 0
            for key, of_key in tensors.items():
                rows = piece[(piece >= first) & (piece < first + len(of_key))] - first
                if len(rows):
                    chosen[key] = (of_key[rows.to(self._workshop.device)], len(rows) / len(piece))
                first += len(of_key)
            yield chosen

    def _improve(self, chosen: Mapping[StepKey, tuple[TensorDict, float]]) -> dict[str, float]:
        """One step of the optimiser."""
        total: Tensor | None = None
        figures: dict[str, float] = {}
        for key, (tensors, share) in chosen.items():
            out = self._losses[key](tensors)
            loss = sum(out[name] for name in LOSSES if name in out)
            total = share * loss if total is None else total + share * loss
            for name in ("loss_objective", "loss_critic", "entropy", "kl_approx", "clip_fraction"):
                if name in out:
                    figures[f"learning/{name}"] = figures.get(f"learning/{name}", 0.0) + share * float(
                        out[name].detach()
                    )
        if total is None:
            return {}
        self._optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._parameters, self.max_gradient_norm)
        self._optimizer.step()
        figures["learning/gradient_norm"] = float(norm)
        return figures


class _OnLeaves(nn.Module):
    """A function of a model and of the arrays of observations, as a module; it owns nothing of the model."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self._function = function

    def forward(self, *leaves: Tensor) -> Tensor:
        outputs: Tensor = self._function(leaves)
        return outputs


def _actor(model: ActorCritic, key: StepKey) -> ProbabilisticTensorDictSequential:
    """What decides at a step key, as TorchRL has it."""
    leaves = _leaf_names(model, key)
    network = TensorDictModule(
        _OnLeaves(lambda leaves: model.action_parameters(key, leaves)), in_keys=leaves, out_keys=["parameters"]
    )
    distribution = ProbabilisticTensorDictModule(
        in_keys=["parameters"],
        out_keys=["action"],
        distribution_class=ActionDistribution,
        distribution_kwargs={"layout": model.action_layouts[key]},
        return_log_prob=True,
    )
    return ProbabilisticTensorDictSequential(network, distribution)


def _critic(model: ActorCritic, key: StepKey) -> TensorDictModule:
    """What says how good a situation is at a step key, as TorchRL has it."""
    values = _OnLeaves(lambda leaves: model.values(key, leaves).unsqueeze(1))
    return TensorDictModule(values, in_keys=_leaf_names(model, key), out_keys=["state_value"])


def _leaf_names(model: ActorCritic, key: StepKey) -> list[str]:
    return [_leaf(index) for index in range(len(model.observation_layouts[key].leaves))]


def _leaf(index: int) -> str:
    return f"observation_{index}"
