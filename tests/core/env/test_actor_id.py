"""Who acts."""

from __future__ import annotations

from maze.core.env.actor_id import FLAT_ACTOR, ActorID


def test_actors_are_plain_tuples() -> None:
    assert ActorID("buy", 1) == ("buy", 1)
    assert {ActorID("buy", 1): 2}["buy", 1] == 2  # type: ignore[index]
    assert ActorID(step_key=0, agent_id=0) == FLAT_ACTOR
