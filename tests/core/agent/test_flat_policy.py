"""The interface of policies for one kind of decision."""

from __future__ import annotations

from typing import Any

import pytest

from maze.core.agent.flat_policy import FlatPolicy


def test_a_batch_is_decided_one_by_one_by_default() -> None:
    class Telling(FlatPolicy):
        def act(self, observation: Any, agent_id: int = 0, slot: int = 0) -> Any:
            return observation, agent_id, slot

    assert Telling().act_batch(["a", "b"], [4, 7], [1, 0]) == [("a", 4, 1), ("b", 7, 0)]
    with pytest.raises(ValueError, match=r"shorter|longer"):
        Telling().act_batch(["a", "b"], [4, 7], [1])


def test_only_act_has_to_be_there() -> None:
    with pytest.raises(TypeError, match="abstract"):
        FlatPolicy()  # type: ignore[abstract]
