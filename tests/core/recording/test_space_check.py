"""Observations outside their spaces, and masks that leave nothing legal."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import assume, given
from tests.core.recording.space_strategies import SpaceAndSamples, spaces_with_samples

from maze.core.env.actor_id import ActorID
from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.decision_error import DecisionError
from maze.core.recording.segment import Segment
from maze.core.recording.space_check import SpaceCheck
from maze.core.recording.space_codec import space_codec
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.core.wrappers.structured_wrapper import StructuredWrapper

UNEVEN = spaces.Box(np.array([-1, 0], np.float32), np.array([1, 9], np.float32))


@given(case=spaces_with_samples(min_samples=1))
def test_samples_of_any_space_pass(case: SpaceAndSamples) -> None:
    space, samples = case
    assume("Text" not in repr(space))  # whose samples lose their NUL characters
    assert SpaceCheck({0: space}, {}).misfit(0, space_codec(space).stack(samples), len(samples)) is None


@pytest.mark.parametrize(
    ("space", "samples", "row", "complaint"),
    [
        (spaces.Box(-1, 1, (2,)), [[0, 0], [0, 1.5]], 1, ": 1.5 is above 1.0:"),
        (spaces.Box(-1, 1, (), np.float64), [0, 0, -2], 2, ": -2.0 is below -1.0:"),
        (spaces.Box(-np.inf, np.inf, (2,)), [[0, np.inf], [np.nan, 0]], 1, ": it has a NaN:"),
        (UNEVEN, [[0.5, 8], [0.5, 9.5]], 1, ": 9.5 is above 9.0:"),
        (UNEVEN, [[0.5, 8], [np.nan, 8]], 1, ": it has a NaN:"),
        (UNEVEN, [[8, 0.5]], 0, ": 8.0 is above 1.0:"),
        (spaces.Box(0, 1, (2, 2), np.int8), [[[0, 1], [1, -1]]], 0, ": -1 is below 0:"),
        (spaces.Box(0, 200, (2,), np.uint8), [[0, 200], [0, 201]], 1, ": 201 is above 200:"),
        (spaces.Discrete(3, start=-1), [-1, 1, 2], 2, ": 2 is above 1:"),
        (spaces.MultiDiscrete([3, 2]), [[2, 1], [1, 2]], 1, ": 2 is above 1:"),
        (spaces.MultiBinary(2), [[0, 1], [2, 0]], 1, ": 2 is above 1:"),
        (spaces.Text(3, charset="ab"), ["a", "abc"], 1, ": 'abc' is none of Text(1, 3, charset=ab):"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_what_lies_outside_is_found_and_named(
    space: Any, samples: list[Any], row: int, complaint: str, nested: bool
) -> None:
    place = "observation_spaces['a']"
    if nested:
        place += "['x'][1]"
        space = spaces.Dict({"x": spaces.Tuple([spaces.Discrete(2), space]), "y": spaces.Box(0, 255, (3,), np.uint8)})
        samples = [{"x": (0, sample), "y": np.zeros(3, np.uint8)} for sample in samples]
    found = SpaceCheck({"a": space}, {}).misfit(0, space_codec(space).stack(samples), len(samples))
    assert found == (row, f"observation lies outside {place}{complaint} correct it, or widen the space")


def test_pictures_need_no_check() -> None:
    assert SpaceCheck({0: spaces.Box(0, 255, (84, 84, 3), np.uint8)}, {})._bounds == [[]]


MASKED: dict[Any, spaces.Space[Any]] = {"a": spaces.Dict({"legal": spaces.MultiBinary(2)}), "b": spaces.Discrete(4)}


def schema_of(masks: Any) -> TrajectorySchema:
    check = SpaceCheck(MASKED, masks)
    return TrajectorySchema(MASKED, {"a": spaces.Discrete(2), "b": spaces.Discrete(2)}, check)


def segment(*masks: tuple[int, int], n_final: int = 0) -> Segment:
    """Decisions of b and a by turns, and final observations of a."""
    observations: list[Any] = []
    for mask in masks[: len(masks) - n_final]:
        observations += [3, {"legal": np.array(mask)}]
    n = len(observations)
    observations += [{"legal": np.array(mask)} for mask in masks[len(masks) - n_final :]]
    actors = [ActorID("b", 0), ActorID("a", 5)] * (n // 2) + [ActorID("a", 6)] * n_final
    times = [0] * len(observations)
    return Segment(10, observations, [0] * n, [0.0] * n, actors=actors, times=times, terminated=n_final > 0)


def test_a_mask_of_zeros_is_an_error_for_who_must_act_alone() -> None:
    schema = schema_of({"a": {None: "legal"}})
    schema.pack(segment((0, 1), (1, 0), (0, 0), n_final=1))
    with pytest.raises(DecisionError, match="the mask 'legal' is all zeros, but the actor must act: allow") as error:
        schema.pack(segment((0, 1), (0, 0), (1, 1), n_final=1))
    assert (error.value.step, error.value.actor_id) == (13, ActorID("a", 5))
    schema_of({}).pack(segment((0, 0)))


def test_an_observation_outside_is_said_to_be_of_its_decision() -> None:
    rows = segment((0, 1), (0, 1), (0, 2), n_final=1)
    with pytest.raises(DecisionError, match=r"the final observation lies outside .*\['a'\]\['legal'\]: 2 is") as error:
        schema_of({}).pack(rows)
    assert (error.value.step, error.value.actor_id) == (13, ActorID("a", 6))
    rows.observations[2] = 4
    with pytest.raises(DecisionError, match=r"the observation lies outside|the final") as error:
        schema_of({}).pack(rows)


class Bounded(StructuredEnv):
    observation_spaces = MASKED
    action_spaces = {"a": spaces.Discrete(2), "b": spaces.Discrete(2)}  # noqa: RUF012 - nobody changes it


def test_only_structured_environments_are_checked() -> None:
    flat = GymEnv(gymnasium.make("CartPole-v1"))
    assert SpaceCheck.of(flat) is None
    assert SpaceCheck.of(StructuredWrapper(flat)) is None
    assert SpaceCheck.of(Bounded()) is not None
    assert SpaceCheck.of(StructuredWrapper(Bounded())) is not None
