"""The interface of policies, and functions as policies."""

from __future__ import annotations

from typing import Any

import pytest

from maze.core.agent.function_policy import FunctionPolicy
from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import FLAT_ACTOR, ActorID


def test_a_batch_is_decided_one_by_one_by_default() -> None:
    class Telling(StructuredPolicy):
        def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
            return observation, actor_id, slot

    actors = [ActorID("a", 0), ActorID("b", 1)]
    assert Telling().act_batch([1, 2], actors, [5, 3]) == [(1, actors[0], 5), (2, actors[1], 3)]
    with pytest.raises(ValueError, match=r"shorter|longer"):
        Telling().act_batch([1, 2], actors, [5])


def test_only_act_has_to_be_there() -> None:
    class Still(StructuredPolicy):
        def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
            return 0

    still = Still()
    still.reset(seed=1, slot=2)
    assert (still.n_envs, still.act(1, FLAT_ACTOR)) == (1, 0)
    with pytest.raises(TypeError, match="abstract"):
        StructuredPolicy()  # type: ignore[abstract]


def test_a_function_sees_the_observation_alone() -> None:
    policy = FunctionPolicy(lambda observation: observation + 1)
    assert policy.act(1, FLAT_ACTOR, slot=3) == 2
    assert policy.act_batch([1, 2], [FLAT_ACTOR] * 2, [0, 1]) == [2, 3]
