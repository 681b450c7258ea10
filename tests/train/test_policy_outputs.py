"""What a neural policy tells of its decisions: right, legal, and recorded the same by every runner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from omegaconf import OmegaConf

import maze_envs.logistics.cutting_2d
from maze.core.env.actor_id import ActorID
from maze.core.recording.recording import Recording
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.replay import recorded_env, replay_episode
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.train.models.action_layout import ActionLayout
from maze.train.policy_outputs import PolicyOutputs
from maze.train.torch_policy import TorchPolicy

BOX = spaces.Box(-1, 1, (4,))
ACTOR = ActorID(0, 0)
SEEDING = {"env_base_seed": 1, "agent_base_seed": 2}


def config(name: str) -> Any:
    path = Path(maze_envs.logistics.cutting_2d.__file__).parent / "conf" / f"{name}.yaml"
    return OmegaConf.to_container(OmegaConf.load(path))


def run_and_replay(env: Any, policy: dict[str, Any], tmp_path: Path) -> Recording:
    """Record with two runners and three numbers of slots, and see that there is no difference."""
    settings: dict[str, Any] = {"n_episodes": 6, "max_episode_steps": 15, "record_policy_outputs": True}
    runners = [
        SequentialRolloutRunner(**settings),
        SequentialRolloutRunner(**settings, n_envs=3),
        ParallelRolloutRunner(**settings, n_processes=2),
    ]
    policy = {"_target_": "maze.train.torch_policy.TorchPolicy", "_recursive_": False, "n_envs": 4, **policy}
    recordings = []
    for index, runner in enumerate(runners):
        result = runner.run_with(
            env, agent=policy, seeding=SEEDING, run_dir=tmp_path / str(index), config={"env": env, "wrappers": None}
        )
        assert (result.status, result.recording.damaged) == ("completed", [])
        recordings.append(result.recording)
    assert len({recording.content_hash for recording in recordings}) == 1
    columns = ["episode", "step", "policy_outputs"]
    first, *others = [recording.trajectories(columns) for recording in recordings]
    assert all(other.equals(first) for other in others)
    replayed = replay_episode(recordings[0][1], recorded_env(recordings[0]))
    assert replayed.is_same
    return recordings[0]


def test_a_flat_environment(tmp_path: Path) -> None:
    env = {"_target_": "maze.core.env.gym_env.make_gym_env", "name": "CartPole-v1"}
    recording = run_and_replay(env, {}, tmp_path)
    policy = TorchPolicy({0: BOX}, {0: spaces.Discrete(2)}, n_envs=4)
    for episode in recording:
        outputs = episode.policy_outputs
        n = len(episode.actions)
        assert {name: np.shape(column)[1:] for name, column in outputs.items() if name != "candidates"} == {
            "logits": (2,),
            "probabilities": (2,),
            "value": (),
        }
        shares = np.exp(outputs["logits"]) / np.exp(outputs["logits"]).sum(1, keepdims=True)
        assert outputs["probabilities"] == pytest.approx(shares, abs=1e-6)
        best = outputs["candidates"]
        assert best["actions"][:, 0].tolist() == outputs["probabilities"].argmax(1).tolist()
        assert best["probabilities"].sum(1) == pytest.approx(np.ones(n))
        for row in (0, n - 1):
            asked = policy.outputs(episode.observations[row], ACTOR)
            assert float(asked["value"]) == float(outputs["value"][row])
            assert asked["logits"].tolist() == outputs["logits"][row].tolist()


def test_a_structured_environment_with_masks(tmp_path: Path) -> None:
    model = config("model/tutorial_cutting_2d_struct_masked")
    recording = run_and_replay(config("env/tutorial_cutting_2d_struct_masked"), {"model": model}, tmp_path)
    n_illegal = 0
    for episode in recording:
        assert episode.has_policy_outputs.all()
        for step_key, action_key, mask_key in ((0, "piece_idx", "inventory_mask"), (1, "rotation", "cutting_mask")):
            masks = episode.observations_of(step_key)[mask_key]
            told = episode.policy_outputs_of(step_key)
            shares = told["probabilities"][action_key]
            assert shares.shape == masks.shape
            assert not shares[masks == 0].any()
            assert shares.sum(1) == pytest.approx(np.ones(len(shares)))
            n_illegal += int((masks == 0).sum())
            best = told["candidates"]
            chosen = best["actions"][action_key]
            is_one = best["probabilities"] > 0
            assert np.take_along_axis(masks, chosen, 1)[is_one].all()
        for told, action, actor in zip(episode.policy_outputs, episode.actions, episode.actor_ids, strict=True):
            shares_of = told["probabilities"]
            assert all(shares_of[name][action[name]] > 0 for name in shares_of)
            assert told["value"].shape == ()
            assert actor.step_key in {0, 1}
    assert n_illegal > 0


def test_candidates_of_several_parts_are_the_best_of_all_combinations() -> None:
    action = spaces.Dict({"a": spaces.MultiDiscrete([2, 3]), "b": spaces.MultiBinary(2), "c": spaces.Box(-1, 1, (1,))})
    policy = TorchPolicy({0: BOX}, {0: action}, n_envs=2)
    observations = list(np.random.default_rng(3).normal(size=(2, 4)).astype(np.float32))
    both = policy.outputs_batch(observations, [ACTOR] * 2, [0, 1])
    for outputs in both:
        assert policy.output_space(0).contains(outputs)
        ones = outputs["probabilities"]["b"]
        shares = [*(outputs["probabilities"][name] for name in ("a[0]", "a[1]")), *np.stack([1 - ones, ones], 1)]
        combinations = [
            (float(np.prod([share[value] for share, value in zip(shares, values, strict=True)])), list(values))
            for values in np.ndindex(2, 3, 2, 2)
        ]
        expected = sorted(combinations, key=lambda each: -each[0])[:3]
        candidates = outputs["candidates"]
        assert candidates["probabilities"].tolist() == pytest.approx([probability for probability, _ in expected])
        assert np.hstack([candidates["actions"]["a"], candidates["actions"]["b"]]).tolist() == [
            values for _, values in expected
        ]
        mean = np.tanh(outputs["logits"]["c"][0])
        assert candidates["actions"]["c"].ravel().tolist() == pytest.approx([mean] * 3)


@pytest.mark.parametrize("n_envs", [2, 7, 33])
def test_what_is_told_does_not_depend_on_what_is_decided_beside_it(n_envs: int) -> None:
    policy = TorchPolicy({0: BOX}, {0: spaces.Box(-1, 1, (1,))}, n_envs=n_envs)
    observations = list(np.random.default_rng(5).normal(size=(n_envs, 4)).astype(np.float32))
    told = policy.outputs_batch(observations, [ACTOR] * n_envs, range(n_envs))
    again = [policy.outputs(observation, ACTOR) for observation in observations]
    for one, other in zip(told, again, strict=True):
        assert one["logits"].tolist() == other["logits"].tolist()
        assert one["value"].tolist() == other["value"].tolist()


def test_what_is_not_legal_has_no_probability() -> None:
    observation = spaces.Dict({"legal": spaces.MultiBinary(5), "x": spaces.Box(-1, 1, (1,))})
    policy = TorchPolicy({0: observation}, {0: spaces.Discrete(5)}, {0: {None: "legal"}}, n_envs=2)
    outputs = policy.outputs({"legal": np.array([0, 1, 0, 1, 0], np.int8), "x": np.zeros(1, np.float32)}, ACTOR)
    assert np.flatnonzero(outputs["probabilities"]).tolist() == [1, 3]
    assert sorted(outputs["candidates"]["actions"][:2].tolist()) == [1, 3]
    assert outputs["candidates"]["probabilities"][2] == 0


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(4, start=-2),
        spaces.MultiDiscrete(np.array([[2, 3], [4, 5]])),
        spaces.MultiBinary((2, 2)),
        spaces.Box(-2, 2, (), np.float64),
        spaces.Tuple([spaces.Discrete(1), spaces.Box(-np.inf, np.inf, (2,))]),
    ],
    ids=str,
)
def test_they_are_as_their_space_says(space: Any) -> None:
    layout = ActionLayout(space)
    outputs = PolicyOutputs(layout)
    parameters = np.random.default_rng(1).normal(size=(3, layout.n_parameters)).astype(np.float32)
    told = outputs.read(parameters, np.zeros(3, np.float32))
    assert all(outputs.space.contains(each) for each in told)
    assert ("probabilities" in outputs.space.spaces) == (not isinstance(space, spaces.Box))
