"""Imitation of recorded decisions."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from maze.core.env.actor_id import StepKey
from maze.core.rollout.rollout_runner import at_least
from maze.factory import ConfigurationError
from maze.train.action_distribution import ActionDistribution
from maze.train.algorithms.algorithm import Algorithm, Workshop
from maze.train.algorithms.minibatches import minibatches
from maze.train.decision_pieces import DecisionPieces
from maze.train.models.action_layout import ActionLayout
from maze.train.models.action_part import GaussianPart
from maze.train.recorded_decisions import KeyDecisions, RecordedDecisions, RecordedEpisode

ROWS_AT_ONCE = 1024
"""Of a forward without gradients."""

_MEGABYTE = 1_000_000


class BehaviourCloning(Algorithm):
    """Learns to decide as was recorded, by maximum likelihood; and critics what was earned from there on.

    Of large data sets only one piece at a time is in memory; the others wait in a temporary folder.

    Args:
        n_epochs: How often all decisions are gone through.
        minibatch_size: Decisions per step of the optimiser.
        learning_rate: Of Adam; it falls to zero.
        validation_fraction: Share of the episodes that is not learned from, but tells how well others are imitated.
        gamma: Discount of a round, for what critics learn.
        critic_coefficient: Of the critics' loss; 0: critics do not learn.
        megabytes_in_memory: Of the data set, at a time.

    Raises:
        ConfigurationError: If a value is out of range.
    """

    def __init__(
        self,
        *,
        n_epochs: int = 20,
        minibatch_size: int = 128,
        learning_rate: float = 1e-3,
        validation_fraction: float = 0.1,
        gamma: float = 0.99,
        critic_coefficient: float = 0.5,
        megabytes_in_memory: float = 500,
    ) -> None:
        """Check and keep the settings."""
        at_least("algorithm.n_epochs", n_epochs, 1, whole=True)
        at_least("algorithm.minibatch_size", minibatch_size, 1, whole=True)
        at_least("algorithm.learning_rate", learning_rate, 0)
        at_least("algorithm.critic_coefficient", critic_coefficient, 0)
        if not megabytes_in_memory > 0:
            raise ConfigurationError(f"algorithm.megabytes_in_memory={megabytes_in_memory}: give a number above 0")
        if not 0 <= gamma <= 1:
            raise ConfigurationError(f"algorithm.gamma={gamma}: give a number of 0 to 1")
        if not 0 <= validation_fraction < 1:
            raise ConfigurationError(
                f"algorithm.validation_fraction={validation_fraction}: give a share of 0 to below 1"
            )
        self.n_epochs, self.minibatch_size, self.learning_rate = n_epochs, minibatch_size, learning_rate
        self.validation_fraction, self.gamma = validation_fraction, gamma
        self.critic_coefficient, self.megabytes_in_memory = critic_coefficient, megabytes_in_memory
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def begin(self, workshop: Workshop) -> None:
        """Read the data sets."""
        if not workshop.dataset:
            raise ConfigurationError("algorithm=bc imitates recorded rollouts: add runner.dataset=outputs/<a rollout>")
        self._workshop = workshop
        self._parameters = list(workshop.model.parameters())
        self.optimizer = torch.optim.Adam(self._parameters, self.learning_rate, fused=True)
        self.counts = {"epochs": 0}
        recorded = RecordedDecisions(
            workshop.dataset,
            workshop.env,
            workshop.model,
            traits=workshop.traits,
            gamma=self.gamma,
            trusted=workshop.trusted,
        )
        n = len(recorded.episodes)
        n_validation = round(self.validation_fraction * n)
        if self.validation_fraction and n > 1:
            n_validation = min(max(n_validation, 1), n - 1)
        self._seed = workshop.generator.initial_seed()
        order = np.random.default_rng(self._seed).permutation(n)
        self._folder = tempfile.TemporaryDirectory(prefix="maze-imitation-")
        try:
            self._validation = self._pieces("validation", recorded, order[:n_validation])
            self._training = self._pieces("training", recorded, order[n_validation:])
        finally:
            recorded.close()

    def iterate(self) -> dict[str, float]:
        """Go through all decisions once."""
        workshop, learning_rate = self._workshop, self.learning_rate * (1 - self.progress)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        means = _Means()
        for index in torch.randperm(len(self._training), generator=workshop.generator).tolist():
            for minibatch in self._minibatches(self._training[index], self.minibatch_size, workshop.generator):
                loss = self._loss(minibatch, means)
                self.optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                norm = nn.utils.get_total_norm([each.grad for each in self._parameters if each.grad is not None])
                means.add("gradient_norm", float(norm), 1)
                self.optimizer.step()
        self.counts["epochs"] += 1
        return means.figures("learning") | self._validate() | {"learning/learning_rate": learning_rate}

    def end(self) -> None:
        """Remove the pieces on disk."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def progress(self) -> float:
        """Share of the epochs."""
        return min(self.counts["epochs"] / self.n_epochs, 1.0)

    def _pieces(self, name: str, recorded: RecordedDecisions, places: np.ndarray) -> DecisionPieces:
        assert self._folder is not None  # noqa: S101 - begin has made it
        chosen: list[RecordedEpisode] = [recorded.episodes[place] for place in sorted(places.tolist())]
        return DecisionPieces(
            recorded.read(chosen),
            n_bytes=recorded.n_bytes(chosen),
            most_bytes=round(self.megabytes_in_memory * _MEGABYTE),
            folder=Path(self._folder.name, name),
            seed=self._seed,
        )

    def _validate(self) -> dict[str, float]:
        """Loss and accuracy on the decisions that are not learned from."""
        means = _Means()
        with torch.no_grad():
            for index in range(len(self._validation)):
                for minibatch in self._minibatches(self._validation[index], ROWS_AT_ONCE, torch.Generator()):
                    self._loss(minibatch, means)
        return means.figures("validation")

    def _minibatches(
        self, piece: Mapping[StepKey, KeyDecisions], size: int, generator: torch.Generator
    ) -> Iterator[dict[StepKey, _KeyTensors]]:
        device = self._workshop.device
        tensors = {key: [torch.from_numpy(array) for array in of_key.arrays] for key, of_key in piece.items()}
        n_decisions = {key: len(of_key) for key, of_key in piece.items()}
        for rows in minibatches(n_decisions, size, generator, torch.device("cpu")):
            yield {key: [tensor[of_key].to(device) for tensor in tensors[key]] for key, of_key in rows.items()}

    def _loss(self, minibatch: Mapping[StepKey, _KeyTensors], means: _Means) -> Tensor:
        """The loss, in which every decision has the same weight; what it consists of goes to the means."""
        model, n = self._workshop.model, sum(len(of_key[-1]) for of_key in minibatch.values())
        total = torch.zeros((), device=self._workshop.device)
        for key, (*leaves, actions, returns) in minibatch.items():
            n_of_key = len(actions)
            distribution = ActionDistribution(model.action_parameters(key, leaves), model.action_layouts[key])
            loss = -distribution.log_prob(actions).mean()
            means.add("loss", float(loss.detach()), n_of_key)
            means.add("entropy", float(distribution.entropy().mean().detach()), n_of_key)
            countable = _countable(model.action_layouts[key])
            if countable:
                hits = (distribution.mode[:, countable] == actions[:, countable]).all(1).float().mean()
                means.add("accuracy", float(hits), n_of_key)
            if self.critic_coefficient:
                critic_loss = smooth_l1_loss(model.values(key, leaves), returns)
                means.add("loss_critic", float(critic_loss.detach()), n_of_key)
                loss = loss + self.critic_coefficient * critic_loss
            total = total + n_of_key / n * loss
        return total


_KeyTensors = Sequence[Tensor]
"""The arrays of `KeyDecisions`."""


class _Means:
    """Means of figures, by name."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = defaultdict(float)
        self._weights: dict[str, float] = defaultdict(float)

    def add(self, name: str, value: float, weight: float) -> None:
        self._sums[name] += weight * value
        self._weights[name] += weight

    def figures(self, prefix: str) -> dict[str, float]:
        return {f"{prefix}/{name}": total / self._weights[name] for name, total in self._sums.items()}


def _countable(layout: ActionLayout) -> list[int]:
    """Columns of an action that are right or wrong, as real numbers are not."""
    return [
        column
        for part in layout.parts
        if not isinstance(part, GaussianPart)
        for column in range(part.columns.start, part.columns.stop)
    ]
