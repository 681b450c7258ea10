"""The episode loop, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any

import gymnasium
import numpy as np
import pytest
from tests.core.rollout.sample_envs import Alternating, Opened, Reset, ReusingWalk, Step, Trade, Traded, Walk

from maze.core.env.actor_id import FLAT_ACTOR, ActorID
from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.decision_error import DecisionError
from maze.core.recording.segment import EpisodeEnd, EpisodeSpec, Segment
from maze.core.rollout.episode_loop import LoopSettings, play_by_sending, play_episode

SPEC = EpisodeSpec(0, 12, 34)
Act = Callable[[Any, ActorID, int], Any]
Played = tuple[list[Segment], EpisodeEnd, list[int]]


def play_alone(env: StructuredEnv, act: Act, settings: LoopSettings) -> Played:
    segments, beats = list[Segment](), [0, 0, 0]
    end = play_episode(env, SPEC, settings, segments.append, beats, 2, act)
    return segments, end, beats


def play_together(env: StructuredEnv, act: Act, settings: LoopSettings) -> Played:
    segments, beats = list[Segment](), [0, 0, 0]
    play = play_by_sending(env, SPEC, settings, segments.append, beats, 2)
    try:
        observation, actor = next(play)
        while True:
            observation, actor = play.send(act(observation, actor, 0))
    except StopIteration as stop:
        return segments, stop.value, beats


@pytest.fixture(params=[play_alone, play_together])
def play(request: pytest.FixtureRequest) -> Any:
    loop = request.param
    return lambda env, act=lambda *_: 1, **settings: loop(env, act, LoopSettings(**settings))


class Counter(Walk):
    """Observes the number of steps; ends as it is told."""

    observation_space = gymnasium.spaces.Discrete(1000)

    def __init__(self, terminates: int = 0, truncates: int = 0) -> None:
        super().__init__()
        self.terminates, self.truncates = terminates, truncates

    def observe(self) -> Any:
        return self.n

    def step(self, action: Any) -> Step:
        self.n += 1
        return self.n, float(self.n), self.n == self.terminates, self.n == self.truncates, {"n": self.n}


def test_a_flat_episode(play: Any) -> None:
    actions = []

    def act(observation: Any, actor: ActorID, slot: int) -> Any:
        actions.append((observation, actor, slot))
        return observation % 2

    (segment,), end, beats = play(GymEnv(Counter(terminates=3)), act)
    assert segment.observations == [0, 1, 2, 3]
    assert segment.actions == [0, 1, 0]
    assert segment.rewards == [1, 2, 3]
    assert (segment.actors, segment.times, segment.credits, segment.events) == (None, None, None, [])
    assert end._replace(seconds=None) == EpisodeEnd(3, True, False, None, {"n": 3})
    assert actions == [(n, FLAT_ACTOR, 0) for n in range(3)]
    assert beats[2] == 3


@pytest.mark.parametrize(
    ("terminates", "truncates", "own_limit", "runners_limit", "expected"),
    [
        (5, 0, None, 0, (5, True, False, None)),
        (0, 5, None, 0, (5, False, True, "env")),
        (5, 5, None, 0, (5, True, True, "env")),
        (9, 0, 5, 0, (5, False, True, "env")),
        (9, 0, 5, 5, (5, False, True, "env")),
        (9, 0, 5, 6, (5, False, True, "env")),
        (9, 0, 5, 4, (4, False, True, "runner")),
        (9, 0, None, 4, (4, False, True, "runner")),
        (5, 0, None, 5, (5, True, False, None)),
        (0, 5, None, 5, (5, False, True, "env")),
        (5, 0, 5, 0, (5, True, False, None)),
        (1, 0, None, 1, (1, True, False, None)),
        (9, 0, None, 1, (1, False, True, "runner")),
    ],
)
@pytest.mark.parametrize("rows", [1, 2, 5, 100])
def test_ends(  # noqa: PLR0917 - parameters of a test
    terminates: int, truncates: int, own_limit: int, runners_limit: int, expected: Any, rows: int, play: Any
) -> None:
    env = GymEnv(Counter(terminates, truncates))
    env.max_episode_steps = own_limit
    segments, end, _ = play(env, max_episode_steps=runners_limit, segment_rows=rows)
    assert ends(end) == expected
    length = expected[0]
    assert [observation for segment in segments for observation in segment.observations] == list(range(length + 1))
    assert [segment.start for segment in segments] == list(range(0, length, rows))
    assert [len(segment.actions) for segment in segments[:-1]] == [rows] * (len(segments) - 1)
    assert [(s.terminated, s.truncated) for s in segments[:-1]] == [(False, False)] * (len(segments) - 1)
    assert (segments[-1].terminated, segments[-1].truncated) == expected[1:3]


def ends(end: EpisodeEnd) -> tuple[Any, ...]:
    return end.length, end.terminated, end.truncated, end.truncated_by


def test_observations_that_are_reused_are_copied_on_demand(play: Any) -> None:
    (plain,), _, _ = play(GymEnv(ReusingWalk()), max_episode_steps=3)
    assert len({id(observation) for observation in plain.observations}) == 1
    (copied,), _, _ = play(GymEnv(ReusingWalk()), max_episode_steps=3, copy_observations=True)
    assert [observation[1] for observation in copied.observations] == [0, 1, 2, 3]


def test_a_structured_episode(play: Any) -> None:
    policy = Alternating()
    policy.reset(0)
    (segment,), end, beats = play(Trade(), policy.act)
    first, second, accepting = Trade.TURNS
    assert segment.actors == [*Trade.TURNS, *Trade.TURNS, *Trade.TURNS]
    assert segment.times == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert segment.credits == [0.25, 0, 0.75, 0.5, 0, 1.5]
    assert segment.departures == dict.fromkeys([3, 4, 5], "terminated")
    assert (len(segment.observations), len(segment.actions)) == (9, 6)
    assert [(r.step, r.time, r.actor_id, r.event) for r in segment.event_records()] == [
        (-1, 0, first, Opened()),
        (0, 0, first, Traded(1, "agent 0")),
        (1, 0, second, Traded(2, "agent 1")),
        (3, 1, first, Traded(3, "agent 0")),
        (4, 1, second, Traded(4, "agent 1")),
    ]
    assert (ends(end), end.actor_id) == ((2, True, False, None), accepting)
    assert beats[2] == 6


@pytest.mark.parametrize("rows", [2, 3, 4, 5, 6, 100])
def test_no_credit_is_lost_between_segments(rows: int, play: Any) -> None:
    policy = Alternating()
    policy.reset(0)
    segments, _, _ = play(Trade(), policy.act, segment_rows=rows)
    shares = [credit for segment in segments for credit in segment.credits]
    assert len(shares) == 6
    assert sum(shares) == pytest.approx(3.0)


@pytest.mark.parametrize(("limit", "n_decisions"), [(1, 3), (2, 6), (3, 6)])
def test_the_limit_counts_rounds(limit: int, n_decisions: int, play: Any) -> None:
    policy = Alternating()
    policy.reset(0)
    segments, end, _ = play(Trade(), policy.act, max_episode_steps=limit, segment_rows=2)
    assert sum(len(segment.actions) for segment in segments) == n_decisions
    assert ends(end) == ((1, False, True, "runner") if limit == 1 else (2, True, False, None))


def test_an_env_that_says_nothing_about_turns_is_flat(play: Any) -> None:
    class Plain(StructuredEnv):
        observation_spaces: Mapping[Any, Any] = {0: gymnasium.spaces.Discrete(9)}
        action_spaces: Mapping[Any, Any] = {0: gymnasium.spaces.Discrete(2)}

        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
            self.n = 0
            return 0, {}

        def step(self, action: Any) -> Step:
            self.n += 1
            return self.n, np.float32(0.5), self.n == 8, False, {}  # type: ignore[return-value]

    (segment,), end, _ = play(Plain(), max_episode_steps=4)
    assert (segment.actors, segment.times, segment.credits) == (None, None, None)
    assert segment.rewards == [0.5] * 4
    assert (ends(end), end.actor_id) == ((4, False, True, "runner"), FLAT_ACTOR)


class Duel(StructuredEnv):
    """Two agents by turns; says nothing of rounds, rewards and ends."""

    observation_spaces: Mapping[Any, Any] = {"duel": gymnasium.spaces.Discrete(9)}
    action_spaces: Mapping[Any, Any] = {"duel": gymnasium.spaces.Discrete(2)}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        self.n = 0
        return 0, {}

    def step(self, action: Any) -> Step:
        self.n += 1
        return self.n, 0.5, self.n == 8, False, {}

    def actor_id(self) -> ActorID:
        return ActorID("duel", self.n % 2)


def test_without_a_clock_every_step_is_a_round_and_every_reward_its_actors(play: Any) -> None:
    (segment,), end, _ = play(Duel(), max_episode_steps=3)
    assert segment.times == [0, 1, 2, 3]
    assert (segment.credits, segment.rewards) == (None, [0.5] * 3)
    assert [actor.agent_id for actor in segment.actors] == [0, 1, 0, 1]
    assert (ends(end), end.actor_id) == ((3, False, True, "runner"), ActorID("duel", 0))


def test_actors_may_be_plain_tuples(play: Any) -> None:
    class Plain(Duel):
        def actor_id(self) -> Any:
            return "duel", self.n % 2

    seen: list[ActorID] = []

    def act(observation: Any, actor: ActorID, slot: int) -> int:
        seen.append(actor)
        return actor.agent_id

    (segment,), _, _ = play(Plain(), act, max_episode_steps=2)
    assert segment.actors == [*seen, ActorID("duel", 0)] == [ActorID("duel", 0), ActorID("duel", 1), ActorID("duel", 0)]


class Earning(Duel):
    """Agents 0 and 1 act in the first two steps, then 0 alone; told by step who earns what."""

    def __init__(self, earned: Mapping[int, Mapping[int, float]], final: Sequence[int] = ()) -> None:
        self.earned, self.final = earned, final

    def actor_id(self) -> ActorID:
        return ActorID("duel", int(self.n == 1))

    def actor_rewards(self) -> Mapping[ActorID, float]:
        return {ActorID("duel", agent): share for agent, share in self.earned.get(self.n, {}).items()}

    def final_observations(self) -> Mapping[ActorID, Any] | None:
        return {ActorID("duel", agent): agent for agent in self.final} or None


class Arena(Duel):
    """Three agents by turns, those that have left skipped; told by step who leaves, and how."""

    def __init__(self, departing: Mapping[int, Mapping[int, Any]], *, final: Sequence[int] = (0, 1, 2)) -> None:
        self.departing, self.final = departing, final

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        self.waiting, self.gone = [0, 1, 2], set[int]()
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> Step:
        self.waiting = [*self.waiting[1:], self.waiting[0]]
        outcome = super().step(action)
        self.waiting = [agent for agent in self.waiting if agent not in self.departing.get(self.n, {})]
        return outcome

    def actor_id(self) -> ActorID:
        return ActorID("duel", self.waiting[0])

    def departed_actors(self) -> Mapping[ActorID, Any]:
        return {ActorID("duel", agent): how for agent, how in self.departing.get(self.n, {}).items()}

    def final_observations(self) -> Mapping[ActorID, Any]:
        return {ActorID("duel", agent): agent for agent in self.final}


def ends_of(played: Played) -> dict[int, tuple[int, Any]]:
    """By agent: the decision that was its last one, counted from 0, and how its part ended with it.

    The final observations count on behind the decisions.
    """
    found = {}
    for segment in played[0]:
        for row, how in segment.departures.items():
            assert segment.actors is not None
            agent = segment.actors[row].agent_id
            assert agent not in found
            found[agent] = (segment.start + row, how)
    return found


@pytest.mark.parametrize("rows", [3, 4, 5, 100])
def test_who_is_removed_by_anothers_step_has_ended_with_its_latest_decision(rows: int, play: Any) -> None:
    arena = Arena({5: {0: "terminated"}})  # by agent 1, in whose step it is; agent 0 had the decisions 0 and 3
    assert ends_of(play(arena, segment_rows=rows)) == {
        0: (3, "terminated"),
        1: (6, "terminated"),
        2: (7, "terminated"),
    }


def test_several_leave_at_once_each_in_its_way(play: Any) -> None:
    arena = Arena({5: {0: "truncated", 1: "terminated"}})
    played = play(arena, max_episode_steps=6)
    assert ends_of(played) == {0: (3, "truncated"), 1: (4, "terminated"), 2: (5, "truncated")}
    assert ends(played[1]) == (6, False, True, "runner")


def test_who_has_acted_long_ago_has_ended_beside_its_final_observation(play: Any) -> None:
    class Waiting(Arena):
        """Agent 0 acts once."""

        def actor_id(self) -> ActorID:
            return ActorID("duel", 0 if self.n == 0 else 1 + self.n % 2)

    assert ends_of(play(Waiting({6: {0: "truncated"}}), segment_rows=2))[0] == (8, "truncated")
    assert ends_of(play(Waiting({}), segment_rows=2))[0] == (8, "terminated")
    assert ends_of(play(Waiting({6: {0: "truncated"}}, final=[1]), segment_rows=2)).keys() == {1, 2}
    assert ends_of(play(Waiting({6: {0: "truncated"}}), segment_rows=4))[0] == (0, "truncated")


def test_to_say_again_who_has_left_does_no_harm(play: Any) -> None:
    arena = Arena({n: {0: "terminated"} for n in range(5, 9)})
    assert ends_of(play(arena, segment_rows=2))[0] == (3, "terminated")


def test_who_has_left_may_not_act_again(play: Any) -> None:
    class Haunted(Arena):
        def actor_id(self) -> ActorID:
            return ActorID("duel", self.n % 3)

    with pytest.raises(DecisionError, match=r"\('duel', 0\) acts again, though departed_actors\(\) has said") as raised:
        play(Haunted({5: {0: "terminated"}}))
    assert (raised.value.step, raised.value.actor_id) == (6, ("duel", 0))


def test_that_there_are_two_ways_to_leave(play: Any) -> None:
    with pytest.raises(DecisionError, match=r"says that \('duel', 0\) was True: say 'terminated' or 'truncated'"):
        play(Arena({5: {0: True}}))


def credits_of(played: Played) -> tuple[list[float], dict[int, float]]:
    """Credits of the decisions, and of the agents with final observations."""
    segments: Any = played[0]
    of_decisions = [share for segment in segments for share in segment.credits[: len(segment.actions)]]
    last = segments[-1]
    beside_finals = last.credits[len(last.actions) :]
    finals = [actor.agent_id for actor in last.actors[len(last.actions) :]]
    return of_decisions, {agent: share for agent, share in zip(finals, beside_finals, strict=False) if not isnan(share)}


def test_a_share_goes_to_its_earners_latest_decision(play: Any) -> None:
    shares, finals = credits_of(play(Earning({1: {0: 1.0}, 2: {0: 0.5, 1: 2.0}, 5: {1: 4.0, 0: 0.25}, 8: {1: 8.0}})))
    assert (shares, finals) == ([1.5, 14.0, 0, 0, 0.25, 0, 0, 0], {})


def test_a_share_for_a_decision_long_ago_waits_for_the_next(play: Any) -> None:
    class Returning(Earning):
        def actor_id(self) -> ActorID:
            return ActorID("duel", int(self.n in {1, 7}))

    played = play(Returning({3: {1: 1.0}, 4: {1: 2.0}, 5: {1: 4.0}, 6: {1: 8.0}}), segment_rows=2)
    shares, finals = credits_of(played)
    assert [len(segment.actions) for segment in played[0]] == [2, 2, 2, 2]
    # Those up to step 4 reach decision 1, whose segment is held back until then; the later ones reach decision 7.
    assert (shares, finals) == ([0, 3.0, 0, 0, 0, 0, 0, 12.0], {})


def test_a_share_that_no_decision_can_take_any_more_is_beside_the_final_observation(play: Any) -> None:
    played = play(Earning({3: {1: 1.0}, 8: {1: 2.0, 0: 4.0}}, final=[1, 0]), segment_rows=2)
    assert credits_of(played) == ([0, 1.0, 0, 0, 0, 0, 0, 4.0], {1: 2.0})


def test_an_actor_that_never_acted_is_credited_beside_its_final_observation(play: Any) -> None:
    played = play(Earning({8: {5: -1.0, 0: 1.0}}, final=[0, 5]))
    assert credits_of(played) == ([0, 0, 0, 0, 0, 0, 0, 1.0], {5: -1.0})


def test_a_share_for_nobody_is_an_error_that_names_the_earner(play: Any) -> None:
    expected = r"actor_rewards\(\) gave 1.5 to \('duel', 5\), which has made no decision"
    with pytest.raises(DecisionError, match=expected) as error:
        play(Earning({4: {5: 1.5, 6: 0.0}}))
    assert (error.value.step, error.value.actor_id) == (7, ActorID("duel", 0))


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8])
def test_whatever_the_segments_nothing_that_is_earned_is_lost(rows: int, play: Any) -> None:
    earned = {step: {agent: 2.0 ** (2 * step + agent) for agent in (0, 1)} for step in range(1, 9)}
    shares, finals = credits_of(play(Earning(earned, final=[0, 1]), segment_rows=rows))
    assert sum(shares) + sum(finals.values()) == sum(sum(of_step.values()) for of_step in earned.values())
    of_the_second = shares[1] + finals.get(1, 0.0)
    assert of_the_second == sum(2.0 ** (2 * step + 1) for step in range(1, 9))
