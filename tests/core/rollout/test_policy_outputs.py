"""What policies tell of their decisions is recorded beside these, the same from every runner."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from gymnasium import spaces
from tests.core.rollout import fault_envs
from tests.core.rollout.fault_envs import Fault, FaultEnv, kill
from tests.core.rollout.sample_envs import LongWalk, Thinking, ThinkingOfTwo, Trade, Walk

from maze.core.agent.default_policy import DefaultPolicy
from maze.core.agent.random_policy import RandomPolicy
from maze.core.env.actor_id import ActorID
from maze.core.recording.recording import Recording
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.ray_rollout_runner import RayRolloutRunner
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe
from maze.core.rollout.replay import replay_episode
from maze.core.rollout.rollout_runner import RolloutRunner
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError

cloudpickle.register_pickle_by_value(sys.modules[__name__])

SEEDING = {"env_base_seed": 11, "agent_base_seed": 22}


@pytest.fixture(autouse=True, scope="module")
def _by_value() -> Iterator[None]:
    cloudpickle.register_pickle_by_value(fault_envs)
    yield
    cloudpickle.unregister_pickle_by_value(fault_envs)


def run_with(runner: RolloutRunner, env: Any, agent: Any, run_dir: Path) -> Recording:
    result = runner.run_with(env, None, agent, seeding=SEEDING, run_dir=run_dir)
    assert result.stopped_because is None
    assert result.failures == []
    assert result.recording.damaged == []
    return result.recording


def rows_of(recording: Recording) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = recording.trajectories(["episode", "step", "policy_outputs"]).to_pylist()
    return rows


def test_all_runners_and_numbers_of_slots_record_the_same(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"n_episodes": 7, "record_policy_outputs": True}
    runs: list[tuple[RolloutRunner, Any]] = [
        (SequentialRolloutRunner(**settings), Thinking),
        (SequentialRolloutRunner(**settings, n_envs=3), Thinking),
        (SequentialRolloutRunner(**{**settings, "episodes": [6, 2, 0, 5, 1, 3, 4]}), Thinking(n_envs=2)),
        (ParallelRolloutRunner(**settings, n_processes=2), Thinking(n_envs=4)),
    ]
    recordings = [run_with(runner, Walk, agent, tmp_path / str(index)) for index, (runner, agent) in enumerate(runs)]
    assert len({recording.content_hash for recording in recordings}) == 1
    for recording in recordings[1:]:
        assert rows_of(recording) == rows_of(recordings[0])
    for episode in recordings[0]:
        outputs = episode.policy_outputs
        assert (outputs["chance"].dtype, outputs["seen"].dtype) == (np.float64, np.float32)
        assert (outputs["chance"] * 2).astype(int).tolist() == episode.actions.tolist()
        assert outputs["n"].tolist() == list(range(1, len(episode.actions) + 1))
        assert outputs["plan"] == [tuple(range(n % 3)) for n in outputs["n"].tolist()]
        assert np.array_equal(outputs["seen"], episode.observations.astype(np.float32))
        assert episode.has_policy_outputs.all()


@pytest.mark.slow
def test_ray_records_the_same(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    settings: dict[str, Any] = {"n_episodes": 4, "record_policy_outputs": True}
    alone = run_with(SequentialRolloutRunner(**settings), Walk, Thinking, tmp_path / "alone")
    ray = run_with(RayRolloutRunner(n_processes=2, **settings), Walk, Thinking, tmp_path / "ray")
    assert rows_of(alone) == rows_of(ray)


def test_the_hash_does_not_depend_on_it(tmp_path: Path) -> None:
    without = run_with(SequentialRolloutRunner(n_episodes=3), Walk, Thinking, tmp_path / "without")
    asked = SequentialRolloutRunner(n_episodes=3, record_policy_outputs=True)
    assert run_with(asked, Walk, Thinking, tmp_path / "with").content_hash == without.content_hash
    assert "policy_outputs" not in without.trajectories().column_names
    for read in (
        lambda: without[0].policy_outputs,
        lambda: without[0].has_policy_outputs,
        lambda: without[0].policy_outputs_of(0),
    ):
        with pytest.raises(ValueError, match="without policy outputs: record it with record_policy_outputs=true"):
            read()


def test_step_keys_have_outputs_of_their_own(tmp_path: Path) -> None:
    runner = ParallelRolloutRunner(n_processes=2, n_episodes=3, record_policy_outputs=True)
    recording = run_with(runner, Trade, ThinkingOfTwo, tmp_path / "run")
    for episode in recording:
        expected = [[n] * (1 if n % 3 == 0 else 3) for n in range(1, 7)]
        assert [told["scores"].tolist() for told in episode.policy_outputs] == expected
        assert episode.policy_outputs_of("offer")["scores"][:, 0].tolist() == [1, 2, 4, 5]
        assert episode.policy_outputs_of("accept")["scores"].tolist() == [[3], [6]]
        with pytest.raises(KeyError, match="no step key 'bid'"):
            episode.policy_outputs_of("bid")


@pytest.mark.parametrize("n_envs", [1, 3])
def test_some_agents_tell_something_and_others_nothing(tmp_path: Path, n_envs: int) -> None:
    policy = DefaultPolicy(
        {
            "offer_0": Thinking(n_envs=n_envs, n_actions=5),
            "offer_1": RandomPolicy(Trade.action_spaces),
            "accept": RandomPolicy(Trade.action_spaces),
        }
    )
    runner = SequentialRolloutRunner(n_episodes=4, record_policy_outputs=True)
    recording = run_with(runner, Trade, policy, tmp_path / "run")
    for episode in recording:
        assert episode.has_policy_outputs.tolist() == [True, False, False] * 2
        assert [None if told is None else int(told["n"]) for told in episode.policy_outputs] == [
            1, None, None, 2, None, None,
        ]  # fmt: skip
        assert episode.policy_outputs_of("offer")["n"].tolist() == [1, 2]
        with pytest.raises(KeyError, match="no outputs for the step key 'accept': it has them for 'offer'"):
            episode.policy_outputs_of("accept")


def test_a_long_episode_keeps_them_in_order(tmp_path: Path) -> None:
    runner = SequentialRolloutRunner(n_episodes=2, max_episode_steps=0, record_policy_outputs=True)
    for episode in run_with(runner, LongWalk, Thinking, tmp_path / "run"):
        assert len(list(episode.segments())) > 1
        assert episode.policy_outputs["n"].tolist() == list(range(1, 301))


def test_replays_do_without(tmp_path: Path) -> None:
    runner = SequentialRolloutRunner(n_episodes=1, record_policy_outputs=True)
    recording = run_with(runner, Trade, ThinkingOfTwo, tmp_path / "run")
    assert str(replay_episode(recording[0], EnvRecipe(Trade)())) == "the same in all 6 decisions"


@pytest.mark.parametrize(
    "make_runner",
    [SequentialRolloutRunner, lambda **settings: ParallelRolloutRunner(n_processes=2, **settings)],
    ids=["sequential", "parallel"],
)
def test_a_policy_that_has_nothing_to_tell_is_refused(make_runner: Any, tmp_path: Path) -> None:
    runner = make_runner(n_episodes=1, record_policy_outputs=True)
    with pytest.raises(
        ConfigurationError, match="RandomPolicy has no outputs to record: leave record_policy_outputs out"
    ):
        runner.run_with(Walk, run_dir=tmp_path / "run")


def test_they_are_refused_without_the_decisions_that_they_are_of() -> None:
    with pytest.raises(ConfigurationError, match="record_policy_outputs=true needs record_trajectory=true"):
        SequentialRolloutRunner(record_trajectory=False, record_policy_outputs=True)


def test_policies_of_one_step_key_have_to_tell_the_same(tmp_path: Path) -> None:
    class Other(Thinking):
        def output_space(self) -> spaces.Dict:
            return spaces.Dict(other=spaces.Discrete(2))

    policy = DefaultPolicy({"offer_0": Thinking(), "offer_1": Other(), "accept": RandomPolicy(Trade.action_spaces)})
    with pytest.raises(ConfigurationError, match="'offer_0' and 'offer_1' have different outputs"):
        SequentialRolloutRunner(record_policy_outputs=True).run_with(Trade, agent=policy, run_dir=tmp_path / "run")


def test_what_is_no_dict_of_spaces_is_refused(tmp_path: Path) -> None:
    class Wrong(Thinking):
        def output_space(self) -> Any:
            return spaces.Discrete(2)

    with pytest.raises(
        ConfigurationError, match=r"output_space\(\) of Wrong gives Discrete\(2\) for the step key 0: return a "
    ):
        SequentialRolloutRunner(record_policy_outputs=True).run_with(Walk, agent=Wrong, run_dir=tmp_path / "run")


class Misfit(Thinking):
    def outputs(self, observation: Any, agent_id: int = 0, slot: int = 0) -> Mapping[str, Any]:
        outputs = dict(super().outputs(observation, agent_id, slot))
        return outputs if outputs["n"] < 3 else {**outputs, "seen": np.zeros(5)}


class Speechless(Thinking):
    def outputs(self, observation: Any, agent_id: int = 0, slot: int = 0) -> Mapping[str, Any]:
        raise RuntimeError("lost for words")


class TooFew(ThinkingOfTwo):
    n_envs = 2

    def outputs_batch(
        self, observations: Sequence[Any], actor_ids: Sequence[ActorID], slots: Sequence[int]
    ) -> list[Mapping[str, Any]]:
        return []


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (Misfit, "outputs do not fit its output_space: in 'seen': expected float32 of shape.*step 2, actor"),
        (Speechless, "RuntimeError: lost for words.*step 0, actor"),
        (Misfit(n_envs=2), "outputs do not fit its output_space: in 'seen'"),
        (Speechless(n_envs=2), "RuntimeError: lost for words"),
        (TooFew, r"outputs_batch returned 0 outputs for 1 decisions: return as many"),
    ],
)
def test_wrong_outputs_are_errors_of_their_decisions(policy: Any, message: str, tmp_path: Path) -> None:
    runner = SequentialRolloutRunner(n_episodes=1, max_attempts=1, record_policy_outputs=True)
    result = runner.run_with(Walk, agent=policy, seeding=SEEDING, run_dir=tmp_path / "run")
    (failure,) = result.failures
    assert re.search(message, failure.error or "")


def test_a_failed_attempt_leaves_nothing_of_what_was_told(tmp_path: Path) -> None:
    class FailsOnce(Walk):
        n_failures = 0

        def step(self, action: Any) -> Any:
            if self.n == 2 and FailsOnce.n_failures < 2:
                FailsOnce.n_failures += 1
                raise OSError("simulator lost")
            return super().step(action)

    runner = SequentialRolloutRunner(n_episodes=5, record_policy_outputs=True)
    for episode in run_with(runner, FailsOnce, Thinking(n_envs=2), tmp_path / "run"):
        assert episode.policy_outputs["n"].tolist() == list(range(1, len(episode.actions) + 1))


def test_a_killed_worker_costs_nothing_of_it(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"n_processes": 2, "n_episodes": 6, "record_policy_outputs": True}
    seeding = {"explicit_env_seeds": list(range(6)), "agent_base_seed": 1}
    killing = partial(FaultEnv, Fault(kill, seeds=[2, 4], marks=tmp_path, times=1))
    policy = Thinking(n_envs=2)
    expected, survived = (
        ParallelRolloutRunner(**settings).run_with(env, agent=policy, seeding=seeding, run_dir=tmp_path / name)
        for name, env in (("expected", FaultEnv), ("survived", killing))
    )
    assert (survived.status, survived.hash) == ("completed", expected.hash)
    assert rows_of(survived.recording) == rows_of(expected.recording)


def test_a_resumed_run_goes_on_with_them(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"record_policy_outputs": True}
    whole = run_with(SequentialRolloutRunner(n_episodes=5, **settings), Walk, Thinking, tmp_path / "whole")
    run_with(SequentialRolloutRunner(n_episodes=2, **settings), Walk, Thinking, tmp_path / "run")
    runner = SequentialRolloutRunner(n_episodes=5, **settings)
    resumed = runner.run_with(Walk, agent=Thinking, run_dir=tmp_path / "run", resume=True)
    assert rows_of(resumed.recording) == rows_of(whole)
    before = json.loads((tmp_path / "run" / "run.json").read_text())
    for make_runner in (SequentialRolloutRunner, ParallelRolloutRunner):
        with pytest.raises(ConfigurationError, match="the policy's recorded outputs are not those of the run in"):
            make_runner(n_episodes=6).run_with(Walk, agent=Thinking, run_dir=tmp_path / "run", resume=True)
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == before


def test_default_policy_tells_what_its_policies_tell() -> None:
    policy = PolicyRecipe({"offer": Thinking(n_actions=5), "accept": ThinkingOfTwo()})(EnvRecipe(Trade)())
    assert policy.output_space("offer") == Thinking().output_space()
    assert policy.output_space("accept") == ThinkingOfTwo().output_space("accept")
    for slot in range(2):
        policy.reset(slot, slot)
    observations = [np.array([0.5]), {"offers": np.array([1, 2])}]
    actors, slots = [ActorID("offer", 1), ActorID("accept", 0)], [1, 0]
    policy.act_batch(observations, actors, slots)
    together = policy.outputs_batch(observations, actors, slots)
    alone = [policy.outputs(*asked) for asked in zip(observations, actors, slots, strict=True)]
    assert str(together) == str(alone)
    assert (together[0]["n"], together[1]["scores"].tolist()) == (1, [1.0])
