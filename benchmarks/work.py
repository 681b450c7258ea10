"""What a process of the benchmark is asked to do, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

CARTPOLE, LUNAR_LANDER, MOVING_PICTURE = "CartPole-v1", "LunarLander-v3", "moving_picture_env:MovingPicture-v0"
CUTTING = "cutting_2d_struct"

STEPS_PER_EPISODE = {CARTPOLE: 22, LUNAR_LANDER: 92, MOVING_PICTURE: 100, CUTTING: 100}
"""Of random actions, on average: how many episodes make about how many steps."""


@dataclass(frozen=True)
class Work:
    """What a process is to measure."""

    contender: str
    """Key of `contenders.steady_contenders`, or "record", "read", "own_cost", "event_cost"."""

    env: str = CARTPOLE
    short: int = 0
    """Steps of the short run, about; the exact number is counted."""

    long: int = 0
    """Steps of the long run, likewise; of "record" it is the number of episodes."""

    n_processes: int = 1
    n_envs: int = 1
    """Environments that a peer steps together."""

    record: bool = True
    folder: str = "."
    """On the disk that is recorded to."""


class Played(NamedTuple):
    """A run of some length."""

    steps: int
    seconds: float


Play: TypeAlias = Callable[[int], Played]
"""Plays about so many steps."""


def n_episodes(env: str, n_steps: int) -> int:
    """Episodes of random actions that have about so many steps; an even number, to be shared by two."""
    return max(2, n_steps // STEPS_PER_EPISODE[env] // 2 * 2)
