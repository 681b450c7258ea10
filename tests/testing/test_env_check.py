from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tests.testing.walk_env import MarketEnv, WalkEnv

from maze.core.env.actor_id import ActorID
from maze.core.env.event import Event, Metric
from maze.core.rollout.probe import EnvTraits, probe_env
from maze.core.rollout.recipes import EnvRecipe
from maze.factory import ConfigurationError
from maze.testing import ConformanceError, ConformanceWarning, check_env


class DictEnv(WalkEnv):
    observation_space = spaces.Dict(  # type: ignore[assignment]
        {"place": spaces.Box(-20, 20, (2,), np.float32), "tags": spaces.Tuple((spaces.Discrete(3), spaces.Text(4)))}
    )

    def reset(self, **arguments: Any) -> Any:
        return self.dressed(super().reset(**arguments)[0]), {}

    def step(self, action: Any) -> Any:
        observation, *rest = super().step(action)
        return self.dressed(observation), *rest

    def dressed(self, observation: Any) -> Any:
        return {"place": observation, "tags": (2, "far" if observation[0] > 3 else "near")}


@pytest.mark.parametrize("env", ["CartPole-v1", "Acrobot-v1", "FrozenLake-v1", "Taxi-v4", "Blackjack-v1"])
def test_accepts_what_gymnasium_ships(env: str) -> None:
    check_env(env, n_steps=60)


def test_accepts_box2d() -> None:
    pytest.importorskip("Box2D")
    check_env("LunarLander-v3", n_steps=60)


@pytest.mark.parametrize("env", [WalkEnv, DictEnv, MarketEnv])
def test_accepts_good_environments(env: type[Any]) -> None:
    check_env(env, n_steps=60)


def test_accepts_a_config_with_wrappers() -> None:
    stack = {"_target_": "gymnasium.wrappers.FrameStackObservation", "stack_size": 3}
    check_env({"_target_": "maze.core.env.gym_env.make_gym_env", "name": "CartPole-v1"}, {"stack": stack}, n_steps=60)


def test_leaves_an_environment_object_open() -> None:
    closed = []

    class Closing(WalkEnv):
        def close(self) -> None:
            closed.append(True)

    check_env(Closing(), n_steps=40)
    assert closed == []


def test_an_unknown_environment_is_a_mistake_of_the_test() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'CartPole-v1'"):
        check_env("CartPol-v1")


# What flat environments get wrong: the environment, and what the message says ---------------------------------------


class Buffered(WalkEnv):
    def reset(self, **arguments: Any) -> Any:
        self.buffer, info = super().reset(**arguments)
        return self.buffer, info

    def step(self, action: Any) -> Any:
        self.buffer[:], *rest = super().step(action)
        return self.buffer, *rest


class Doubled(WalkEnv):
    """Returns float64."""

    def step(self, action: Any) -> Any:
        observation, *rest = super().step(action)
        return observation.astype(np.float64), *rest


class Listed(WalkEnv):
    def step(self, action: Any) -> Any:
        observation, *rest = super().step(action)
        return observation.tolist(), *rest


class Shorter(WalkEnv):
    def step(self, action: Any) -> Any:
        observation, *rest = super().step(action)
        return observation[:1], *rest


class Outside(WalkEnv):
    def step(self, action: Any) -> Any:
        observation, *rest = super().step(action)
        return observation + np.float32(100), *rest


class NotANumber(WalkEnv):
    def step(self, action: Any) -> Any:
        observation, *rest = super().step(action)
        return observation * np.float32(np.nan), *rest


class FromTheClock(WalkEnv):
    """Ignores the seed."""

    def reset(self, **arguments: Any) -> Any:
        return super().reset(seed=None)


class Remembers(WalkEnv):
    wind = 0.0

    def step(self, action: Any) -> Any:
        self.wind += 0.001
        self.position[1] += np.float32(self.wind)
        return super().step(action)


class GlobalNumpy(WalkEnv):
    def step(self, action: Any) -> Any:
        np.random.random()  # noqa: NPY002 - what is to be found
        return super().step(action)


class GlobalRandom(WalkEnv):
    def reset(self, **arguments: Any) -> Any:
        random.random()
        return super().reset(**arguments)


class WithoutSeed(WalkEnv):
    def reset(self) -> Any:  # type: ignore[override]
        return super().reset()


class NeedsASeed(WalkEnv):
    def reset(self, *, seed: int, options: Any = None) -> Any:  # type: ignore[override]
        return super().reset(seed=seed)


class TwoArguments(WalkEnv):
    def step(self, action: Any, speed: float) -> Any:  # type: ignore[override]
        return super().step(action)


class FourTuple(WalkEnv):
    def step(self, action: Any) -> Any:
        return super().step(action)[:4]


class OldReset(WalkEnv):
    def reset(self, **arguments: Any) -> Any:
        return super().reset(**arguments)[0]


class NumberedEnd(WalkEnv):
    def step(self, action: Any) -> Any:
        observation, reward, _, truncated, info = super().step(action)
        return observation, reward, 0, truncated, info


class RewardArray(WalkEnv):
    def step(self, action: Any) -> Any:
        observation, reward, *rest = super().step(action)
        return observation, np.array([reward]), *rest


class InfiniteReward(WalkEnv):
    def step(self, action: Any) -> Any:
        observation, _, *rest = super().step(action)
        return observation, float("inf"), *rest


class NoInfo(WalkEnv):
    def step(self, action: Any) -> Any:
        return (*super().step(action)[:4], None)


class Raises(WalkEnv):
    def step(self, action: Any) -> Any:
        raise KeyError("fuel")


class WritesAction(WalkEnv):
    action_space = spaces.Box(0, 2, (1,), np.float32)

    def step(self, action: Any) -> Any:
        action *= 0.5
        return super().step(action[0])


class Growing(WalkEnv):
    def reset(self, **arguments: Any) -> Any:
        self.observation_space = spaces.Box(-30.0, 30.0, (2,), np.float32)
        return super().reset(**arguments)


class CustomSpace(WalkEnv):
    class Strange(spaces.Space[Any]):
        pass

    observation_space = Strange()  # type: ignore[assignment]


class ClosesOnce(WalkEnv):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class ClosesLate(WalkEnv):
    def close(self) -> None:
        self.window.close()  # made in reset

    def reset(self, **arguments: Any) -> Any:
        self.window = WalkEnv()
        return super().reset(**arguments)


class NoRenderArgument(WalkEnv):
    def __init__(self) -> None:
        super().__init__(None)


class UnknownMode(WalkEnv):
    def __init__(self) -> None:
        super().__init__("video")


class FloatPicture(WalkEnv):
    def render(self) -> Any:
        return super().render() / 255 if self.render_mode == "rgb_array" else super().render()


class SilentText(WalkEnv):
    def render(self) -> Any:
        return None if self.render_mode == "ansi" else super().render()


class RendersAndDraws(WalkEnv):
    def render(self) -> Any:
        self.np_random.random()
        return super().render()


class ModesDiffer(WalkEnv):
    """Another environment whenever it is made."""

    made: Iterator[int] = count()

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode)
        self.number = next(ModesDiffer.made)

    def step(self, action: Any) -> Any:
        observation, _, *rest = super().step(action)
        return observation, float(self.number), *rest


class FailsToStart(WalkEnv):
    def __init__(self, render_mode: str | None = None) -> None:
        raise OSError("no licence")


def locked() -> Callable[[], WalkEnv]:
    lock = threading.Lock()

    def make() -> WalkEnv:
        with lock:
            return WalkEnv()

    return make


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (Buffered, r"returned in reset\(seed=0\) was written into later, in step 0 .*: return a new array"),
        (Doubled, r"observation has the dtype float64 .* has float32 \(in step 0 after reset.*, actor \(0, 0\)"),
        (Listed, r"the observation has the dtype float where"),
        (Shorter, r"expected float32 of shape \(2,\), found float32 of shape \(1,\)"),
        (Outside, r"observation array\(.*\) is outside of Box.*: keep it inside, or widen"),
        (NotANumber, r"nan.* is outside of Box"),
        (FromTheClock, r"another environment gives another .*the observation differs first, in reset\(seed=0\)"),
        (ModesDiffer, r"another environment gives another episode .*the reward differs first, in step 0"),
        (Remembers, r"that was used gives another episode .*: let reset put back"),
        (GlobalNumpy, r"global generators .* used \(in step 0 .*: draw from self.np_random"),
        (GlobalRandom, r"global generators .* used \(in reset\(seed=0\)"),
        (WithoutSeed, r"reset\(\) -> 'Any' cannot be called as reset\(seed=0, options=None\)"),
        (NeedsASeed, r"cannot be called as reset\(\): missing a required"),
        (TwoArguments, r"cannot be called as step\(action\): missing a required argument: 'speed'"),
        (FourTuple, r"step returned a tuple of 4 .*: return \(observation, reward, terminated, truncated, info\)"),
        (OldReset, r"reset returned a ndarray"),
        (NumberedEnd, r"terminated is 0, a int .*: return a bool"),
        (RewardArray, r"the reward is array.*: return a finite float"),
        (InfiniteReward, r"the reward is inf"),
        (NoInfo, r"info is a NoneType"),
        (Raises, r"step raised KeyError: 'fuel' \(in step 0"),
        (WritesAction, r"step wrote into its action"),
        (Growing, r"the spaces changed"),
        (CustomSpace, r"Strange cannot be recorded"),
        (ClosesOnce, r"close\(\) raised RuntimeError: closed already \(for the second time"),
        (ClosesLate, r"close\(\) raised AttributeError.* \(before the first reset"),
        (NoRenderArgument, r"render_mode is None with render_mode='rgb_array': take render_mode as an argument"),
        (UnknownMode, r"render_mode is 'video', metadata"),
        (FloatPicture, r"render\(\) gave float64 of shape \(4, 6, 3\)"),
        (SilentText, r"render\(\) gave a NoneType with render_mode='ansi'"),
        (RendersAndDraws, r"another one when it is rendered .*: let render only look"),
        (FailsToStart, r"building the environment raised OSError: no licence"),
        (locked(), r"does not survive cloudpickle \(TypeError"),
    ],
)
def test_names_what_a_flat_environment_gets_wrong(env: Any, message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        check_env(env, n_steps=40)


def test_an_object_with_a_buffer_is_found_too() -> None:
    with pytest.raises(ConformanceError, match="written into later"):
        check_env(Buffered())


def test_rendering_is_left_out_on_request() -> None:
    check_env(FloatPicture, n_steps=40, render=False)


def test_a_factory_that_changes_with_pickling_is_found() -> None:
    class Counts:
        """Loses what it knows when it travels."""

        kick = 0.0

        def __reduce__(self) -> Any:
            return partial(Kicked, 1.0), ()

        def __call__(self) -> WalkEnv:
            return WalkEnv()

    class Kicked(WalkEnv):
        def __init__(self, kick: float) -> None:
            super().__init__()
            self.kick = kick

        def __call__(self) -> WalkEnv:
            return self

        def step(self, action: Any) -> Any:
            observation, reward, *rest = super().step(action)
            return observation, reward + self.kick, *rest

    with pytest.raises(ConformanceError, match=r"once it went through cloudpickle .*the reward differs first"):
        check_env(Counts(), n_steps=40, render=False)


def test_warns_where_seeds_make_no_difference() -> None:
    with pytest.warns(ConformanceWarning, match="the seeds 0 and 1 gave the same episode"):
        check_env("CliffWalking-v1", n_steps=40)


@pytest.mark.parametrize("env", [Buffered, Remembers, GlobalNumpy, FromTheClock])
def test_what_the_check_refuses_the_probe_of_a_run_treats(env: Any) -> None:
    assert probe_env(EnvRecipe(WalkEnv)) == EnvTraits()
    assert probe_env(EnvRecipe(env)) != EnvTraits()


# What structured environments get wrong -------------------------------------------------------------------------------


class UnknownActor(MarketEnv):
    order = (ActorID("offer", 0), ActorID("bid", 1), ActorID("take", 0))


class NamedAgent(MarketEnv):
    order = (ActorID("offer", 0), ActorID("offer", "b"), ActorID("take", 0))  # type: ignore[arg-type]


class NoTuple(MarketEnv):
    def actor_id(self) -> Any:
        return list(super().actor_id())

    def observe(self) -> Any:
        return {"price": self.price.copy()}

    def step(self, action: Any) -> Any:
        raise NotImplementedError


class Fickle(MarketEnv):
    asked = 0

    def actor_id(self) -> ActorID:
        self.asked += 1
        return ActorID("offer", self.asked % 2)


class LosesActor(MarketEnv):
    def actor_id(self) -> ActorID:
        return super().actor_id() if self.turn < 12 else ActorID("nobody", 0)

    def observe(self) -> Any:
        return super().observe() if self.turn < 12 else {"price": self.price.copy()}


class ClockBack(MarketEnv):
    @property
    def time(self) -> int | None:
        return [0, 1, 2, 1][min(self.turn, 3)]


class LateClock(MarketEnv):
    @property
    def time(self) -> int | None:
        return self.turn + 1 if hasattr(self, "turn") else 0


class LosesClock(MarketEnv):
    @property
    def time(self) -> int | None:
        return None if getattr(self, "turn", 0) == 2 else 0


class FractionalClock(MarketEnv):
    @property
    def time(self) -> Any:
        return self.turn / 3 if hasattr(self, "turn") else 0


class NothingLegal(MarketEnv):
    def observe(self) -> Any:
        observation = super().observe()
        if "legal" in observation:
            observation["legal"][:] = 0
        return observation


class UnknownMask(MarketEnv):
    action_masks: Mapping[Any, Any] = {"take": {"which": "allowed"}}


class UnknownMaskedAction(MarketEnv):
    action_masks: Mapping[Any, Any] = {"take": {None: "legal"}}


class UnknownMaskedKey(MarketEnv):
    action_masks: Mapping[Any, Any] = {"buy": {"which": "legal"}}


class FloatMask(MarketEnv):
    action_masks: Mapping[Any, Any] = {"take": {"which": "offers"}}


class WideMask(MarketEnv):
    observation_spaces: Mapping[Any, Any] = {
        "offer": MarketEnv.offer,
        "take": spaces.Dict({"offers": spaces.Box(0, 1, (2,), np.float32), "legal": spaces.MultiBinary(3)}),
    }

    def observe(self) -> Any:
        observation = super().observe()
        return observation | {"legal": np.ones(3, np.int8)} if "legal" in observation else observation


class CountingMask(MarketEnv):
    observation_spaces: Mapping[Any, Any] = {
        "offer": MarketEnv.offer,
        "take": spaces.Dict({"offers": spaces.Box(0, 1, (2,), np.float32), "legal": spaces.Box(0, 9, (2,), np.int8)}),
    }

    def observe(self) -> Any:
        observation = super().observe()
        return observation | {"legal": np.array([1, 7], np.int8)} if "legal" in observation else observation


class OtherKeys(MarketEnv):
    action_spaces: Mapping[Any, Any] = {"offer": MarketEnv.action_spaces["offer"]}


class NoSpaces(MarketEnv):
    observation_spaces: Mapping[Any, Any] = {}


class NoSpace(MarketEnv):
    observation_spaces: Mapping[Any, Any] = {"offer": (2,), "take": MarketEnv.take}


class FractionalKey(MarketEnv):
    observation_spaces: Mapping[Any, Any] = {0.5: MarketEnv.offer}


class FinalOutside(MarketEnv):
    def final_observations(self) -> Any:
        return {ActorID("offer", 0): {"price": np.array([7], np.float32)}}


class FinalList(MarketEnv):
    def final_observations(self) -> Any:
        return [self.price]


class SharesForNobody(MarketEnv):
    def actor_rewards(self) -> Any:
        return {ActorID("seller", 0): 1.0}


class SharesAsList(MarketEnv):
    def actor_rewards(self) -> Any:
        return [1.0]


class SharesAsText(MarketEnv):
    def actor_rewards(self) -> Any:
        return {ActorID("offer", 0): "much"}


class DoneAsText(MarketEnv):
    def is_actor_done(self) -> Any:
        return "no"


class DepartedAsList(MarketEnv):
    def departed_actors(self) -> Any:
        return [ActorID("offer", 0)]


class DepartedNobody(MarketEnv):
    def departed_actors(self) -> Any:
        return {ActorID("seller", 0): "terminated"}


class DepartedSomehow(MarketEnv):
    def departed_actors(self) -> Any:
        return {ActorID("offer", 0): True}


@dataclass
class Changeable(Event):
    price: float = 0.0


@dataclass(frozen=True)
class Unrecordable(Event):
    goods: dict[str, int]


@dataclass(frozen=True)
class Mistyped(Event):
    price: float


@dataclass(frozen=True)
class MisnamedMetric(Event):
    metrics = (Metric("cost", episode="sum"),)


class Undecorated(Event):
    pass


def emitting(event: Any) -> type[MarketEnv]:
    class Emitting(MarketEnv):
        def step(self, action: Any) -> Any:
            self.emit(event)
            return super().step(action)

    return Emitting


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (UnknownActor, r"actor_id\(\) has the step key 'bid' \(in step 0 .*: there are spaces for \['offer', 'take'\]"),
        (NamedAgent, r"actor_id\(\) has the agent_id 'b' .*: count agents from 0"),
        (NoTuple, r"actor_id\(\) is \['offer', 0\] \(in reset.*: give an ActorID"),
        (Fickle, r"actor_id\(\) differs when asked again"),
        (LosesActor, r"step key 'nobody' \(in step 11"),
        (ClockBack, r"time went back from 2 to 1 \(in step 2"),
        (LateClock, r"time is 1 \(in reset\(seed=0\)\): .* begin at 0"),
        (LosesClock, r"time is None \(in step 1 .*: let it be a whole number always"),
        (FractionalClock, r"time is 0.0 \(in reset\(seed=0\)\): let it be a whole number"),
        (NothingLegal, r"the mask of the action 'which' leaves nothing legal \(in step 2 .*actor \('take', 0\)"),
        (UnknownMask, r"the mask in the observation 'allowed'"),
        (UnknownMaskedAction, r"masks the action None"),
        (UnknownMaskedKey, r"action_masks has the step key 'buy'"),
        (FloatMask, r"the mask 'offers' has the dtype float32: make it bool or int8"),
        (WideMask, r"has the shape \(3,\), Discrete\(2\) needs \(2,\)"),
        (CountingMask, r"has other values than 0 and 1"),
        (OtherKeys, r"use the same ones for both"),
        (NoSpaces, r"observation_spaces is \{\}: make it a dict of at least one space"),
        (NoSpace, r"observation_spaces\['offer'\] is \(2,\): make it a gymnasium.Space"),
        (FractionalKey, r"observation_spaces has the step key 0.5: use str or int"),
        (FinalOutside, r"final_observations\(\)\[\('offer', 0\)\] .* is outside of .*at the end, in step 11"),
        (FinalList, r"final_observations\(\) gives a list"),
        (SharesForNobody, r"a key of actor_rewards\(\) has the step key 'seller'"),
        (SharesAsList, r"actor_rewards\(\) gives a list"),
        (SharesAsText, r"actor_rewards\(\)\[\('offer', 0\)\] is 'much'"),
        (DoneAsText, r"is_actor_done\(\) gives 'no'"),
        (DepartedAsList, r"departed_actors\(\) gives a list .*: return a dict by actor id"),
        (DepartedNobody, r"a key of departed_actors\(\) has the step key 'seller'"),
        (DepartedSomehow, r"departed_actors\(\)\[\('offer', 0\)\] is True .*: say 'terminated' or 'truncated'"),
        (emitting("sold"), r"emit was given a str \(in step 0 .*: derive it from"),
        (emitting(Changeable()), r"Changeable is no frozen dataclass .*: write @dataclass\(frozen=True\)"),
        (emitting(Undecorated()), r"Undecorated is no frozen dataclass"),
        (emitting(Unrecordable({})), r"Unrecordable cannot be recorded: .*'goods'"),
        (emitting(Mistyped("dear")), r"Mistyped cannot be recorded: .*'price' has another type"),  # type: ignore[arg-type]
        (emitting(MisnamedMetric()), r"MisnamedMetric cannot be recorded: .*'cost'"),
    ],
)
def test_names_what_a_structured_environment_gets_wrong(env: Any, message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        check_env(env, n_steps=40)


def test_a_time_limit_of_gymnasium_ends_a_structured_episode() -> None:
    limited = gymnasium.wrappers.TimeLimit(MarketEnv(), max_episode_steps=2)
    check_env(limited, n_steps=40)


class NoKpisWithoutEvents(MarketEnv):
    def kpis(self, events: Any, metrics: Any) -> Any:
        return {"first": float(events[0].step)}


class KpisAsText(MarketEnv):
    def kpis(self, events: Any, metrics: Any) -> Any:
        return {"sold": "much"}


class OpaqueState(MarketEnv):
    def state(self) -> Any:
        return {"stall": object()}


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (NoKpisWithoutEvents, r"kpis\(\) raised IndexError: .*"),
        (KpisAsText, r"the KPI 'sold' is 'much' .*: return a finite float"),
        (OpaqueState, r"state\(\) holds what JSON does not .*: give numbers"),
    ],
)
def test_names_what_an_environment_gets_wrong_in_summing_up(env: Any, message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        check_env(env, n_steps=40)
