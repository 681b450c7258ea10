"""Uniformly random decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from hashlib import blake2b
from itertools import chain, count
from struct import Struct
from typing import Any, TypeAlias

import gymnasium
import numpy as np

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.action_masks import ActionMask, masks_of
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.structured_env import ActionMasks
from maze.factory import ConfigurationError

Stream: TypeAlias = Callable[[], Any]
Draw: TypeAlias = Callable[[Any], Any]
"""Gives an action that is legal by the observation."""

BLOCK = 32
"""Actions drawn at a time: few enough for short episodes, because a call costs microseconds however little it draws."""

BYTES = 2**8

_WORDS = Struct("<8Q")

MOST_STEP_KEYS = 2**16
"""Numbers below are the step keys'; the streams of their actions' entries have those above."""


class RandomPolicy(StructuredPolicy):
    """Samples every action from its space, as gymnasium's `Space.sample` distributes it; legal ones where masks tell.

    Each legal value of a masked action is as likely as the others; the components of one are drawn independently.

    Args:
        action_spaces: The action space of each step key.
        action_masks: Which observations say what is legal, as the environment declares it.

    Raises:
        ConfigurationError: If a mask is declared for an action that does not exist or cannot be masked.

    Example:
        >>> policy = RandomPolicy({0: gymnasium.spaces.Discrete(3)})
        >>> policy.reset(seed=7)
        >>> [int(policy.act(None, ActorID(0, 0))) for _ in range(6)]
        [1, 0, 1, 0, 0, 1]
        >>> policy = RandomPolicy({0: gymnasium.spaces.Discrete(3)}, {0: {None: "legal"}})
        >>> policy.reset(seed=7)
        >>> [int(policy.act({"legal": np.array([1, 0, 1])}, ActorID(0, 0))) for _ in range(6)]
        [2, 2, 2, 2, 2, 0]
    """

    def __init__(
        self, action_spaces: Mapping[StepKey, gymnasium.Space[Any]], action_masks: ActionMasks | None = None
    ) -> None:
        """Prepare one stream of actions per step key and slot."""
        self.action_spaces = action_spaces
        self._makers = [
            (key, _stream_maker(space, number)) for number, (key, space) in enumerate(action_spaces.items())
        ]
        self._streams: dict[int, dict[StepKey, Stream]] = {}
        self._draws: dict[int, dict[StepKey, Draw]] = {}
        try:
            masks = {key: masks_of(action_masks or {}, key, space) for key, space in action_spaces.items()}
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        self._masks = {key: declared for key, declared in masks.items() if declared}
        if self._masks:  # others do not pay for the question
            self.act = self._act_legally  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        """All but the streams, which cannot be copied: a copy begins with its own reset."""
        return {**self.__dict__, "_streams": {}, "_draws": {}}

    def reset(self, seed: int, slot: int = 0) -> None:
        """Begin a new stream of actions for each step key."""
        self._streams[slot] = {key: make(seed) for key, make in self._makers}
        if self._masks:
            self._draws[slot] = {
                key: _legal_draw(space, self._masks[key], seed, number)
                for number, (key, space) in enumerate(self.action_spaces.items())
                if key in self._masks
            }

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        """Take the next action of the actor's stream; the observation matters only for its masks."""
        return self._streams[slot][actor_id[0]]()

    def _act_legally(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        """As `act`, for an environment with masks."""
        draw = self._draws[slot].get(actor_id[0])
        if draw is None:
            return self._streams[slot][actor_id[0]]()
        try:
            return draw(observation)
        except ValueError as error:
            raise ValueError(
                f"the actor {tuple(actor_id)} cannot act, {error}: let the environment mask an actor that must act "
                "so that at least one action is legal"
            ) from None


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
    return _stream_maker(space, number)(seed)


def _stream_maker(space: gymnasium.Space[Any], number: int) -> Callable[[int], Stream]:
    """Makes the stream of a space for any seed; what does not depend on the seed is done once."""
    if isinstance(space, gymnasium.spaces.Discrete):
        # Of the space's dtype, as gymnasium's samples are: its environments check these faster than Python's integers.
        start, n, dtype = int(space.start), int(space.n), space.dtype.type
        if n > BYTES:
            return lambda seed: (dtype(start + word % n) for word in _words(f"{seed}/{number}/")).__next__
        actions = [dtype(start + byte % n) for byte in range(BYTES)]
        biased = bytes(range(BYTES - BYTES % n, BYTES))
        return lambda seed: map(actions.__getitem__, _bytes(f"{seed}/{number}/", biased)).__next__

    def make(seed: int) -> Stream:
        return chain.from_iterable(_sampled_blocks(space, np.random.SeedSequence(seed, spawn_key=(number,)))).__next__

    return make


def _legal_draw(space: gymnasium.Space[Any], masks: Sequence[ActionMask], seed: int, number: int) -> Draw:
    """Draws legal actions of one step key, from streams of their own.

    Args:
        space: Of the action.
        masks: Those that are declared for it, one at least.
        seed: Of all streams of the policy.
        number: Of the step key.
    """
    by_key = {mask.action_key: mask for mask in masks}
    if not isinstance(space, gymnasium.spaces.Dict):
        return partial(_legal_action, by_key[None], _words(f"{seed}/{number}/legal/").__next__)
    draws = {
        key: partial(_legal_action, by_key[key], _words(f"{seed}/{number}/legal/{position}/").__next__)
        for position, key in enumerate(space.spaces)
        if key in by_key
    }
    streams = {
        key: action_stream(child, seed, MOST_STEP_KEYS * (position + 1) + number)
        for position, (key, child) in enumerate(space.spaces.items())
        if key not in by_key
    }

    def draw(observation: Any) -> dict[str, Any]:
        return {key: draws[key](observation) if key in draws else streams[key]() for key in space.spaces}

    return draw


def _legal_action(mask: ActionMask, next_word: Callable[[], int], observation: Any) -> Any:
    """Draw each component by the remainder of a word, whose bias is below the number of values / 2**64."""
    return mask.action_of([legal[next_word() % len(legal)] for legal in mask.legal_values(observation)])


def _words(prefix: str) -> Iterator[int]:
    """Endless random words of 64 bits."""
    return chain.from_iterable(map(_WORDS.unpack, map(partial(_hash, prefix, b""), count())))


def _bytes(prefix: str, left_out: bytes) -> Iterator[int]:
    """Endless random bytes, some of them left out."""
    return chain.from_iterable(map(partial(_hash, prefix, left_out), count()))


def _hash(prefix: str, left_out: bytes, block: int) -> bytes:
    """64 bytes of the hash BLAKE2b (RFC 7693), for to seed a generator takes longer than a short episode."""
    return blake2b(f"{prefix}{block}".encode()).digest().translate(None, left_out)


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
