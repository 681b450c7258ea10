"""Whose turn it is, who leaves, and what the steps earn, told by hand."""

from __future__ import annotations

from tests.interop.sample_agents import Hunt, Race

from maze.interop.pettingzoo_turns import AgentTurns, TurnsAtOnce, TurnsInOrder


def told(turns: AgentTurns, action: int) -> tuple[object, ...]:
    agent = turns.agent
    turns.step(action)
    return agent, dict(turns.rewards), turns.is_round_over, list(turns.departed), turns.is_over


def test_agents_in_order() -> None:
    turns = TurnsInOrder(Hunt())
    turns.reset(3, None)
    turns.env.luck = 0
    assert turns.living() == ["fox_0", "fox_1", "fox_2"]
    assert told(turns, 1) == ("fox_0", {"fox_0": 1, "fox_1": -0.5, "fox_2": -0.5}, False, [], False)
    assert told(turns, 1)[2] is False
    assert told(turns, 3)[2] is True
    assert turns.living() == ["fox_0", "fox_1", "fox_2", "hen_7"]
    told(turns, 0)
    told(turns, 0)
    assert told(turns, 2) == (
        "fox_2",
        {"fox_2": 2, "fox_0": -1, "fox_1": -1, "hen_7": -1},
        False,
        ["fox_2"],
        False,
    )
    assert turns.observe("fox_2")[0].tolist() == [5, 1]
    assert turns.agent == "hen_7"
    assert told(turns, 1)[2] is True
    assert turns.living() == ["fox_0", "fox_1", "hen_7"]


def test_the_end_of_all_is_a_cut_unless_one_reached_an_end_of_its_own() -> None:
    for last_bite, terminated in ((0, False), (3, True)):
        turns = TurnsInOrder(Hunt())
        turns.reset(3, None)
        turns.env.luck = 0
        for _ in range(14):
            told(turns, 1)
        assert not turns.is_over
        assert told(turns, last_bite)[2:] == (True, ["fox_0", "fox_1", "fox_2", "hen_7"], True)
        assert (turns.agent, turns.terminated) == ("hen_7", terminated)
        turns.reset(4, None)
        assert (turns.agent, turns.is_over, turns.departed) == ("fox_0", False, {})


def test_agents_at_once() -> None:
    turns = TurnsAtOnce(Race())
    turns.reset(3, None)
    assert told(turns, 2) == ("runner_0", {}, False, [], False)
    assert told(turns, 1) == ("runner_1", {"runner_0": 2, "runner_1": 1}, True, [], False)
    told(turns, 2)
    assert told(turns, 1) == ("runner_1", {"runner_0": 2, "runner_1": 1}, True, ["runner_0"], False)
    assert turns.living() == ["runner_1", "late"]
    assert turns.observe("runner_0")[0]["place"].tolist() == [4, 2, 0]
    for _ in range(6):
        told(turns, 0)
    assert told(turns, 0)[2:] == (False, ["runner_0"], False)
    assert told(turns, 0)[2:] == (True, ["runner_0", "runner_1", "late"], True)
    assert turns.terminated is False
