"""Seeds: from two base seeds to the specs of all episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from maze.core.recording.segment import EpisodeSpec
from maze.factory import ConfigurationError

LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Seeding:
    """Where the seeds of a run come from.

    Args:
        env_base_seed: Root of the environments' seeds; None: drawn.
        agent_base_seed: Root of the policies' seeds; None: drawn.
        explicit_env_seeds: Seeds of the environments, by episode, over again where there are more episodes.
        explicit_agent_seeds: Seeds of the policies, likewise.
        shuffle_seeds: Whether the explicit seeds come in an order drawn from the base seeds.

    Raises:
        ConfigurationError: If a seed is no integer of 0 to 2**63 - 1.

    Example:
        >>> Seeding(env_base_seed=1, agent_base_seed=2).specs([17])[0]
        EpisodeSpec(number=17, env_seed=1612783594, agent_seed=1187131072)
    """

    env_base_seed: int | None = None
    agent_base_seed: int | None = None
    explicit_env_seeds: Sequence[int] | None = None
    explicit_agent_seeds: Sequence[int] | None = None
    shuffle_seeds: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be a seed; draw the base seeds that were not given."""
        for name in ("env", "agent"):
            base, explicit = f"{name}_base_seed", f"explicit_{name}_seeds"
            if getattr(self, base) is None:
                object.__setattr__(self, base, int(np.random.SeedSequence().generate_state(1)[0]))
            _check_seed(base, getattr(self, base))
            seeds = getattr(self, explicit)
            if seeds is not None:
                if isinstance(seeds, str) or not isinstance(seeds, Sequence) or not seeds:
                    raise ConfigurationError(f"{explicit}={seeds!r}: give a list of at least one seed, such as [1, 2]")
                for seed in seeds:
                    _check_seed(explicit, seed)

    def specs(self, numbers: Sequence[int]) -> Sequence[EpisodeSpec]:
        """Specs of the episodes with these numbers; an episode's does not depend on which others there are."""
        n = max(numbers, default=-1) + 1
        indices = np.array(numbers, np.int64)
        return _Specs(
            numbers,
            self._seeds(self.env_base_seed, self.explicit_env_seeds, 0, n)[indices],
            self._seeds(self.agent_base_seed, self.explicit_agent_seeds, 1, n)[indices],
        )

    @property
    def preparation_seed(self) -> int:
        """Seeds what happens before the first episode; it depends on the environments' seeds alone.

        Example:
            >>> seedings = Seeding(env_base_seed=1, agent_base_seed=2), Seeding(env_base_seed=1, agent_base_seed=3)
            >>> len({seeding.preparation_seed for seeding in seedings})
            1
        """
        root = self.env_base_seed if self.explicit_env_seeds is None else list(self.explicit_env_seeds)
        return int(np.random.SeedSequence(root, spawn_key=(2,)).generate_state(1)[0])

    def to_json(self) -> dict[str, object]:
        """What run.json keeps; it gives an equal `Seeding` again."""
        return {
            "env_base_seed": self.env_base_seed,
            "agent_base_seed": self.agent_base_seed,
            "explicit_env_seeds": None if self.explicit_env_seeds is None else list(self.explicit_env_seeds),
            "explicit_agent_seeds": None if self.explicit_agent_seeds is None else list(self.explicit_agent_seeds),
            "shuffle_seeds": self.shuffle_seeds,
        }

    def _seeds(self, base: int | None, explicit: Sequence[int] | None, domain: int, n: int) -> np.ndarray:
        """Seeds of the first n episodes.

        The domain keeps the environments' seeds apart from the policies' where both have one base seed. One sequence
        gives all seeds at once, each a word of its hash, which takes nanoseconds where `spawn` takes microseconds; 31
        bits, because some simulators take no more.
        """
        sequence = np.random.SeedSequence(base, spawn_key=(domain,))
        if explicit is None:
            return sequence.generate_state(n, np.uint32) >> 1
        seeds = np.array(explicit, np.int64)
        if self.shuffle_seeds:
            seeds = np.random.default_rng(sequence).permutation(seeds)
        return np.resize(seeds, n)


class _Specs(Sequence[EpisodeSpec]):
    """Specs that are made when they are asked for: of a million episodes, there are only numbers in memory."""

    def __init__(self, numbers: Sequence[int], env_seeds: np.ndarray, agent_seeds: np.ndarray) -> None:
        self._numbers, self._env_seeds, self._agent_seeds = numbers, env_seeds, agent_seeds

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> EpisodeSpec: ...

    @overload
    def __getitem__(self, index: slice) -> _Specs: ...

    def __getitem__(self, index: int | slice) -> EpisodeSpec | _Specs:
        if isinstance(index, slice):
            return _Specs(self._numbers[index], self._env_seeds[index], self._agent_seeds[index])
        return EpisodeSpec(self._numbers[index], int(self._env_seeds[index]), int(self._agent_seeds[index]))


def _check_seed(name: str, seed: object) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise ConfigurationError(f"{name}: {seed!r} is no seed: give an integer of 0 to 2**63 - 1")
