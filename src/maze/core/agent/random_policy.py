"""Uniformly random decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import partial
from hashlib import shake_128
from itertools import chain, count
from typing import Any, TypeAlias

import gymnasium
import numpy as np

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID, StepKey

Stream: TypeAlias = Callable[[], Any]

BLOCK = 32
"""Actions drawn at a time: few enough for short episodes, because a call costs microseconds however little it draws."""


class RandomPolicy(StructuredPolicy):
    """Samples every action from its space, as gymnasium's `Space.sample` distributes it.

    Args:
        action_spaces: The action space of each step key.

    Example:
        >>> policy = RandomPolicy({0: gymnasium.spaces.Discrete(3)})
        >>> policy.reset(seed=7)
        >>> [int(policy.act(None, ActorID(0, 0))) for _ in range(6)]
        [1, 2, 0, 0, 2, 1]
    """

    def __init__(self, action_spaces: Mapping[StepKey, gymnasium.Space[Any]]) -> None:
        """Prepare one stream of actions per step key and slot."""
        self.action_spaces = action_spaces
        self._streams: dict[int, dict[StepKey, Stream]] = {}

    def reset(self, seed: int, slot: int = 0) -> None:
        """Begin a new stream of actions for each step key."""
        self._streams[slot] = {
            key: action_stream(space, seed, number) for number, (key, space) in enumerate(self.action_spaces.items())
        }

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        """Take the next action of the actor's stream; the observation does not matter."""
        return self._streams[slot][actor_id[0]]()


def action_stream(space: gymnasium.Space[Any], seed: int, number: int = 0) -> Stream:
    """Endless random samples of a space; nothing is drawn before the first is asked for.

    Args:
        space: Where the samples come from.
        seed: Of all the streams that belong together; not negative.
        number: Which of them this is; each is independent of the others.

    Example:
        >>> draw = action_stream(gymnasium.spaces.Box(-1, 1, (2,)), seed=3)
        >>> draw().dtype, draw().shape
        (dtype('float32'), (2,))
    """
    return chain.from_iterable(_blocks(space, seed, number)).__next__


def _blocks(space: gymnasium.Space[Any], seed: int, number: int) -> Iterable[Iterable[Any]]:
    if isinstance(space, gymnasium.spaces.Discrete):
        return map(partial(_discrete_block, space.dtype.type(space.start), np.uint64(space.n), f"{seed}/{number}/"), count())
    return _sampled_blocks(space, np.random.SeedSequence(seed, spawn_key=(number,)))


def _discrete_block(start: np.integer[Any], n: np.uint64, prefix: str, block: int) -> np.ndarray:
    """Words of the extendable hash SHAKE128 (FIPS 202), for to seed a generator takes longer than a short episode.

    The bias of the remainder is below n / 2**64. Actions have the space's dtype, as those that gymnasium samples: its
    environments check them faster than Python's integers.
    """
    words = np.frombuffer(shake_128(f"{prefix}{block}".encode()).digest(8 * BLOCK), np.uint64)
    return (words % n).astype(start.dtype) + start


def _sampled_blocks(space: gymnasium.Space[Any], seed: np.random.SeedSequence) -> Iterable[Iterable[Any]]:
    generator = np.random.default_rng(seed)
    if isinstance(space, gymnasium.spaces.Box) and space.is_bounded() and space.dtype.kind == "f":
        while True:
            block = generator.uniform(space.low, space.high, size=(BLOCK, *space.shape)).astype(space.dtype)
            yield block if space.shape else map(np.asarray, block)
    sampler = deepcopy(space)
    sampler.seed(int(generator.integers(2**31)))
    while True:
        yield (sampler.sample(),)
