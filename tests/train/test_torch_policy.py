from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from maze.core.env.actor_id import ActorID
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError
from maze.testing import check_policy
from maze.train.algorithms.ppo import PPO
from maze.train.torch_policy import TorchPolicy
from maze.train.training_runner import TrainingRunner
from maze.train.weights import read_weights, save_weights

BOX = spaces.Box(-1, 1, (4,))
ACTOR = ActorID(0, 0)
POLICY = {"_target_": "maze.train.torch_policy.TorchPolicy", "n_envs": 4}
CUTTING = {
    "_target_": "maze_envs.logistics.cutting_2d.cutting_2d_struct_env.Cutting2DStructEnv",
    "raw_piece": [4, 3],
    "max_pieces_in_inventory": 6,
    "masked": True,
    "demand": {
        "_target_": "maze_envs.logistics.cutting_2d.demand.StaticDemand",
        "sizes": [[1, 2], [1, 2], [1, 1], [2, 2]],
    },
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    runner = TrainingRunner(n_eval_episodes=2)
    algorithm = PPO(n_decisions=200, decisions_per_iteration=100)
    runner.run_with(
        "CartPole-v1", algorithm=algorithm, run_dir=folder, seeding={"env_base_seed": 1, "agent_base_seed": 2}
    )
    return folder


@pytest.mark.parametrize("env", ["CartPole-v1", CUTTING], ids=["flat", "structured"])
def test_all_runners_and_numbers_of_slots_give_the_same_episodes(env: Any, tmp_path: Path) -> None:
    seeding = {"env_base_seed": 1, "agent_base_seed": 2}
    settings: dict[str, Any] = {"n_episodes": 9, "max_episode_steps": 30}
    runs = [
        SequentialRolloutRunner(**settings),
        SequentialRolloutRunner(**settings, n_envs=1),
        SequentialRolloutRunner(**settings, n_envs=3),
        SequentialRolloutRunner(**{**settings, "episodes": [8, 3, 0, 5, 1, 2, 4, 7, 6]}),
        ParallelRolloutRunner(**settings, n_processes=2),
    ]
    results = [
        runner.run_with(env, agent=POLICY, seeding=seeding, run_dir=tmp_path / str(index))
        for index, runner in enumerate(runs)
    ]
    assert [result.status for result in results] == ["completed"] * len(runs)
    assert len({result.hash for result in results}) == 1


def test_it_keeps_the_rules_of_policies() -> None:
    check_policy(POLICY, "CartPole-v1")
    check_policy(POLICY, CUTTING)


def test_chance_is_the_slots_own_and_begins_anew_with_each_episode() -> None:
    policy = TorchPolicy({0: BOX}, {0: spaces.MultiBinary(8)}, n_envs=2)
    observation = np.zeros(4, np.float32)
    policy.reset(5, slot=0)
    first = [policy.act(observation, ACTOR).tolist() for _ in range(4)]
    policy.reset(5, slot=1)
    policy.reset(6, slot=0)
    together = [policy.act_batch([observation] * 2, [ACTOR] * 2, [0, 1])[1].tolist() for _ in range(4)]
    assert together == first
    assert len({tuple(action) for action in first}) > 1


def test_deterministic_decisions_are_the_most_likely_ones() -> None:
    policy = TorchPolicy({0: BOX}, {0: spaces.Discrete(5)}, deterministic=True, n_envs=3)
    for seed in range(5):
        observation = np.random.default_rng(seed).normal(size=4).astype(np.float32)
        outputs = policy.outputs(observation, ACTOR)
        assert policy.output_space(0).contains(outputs)
        assert int(policy.act(observation, ACTOR)) == int(outputs["logits"].argmax())
        assert outputs["candidates"]["actions"].tolist() == np.argsort(-outputs["probabilities"])[:3].tolist()
        assert outputs["probabilities"].sum() == pytest.approx(1)


def test_more_slots_than_rows_are_decided_in_turn() -> None:
    policy = TorchPolicy({0: BOX}, {0: spaces.Discrete(7)}, n_envs=2)
    wide = TorchPolicy({0: BOX}, {0: spaces.Discrete(7)}, n_envs=5)
    for slot in range(5):
        policy.reset(slot, slot)
        wide.reset(slot, slot)
    observations = list(np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32))
    arguments = (observations, [ACTOR] * 5, list(range(5)))
    assert policy.act_batch(*arguments) == wide.act_batch(*arguments)


def test_a_mask_without_anything_legal_is_an_error_that_says_so() -> None:
    observation = spaces.Dict({"legal": spaces.MultiBinary(3), "x": spaces.Box(-1, 1, (1,))})
    policy = TorchPolicy({0: observation}, {0: spaces.Discrete(3)}, {0: {None: "legal"}}, n_envs=2)
    policy.reset(1)
    sample = {"legal": np.array([0, 1, 0], np.int8), "x": np.zeros(1, np.float32)}
    assert int(policy.act(sample, ACTOR)) == 1
    with pytest.raises(ValueError, match="the mask leaves nothing legal"):
        policy.act({**sample, "legal": np.zeros(3, np.int8)}, ACTOR)


def test_an_observation_without_numbers_is_an_error_that_says_so() -> None:
    policy = TorchPolicy({0: BOX}, {0: spaces.Discrete(3)}, n_envs=2)
    policy.reset(1)
    with pytest.raises(ValueError, match="not finite: look for NaN in the observation"):
        policy.act(np.full(4, np.nan, np.float32), ACTOR)


def test_weights_of_a_training_run_are_loaded(trained: Path) -> None:
    spaces_: Any = {0: spaces.Box(-np.inf, np.inf, (4,))}, {0: spaces.Discrete(2)}
    best, last = (TorchPolicy(*spaces_, input_dir=trained, weights=which) for which in ("best", "last"))
    for policy, which in ((best, "best"), (last, "last")):
        kept = read_weights(trained / f"{which}.safetensors")
        assert all(torch.equal(dict(policy.model.named_parameters())[name], kept[name]) for name in kept)


def test_a_run_tells_weights_apart_and_is_not_resumed_with_others(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "model")
    policy, runner = {**POLICY, "input_dir": str(tmp_path / "model")}, SequentialRolloutRunner(n_episodes=2)
    hashes = []
    for name in ("a", "b", "c"):
        if name == "c":
            kept = read_weights(trained / "best.safetensors")
            save_weights({key: 2 * tensor for key, tensor in kept.items()}, tmp_path / "model" / "best.safetensors")
        runner.run_with("CartPole-v1", agent=policy, run_dir=tmp_path / name)
        hashes.append(json.loads((tmp_path / name / "run.json").read_text())["policy_hash"])
    assert hashes[0] == hashes[1] != hashes[2]
    with pytest.raises(ConfigurationError, match=r"best\.safetensors is not what the run in .* began with"):
        runner.run_with("CartPole-v1", agent=policy, run_dir=tmp_path / "a", resume=True)
    assert runner.run_with("CartPole-v1", agent=policy, run_dir=tmp_path / "c", resume=True).status == "completed"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_on_a_gpu_it_decides_as_on_the_processor() -> None:
    policies = [TorchPolicy({0: BOX}, {0: spaces.Discrete(5)}, device=device, n_envs=4) for device in ("cpu", "cuda")]
    observations = list(np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32))
    for policy in policies:
        for slot in range(3):
            policy.reset(7 + slot, slot)
    actions = [policy.act_batch(observations, [ACTOR] * 3, [0, 1, 2]) for policy in policies]
    assert actions[0] == actions[1]


@pytest.mark.parametrize(
    ("observation", "action", "message"),
    [
        (spaces.Box(-1, 1, (5,)), spaces.Discrete(2), "step key 0 observes Box.*was trained for Box"),
        (BOX, spaces.Discrete(3), "step key 0 has the actions Discrete\\(3\\).*was trained for Discrete\\(2\\)"),
    ],
)
def test_other_spaces_than_those_of_training_are_explained_in_one_line(
    trained: Path, observation: Any, action: Any, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        TorchPolicy({0: observation}, {0: action}, input_dir=trained)
    assert "\n" not in str(caught.value)


def test_another_model_than_that_of_training_is_explained_in_one_line(trained: Path) -> None:
    model = {"_target_": "maze.train.models.flatten_concat.FlattenConcat", "hidden_sizes": [32]}
    with pytest.raises(ConfigurationError, match=r"do not fit the model: .* leave model=\.\.\. and wrappers"):
        TorchPolicy({0: BOX}, {0: spaces.Discrete(2)}, model=model, input_dir=trained)


def test_nothing_is_built_that_only_a_run_directory_names(trained: Path, tmp_path: Path) -> None:
    record = json.loads((trained / "training.json").read_text())
    record["model"] = {"_target_": "os.system", "command": f"touch {tmp_path}/executed"}
    (tmp_path / "training.json").write_text(json.dumps(record))
    with pytest.raises(ConfigurationError, match=r"os\.system is not built"):
        TorchPolicy({0: BOX}, {0: spaces.Discrete(2)}, input_dir=tmp_path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("damage", ["cut", "nan", "gone", "empty"])
def test_damaged_weights_are_refused_in_one_line(trained: Path, tmp_path: Path, damage: str) -> None:
    (tmp_path / "training.json").write_bytes((trained / "training.json").read_bytes())
    file = tmp_path / "last.safetensors"
    content = (trained / "last.safetensors").read_bytes()
    if damage == "nan":
        weights = read_weights(trained / "last.safetensors")
        name = next(iter(weights))
        save_weights({**weights, name: weights[name] * float("nan")}, file)
    elif damage != "gone":
        file.write_bytes(content[:-100] if damage == "cut" else b"")
    with pytest.raises(ConfigurationError, match=r"cannot be read|not finite|there are no weights") as caught:
        TorchPolicy({0: BOX}, {0: spaces.Discrete(2)}, input_dir=tmp_path, weights="last")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_envs": 0}, "policy.n_envs=0: give a number of at least 1"),
        ({"device": "gpu"}, "policy.device=gpu: choose cpu or cuda"),
        ({"input_dir": "/nowhere"}, "input_dir=/nowhere has no training.json: name the directory"),
    ],
)
def test_wrong_arguments_are_explained_in_one_line(arguments: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        TorchPolicy({0: BOX}, {0: spaces.Discrete(2)}, **arguments)
