"""Seeds of a training run: from two base seeds to all that is drawn in it."""

from __future__ import annotations

import numpy as np

from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.seeding import Seeding

TRAINING, EVALUATION, MODEL, LEARNING = 3, 4, 5, 6
"""What keeps the seeds for different ends apart; those below are a rollout's."""


class TrainingSeeds:
    """Gives every episode its seeds, by number; those of evaluation are the same ones every time.

    Args:
        seeding: With the base seeds.

    Example:
        >>> seeds = TrainingSeeds(Seeding(env_base_seed=1, agent_base_seed=2))
        >>> seeds.training(first=7, n=1) == seeds.training(first=0, n=8)[7:]
        True
    """

    def __init__(self, seeding: Seeding) -> None:
        """Keep the base seeds."""
        self._env_base_seed, self._agent_base_seed = seeding.env_base_seed, seeding.agent_base_seed

    def training(self, first: int, n: int) -> list[EpisodeSpec]:
        """Episodes to learn from."""
        return [self._spec(TRAINING, number) for number in range(first, first + n)]

    def evaluation(self, n: int) -> list[EpisodeSpec]:
        """Episodes to evaluate by."""
        return [self._spec(EVALUATION, number) for number in range(n)]

    @property
    def model(self) -> int:
        """Determines the weights that a model begins with."""
        return _word(self._agent_base_seed, MODEL)

    @property
    def learning(self) -> int:
        """Determines what is drawn while learning."""
        return _word(self._agent_base_seed, LEARNING)

    def _spec(self, domain: int, number: int) -> EpisodeSpec:
        return EpisodeSpec(
            number, _word(self._env_base_seed, domain, number), _word(self._agent_base_seed, domain, number)
        )


def _word(base: int | None, *key: int) -> int:
    return int(np.random.SeedSequence(base, spawn_key=key).generate_state(1)[0]) >> 1
