"""The episode loop, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
import pytest
from tests.core.rollout.sample_envs import Alternating, Opened, Reset, ReusingWalk, Step, Trade, Traded, Walk

from maze.core.env.actor_id import FLAT_ACTOR, ActorID
from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.segment import EpisodeEnd, EpisodeSpec, Segment
from maze.core.rollout.episode_loop import LoopSettings, play_by_sending, play_episode

SPEC = EpisodeSpec(0, 12, 34)
Act = Callable[[Any, ActorID, int], Any]
LOST = pytest.mark.xfail(reason="what an actor without a decision in the last segment earns at the end is lost")
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
    assert end == EpisodeEnd(3, True, False, None, {"n": 3})
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
    assert segment.actors_done == [False] * 3 + [True] * 3
    assert (len(segment.observations), len(segment.actions)) == (9, 6)
    assert [(r.step, r.time, r.actor_id, r.event) for r in segment.events] == [
        (-1, 0, first, Opened()),
        (0, 0, first, Traded(1, "agent 0")),
        (1, 0, second, Traded(2, "agent 1")),
        (3, 1, first, Traded(3, "agent 0")),
        (4, 1, second, Traded(4, "agent 1")),
    ]
    assert (ends(end), end.actor_id) == ((2, True, False, None), accepting)
    assert beats[2] == 6


@pytest.mark.parametrize(
    "rows", [pytest.param(2, marks=LOST), 3, pytest.param(4, marks=LOST), pytest.param(5, marks=LOST), 6, 100]
)
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


def test_without_a_clock_every_step_is_a_round_and_every_reward_its_actors(play: Any) -> None:
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
    assert segment.times == [0, 1, 2, 3, 4]
    assert segment.credits == segment.rewards == [0.5] * 4
    assert segment.actors == [FLAT_ACTOR] * 5
    assert ends(end) == (4, False, True, "runner")
