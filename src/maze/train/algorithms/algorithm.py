"""The interface of learning algorithms, and what they work with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maze.core.rollout.probe import EnvTraits
from maze.core.rollout.recipes import EnvRecipe
from maze.train.algorithms.optimizer_state import load_optimizer_state, optimizer_state
from maze.train.collected_episode import CollectedEpisode
from maze.train.models.actor_critic import ActorCritic


@dataclass(frozen=True)
class Workshop:
    """What an algorithm works with."""

    model: ActorCritic
    device: torch.device
    generator: torch.Generator
    """For what is drawn while learning, such as the order of minibatches."""

    play: Callable[[int], list[CollectedEpisode]]
    """Plays that many further episodes by the model as it is."""

    score: Callable[[Sequence[Mapping[str, np.ndarray]], int], list[list[float]]]
    """Plays that many further episodes by each of several weights, the same ones for all; gives their returns."""

    env: EnvRecipe
    """With its wrappers, for what learns from recordings."""

    traits: EnvTraits
    """How the environment has to be treated."""

    dataset: Sequence[Path]
    """Run directories of rollouts to learn from."""

    trusted: Sequence[str] = ()
    """Packages, besides maze's and those of `env`, whose classes the data set may name."""


class Algorithm(ABC):
    """Improves a model, iteration by iteration.

    An iteration may be broken off at any point: training then goes on from the state before it.
    """

    optimizer: torch.optim.Optimizer
    """What takes the steps; `begin` makes it."""

    counts: dict[str, int]
    """How far it has come, by names of its own; with the optimiser all that it remembers between iterations."""

    @abstractmethod
    def begin(self, workshop: Workshop) -> None:
        """Prepare to learn.

        Raises:
            ConfigurationError: If it cannot learn in this way.
        """

    @abstractmethod
    def iterate(self) -> dict[str, float]:
        """Improve the model a little; returns figures that tell how that went, by name."""

    def end(self) -> None:  # noqa: B027 - optional, for what holds on to something
        """Let go of everything; also called where `begin` has failed."""

    @property
    @abstractmethod
    def progress(self) -> float:
        """How much of the work is done, 0 to 1."""

    def state(self) -> dict[str, Tensor]:
        """What it would need, besides the weights, to go on later."""
        counts = {f"counts.{name}": torch.tensor(count) for name, count in self.counts.items()}
        return optimizer_state(self.optimizer) | counts

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state that `state` gave.

        Raises:
            ConfigurationError: If it is of another model.
            KeyError: If it lacks something.
        """
        load_optimizer_state(self.optimizer, state)
        self.counts = {name: int(state[f"counts.{name}"]) for name in self.counts}
