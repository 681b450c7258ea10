"""What a worker is told to do, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from maze.core.rollout.probe import EnvTraits
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe


@dataclass(frozen=True)
class RolloutJob:
    """Everything that the workers of a run have in common."""

    env: EnvRecipe
    policy: PolicyRecipe
    run_dir: Path

    max_episode_steps: int = 0
    """Rounds after which an episode is cut; 0: never."""

    record_trajectory: bool = True
    record_event_logs: bool = True
    record_policy_outputs: bool = False

    n_envs: int | None = None
    """Slots of a worker; None: as many as the policy asks for."""

    preparation_seed: int = 0
    """Seeds what happens before the first episode."""

    traits: EnvTraits = field(default_factory=EnvTraits)
    """How the environment has to be treated."""


class Done(NamedTuple):
    """An episode was played to its end; it is not on disk yet."""

    number: int
    episode_return: float
    length: int


class Failed(NamedTuple):
    """An episode raised an error."""

    number: int
    step: int
    error: str
    """In one line."""

    traceback: str


class Committed(NamedTuple):
    """Episodes are on disk for good."""

    parts: dict[str, list[int]]
    """Numbers of the episodes, by the name of their part."""


class Noted(NamedTuple):
    """Something that the user should know."""

    line: str


Report: TypeAlias = Done | Failed | Committed | Noted
