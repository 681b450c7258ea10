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

    should_stop: Callable[[], bool]
    """Whether it was asked to stop, as by Ctrl-C: what has begun is then cut short."""

    env: EnvRecipe
    """With its wrappers, for what learns from recordings."""

    traits: EnvTraits
    """How the environment has to be treated."""

    dataset: Sequence[Path]
    """Run directories of rollouts to learn from."""


class Algorithm(ABC):
    """Improves a model, iteration by iteration."""

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

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """What it would need, besides the weights, to go on later."""

    @abstractmethod
    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state that `state` gave.

        Raises:
            ConfigurationError: If it is of another model.
        """
