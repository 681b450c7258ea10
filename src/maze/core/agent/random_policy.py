"""Uniformly random decisions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

import gymnasium
import numpy as np

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID, StepKey

Stream: TypeAlias = Callable[[], Any]

FIRST_BLOCK, LARGEST_BLOCK = 32, 1024


class RandomPolicy(StructuredPolicy):
    """Samples every action from its space, as gymnasium's `Space.sample` distributes it.

    Actions are drawn in blocks, because a generator's call costs microseconds, however little it draws.

    Args:
        action_spaces: The action space of each step key.

    Example:
        >>> policy = RandomPolicy({0: gymnasium.spaces.Discrete(3)})
        >>> policy.reset(seed=7)
        >>> [policy.act(None, ActorID(0, 0)) for _ in range(6)]
        [2, 1, 2, 2, 1, 2]
    """

    def __init__(self, action_spaces: Mapping[StepKey, gymnasium.Space[Any]]) -> None:
        """Prepare one stream of actions per step key and slot."""
        self.action_spaces = action_spaces
        self._streams: dict[int, dict[StepKey, Stream]] = {}
        self._generators: dict[int, np.random.Generator] = {}

    def reset(self, seed: int, slot: int = 0) -> None:
        """Begin new streams of actions, all from one generator."""
        if slot not in self._generators:
            self._generators[slot] = np.random.Generator(np.random.PCG64())
        generator = self._generators[slot]
        generator.bit_generator.state = seeded_state(seed)
        self._streams[slot] = {key: action_stream(space, generator) for key, space in self.action_spaces.items()}

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        """Take the next action of the actor's stream; the observation does not matter."""
        return self._streams[slot][actor_id[0]]()


def seeded_state(seed: int) -> dict[str, Any]:
    """State of a PCG64 generator for a seed; to set it takes a tenth of the time that a new generator takes.

    The 256 bits are a BLAKE2b digest of the seed (RFC 7693), the increment made odd as O'Neill's PCG requires.

    Example:
        >>> seeded_state(1)["bit_generator"], seeded_state(1) == seeded_state(1), seeded_state(1) == seeded_state(2)
        ('PCG64', True, False)
    """
    digest = hashlib.blake2b(seed.to_bytes(32, "little"), digest_size=32).digest()
    state, increment = int.from_bytes(digest[:16], "little"), int.from_bytes(digest[16:], "little") | 1
    return {"bit_generator": "PCG64", "state": {"state": state, "inc": increment}, "has_uint32": 0, "uinteger": 0}


def action_stream(space: gymnasium.Space[Any], generator: np.random.Generator) -> Stream:
    """Endless random samples of a space; nothing is drawn before the first is asked for.

    Example:
        >>> draw = action_stream(gymnasium.spaces.Box(-1, 1, (2,)), np.random.default_rng(3))
        >>> draw().round(2)
        array([-0.83, -0.53], dtype=float32)
    """
    blocks = (_draw(space, generator, size) for size in _block_sizes())
    return chain.from_iterable(blocks).__next__


def _block_sizes() -> Iterator[int]:
    size = FIRST_BLOCK
    while True:
        yield size
        size = min(2 * size, LARGEST_BLOCK)


def _draw(space: gymnasium.Space[Any], generator: np.random.Generator, size: int) -> Iterable[Any]:
    if isinstance(space, gymnasium.spaces.Discrete):
        block: list[int] = generator.integers(space.start, space.start + space.n, size=size).tolist()
        return block
    if isinstance(space, gymnasium.spaces.Box) and space.is_bounded() and space.dtype.kind == "f":
        return generator.uniform(space.low, space.high, size=(size, *space.shape)).astype(space.dtype)
    sampler = deepcopy(space)
    sampler.seed(int(generator.integers(2**31)))
    return map(partial(_sample, sampler), range(size))


def _sample(space: gymnasium.Space[Any], _: int) -> Any:
    return space.sample()
