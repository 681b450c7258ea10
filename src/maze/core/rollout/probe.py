"""A look at an environment before the run: what must be done so that its episodes depend on their seeds alone."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from maze.core.agent.random_policy import RandomPolicy
from maze.core.env.actor_id import ActorID
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.segment import EpisodeSpec, Segment
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.core.rollout.episode_loop import LoopSettings, play_episode
from maze.core.rollout.recipes import EnvRecipe

PROBED_STEPS = 32
_SPEC, _OTHER_SPEC = EpisodeSpec(0, 20250, 7), EpisodeSpec(1, 20251, 8)


@dataclass(frozen=True)
class EnvTraits:
    """How an environment has to be treated so that its episodes depend on their seeds alone.

    Example:
        >>> EnvTraits().reproducible
        True
    """

    copy_observations: bool = False
    """It writes into observations that it has returned."""

    seed_globals: bool = False
    """It draws from the global generators of `random` or `numpy.random`."""

    fresh: bool = False
    """What it did before shows in its next episode: it is built anew for each."""

    reproducible: bool = True
    """The same seeds give the same episode, treated like that."""


def probe_env(recipe: EnvRecipe, *, fresh: bool = False) -> EnvTraits:
    """Play the same short episode in a fresh environment and in a used one, and compare.

    Args:
        recipe: Builds an environment, several times.
        fresh: Whether the user wants it built anew for each episode in any case.

    Returns:
        The mildest treatment that makes both episodes equal, bit for bit; `reproducible=False` where none does.
    """
    traits = EnvTraits(fresh=fresh)
    fresh_play, used_play = _Probe(recipe), _Probe(recipe, used=True)
    try:
        first = fresh_play.play(traits)
        traits = replace(traits, copy_observations=fresh_play.rewrites, seed_globals=fresh_play.draws_globally)
        if traits.copy_observations or traits.seed_globals:
            first = fresh_play.again(traits)
        if not traits.fresh and first != used_play.play(traits):
            traits = replace(traits, fresh=True)
        if traits.fresh:
            traits = replace(traits, reproducible=fresh_play.again(traits) == first)
    finally:
        fresh_play.close()
        used_play.close()
    return traits


def seed_global_generators(seed: int) -> None:
    """Seed `random` and `numpy.random`, for an environment that draws from them."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - the global generator is the point


class _Probe:
    """One environment, and the beginning of one episode in it."""

    def __init__(self, recipe: EnvRecipe, *, used: bool = False) -> None:
        self._recipe = recipe
        self._used = used
        self._env: StructuredEnv | None = None
        self.rewrites = False
        self.draws_globally = False

    def play(self, traits: EnvTraits) -> bytes:
        self._env = self._recipe()
        if self._used:
            self._steps(self._env, _OTHER_SPEC, traits)
        return self._steps(self._env, _SPEC, traits)

    def again(self, traits: EnvTraits) -> bytes:
        self.close()
        return self.play(traits)

    def close(self) -> None:
        if self._env is not None:
            self._recipe.close(self._env)
            self._env = None

    def _steps(self, env: StructuredEnv, spec: EpisodeSpec, traits: EnvTraits) -> bytes:
        schema = TrajectorySchema(env.observation_spaces, env.action_spaces)
        policy = RandomPolicy(env.action_spaces, env.action_masks)
        policy.reset(spec.agent_seed)
        if traits.seed_globals:
            seed_global_generators(spec.env_seed)
        before = global_generators()
        segments: list[Segment] = []
        settings = LoopSettings(PROBED_STEPS, copy_observations=traits.copy_observations)
        seen: list[tuple[Any, Any, bytes]] = []

        def act(observation: Any, actor: ActorID, slot: int) -> Any:
            codec = schema.observation_codecs[schema.key_index[actor.step_key]]
            self.rewrites |= any(_frozen(its, earlier) != frozen for its, earlier, frozen in seen[-2:])
            seen.append((codec, observation, _frozen(codec, observation)))
            return policy.act(observation, actor, slot)

        play_episode(env, spec, settings, segments.append, [0] * 3, 2, act)
        self.draws_globally |= global_generators() != before
        return b"".join(piece for segment in segments for piece in schema.canonical_pieces(schema.pack(segment)))


def _frozen(codec: Any, observation: Any) -> bytes:
    return b"".join(codec.canonical_bytes(codec.stack([observation])))


def global_generators() -> tuple[Any, ...]:
    """States of the generators that everything in a process shares.

    Example:
        >>> before = global_generators()
        >>> _ = random.random()
        >>> before == global_generators()
        False
    """
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - the global generator is the point
    return random.getstate(), name, np.asarray(keys).tobytes(), *rest
