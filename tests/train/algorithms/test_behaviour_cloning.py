from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tests.core.rollout.sample_envs import ReusingWalk
from tests.train.test_torch_policy import CUTTING

from maze import load
from maze.cli.maze import main as maze_main
from maze.cli.maze_run import main as maze_run_main
from maze.core.recording.segment import NO_SEED
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.probe import EnvTraits
from maze.core.rollout.recipes import EnvRecipe
from maze.core.rollout.rollout_runner import RolloutRunner
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError
from maze.interop.minari_dataset import export_minari
from maze.train.algorithms.behaviour_cloning import BehaviourCloning
from maze.train.algorithms.ppo import PPO
from maze.train.models.build_model import build_model
from maze.train.recorded_decisions import RecordedDecisions
from maze.train.training_log import read_progress
from maze.train.training_result import TrainingResult
from maze.train.training_runner import TrainingRunner
from maze.train.weights import read_weights

SEEDING = {"env_base_seed": 1, "agent_base_seed": 2}
CARTPOLE = {"_target_": "maze.core.env.gym_env.make_gym_env", "name": "CartPole-v1"}
NORMALIZED = {
    "norm": {
        "_target_": "maze.core.wrappers.observation_normalization_wrapper.ObservationNormalizationWrapper",
        "n_samples": 200,
    }
}
LIMITED = {"limit": {"_target_": "maze.core.wrappers.time_limit_wrapper.TimeLimitWrapper", "max_episode_steps": 60}}
SAMPLES = "tests.core.rollout.sample_envs"
GLOBAL_WALK, LEAKY_WALK, REUSING_WALK = (
    {"_target_": f"{SAMPLES}.{name}"} for name in ("GlobalWalk", "LeakyWalk", "ReusingWalk")
)
GREEDY = {"_target_": "maze_envs.logistics.cutting_2d.cutting_2d_greedy_policy.Cutting2DGreedyPolicy"}


def lean(observation: Any) -> int:
    """Push the cart towards where the pole falls: far better than chance."""
    return int(observation[2] + 0.3 * observation[3] > 0)


def sign(observation: Any) -> int:
    """Go away from the middle."""
    return int(observation[0] > 0)


def record(
    folder: Path,
    env: Any = None,
    agent: Any = lean,
    n: int = 12,
    runner: Callable[..., RolloutRunner] = SequentialRolloutRunner,
    **settings: Any,
) -> str:
    env = CARTPOLE if env is None else env
    config = {"env": env, "wrappers": {}}
    result = runner(n_episodes=n, max_episode_steps=60, **settings).run_with(
        env, agent=agent, run_dir=folder, seeding={"env_base_seed": 5 + n}, config=config
    )
    assert result.status == "completed"
    return str(folder)


def imitate(folder: Path, dataset: Any, env: Any = None, wrappers: Any = None, **settings: Any) -> TrainingResult:
    runner = TrainingRunner(dataset=dataset, n_eval_episodes=3, evaluate_every=0)
    algorithm = BehaviourCloning(**{"n_epochs": 15, "minibatch_size": 64, "learning_rate": 5e-3, **settings})
    return runner.run_with(
        CARTPOLE if env is None else env, wrappers, algorithm=algorithm, run_dir=folder, seeding=SEEDING, n_envs=3
    )


def test_it_decides_as_was_recorded(tmp_path: Path) -> None:
    result = imitate(tmp_path / "run", record(tmp_path / "data"), n_epochs=30)
    figures = read_progress(tmp_path / "run")[-1]
    assert figures["validation/accuracy"] > 0.9
    assert figures["learning/accuracy"] > 0.9
    assert figures["validation/loss"] < 0.2
    assert figures["learning/gradient_norm"] > 0
    assert result.best_return is not None
    assert result.best_return > 60


def test_several_runs_and_pieces_on_disk_are_learned_from_alike(tmp_path: Path) -> None:
    data = [record(tmp_path / "a", n=4), record(tmp_path / "b", n=8)]
    imitate(tmp_path / "run", data, megabytes_in_memory=0.005, n_epochs=30)
    assert read_progress(tmp_path / "run")[-1]["validation/accuracy"] > 0.85


def test_the_seeds_make_it_repeatable_however_the_data_set_is_kept(tmp_path: Path) -> None:
    in_two_processes = partial(ParallelRolloutRunner, n_processes=2)
    data = [record(tmp_path / "a", n=3), record(tmp_path / "b", n=5, runner=in_two_processes)]
    whole = [record(tmp_path / "a2", n=3), record(tmp_path / "b2", n=5)]
    for name, dataset, megabytes in (("one", data, 0.005), ("other", whole, 0.005)):
        imitate(tmp_path / name, dataset, n_epochs=2, megabytes_in_memory=megabytes)
    one, other = (read_weights(tmp_path / name / "last.safetensors") for name in ("one", "other"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_fraction_of_the_episodes_is_for_validation_alone(tmp_path: Path) -> None:
    data = record(tmp_path / "data", n=10)
    for fraction, n_validation in ((0.0, 0), (0.01, 1), (0.3, 3), (0.99, 9)):
        imitate(tmp_path / str(fraction), data, n_epochs=1, validation_fraction=fraction)
        names = read_progress(tmp_path / str(fraction))[-1]
        assert ("validation/accuracy" in names) == ("validation/loss" in names) == (n_validation > 0)


@pytest.mark.parametrize("env", [CARTPOLE, GLOBAL_WALK, LEAKY_WALK, REUSING_WALK], ids=str)
def test_under_other_wrappers_observations_are_derived_again(env: Any, tmp_path: Path) -> None:
    """Whatever the environment's peculiarity: global generators, traces of earlier episodes, one array all the time."""
    data = record(tmp_path / "data", env, lean if env is CARTPOLE else sign)
    imitate(tmp_path / "run", data, env, wrappers={**NORMALIZED, **LIMITED}, n_epochs=30)
    assert read_progress(tmp_path / "run")[-1]["learning/accuracy"] > 0.9


def test_derived_observations_are_those_of_the_wrappers(tmp_path: Path) -> None:
    """The same decisions, with observations twice as large."""
    data = record(tmp_path / "data", REUSING_WALK, sign, n=3)
    doubled = {"double": {"_target_": "gymnasium.wrappers.RescaleObservation", "min_obs": -18.0, "max_obs": 18.0}}
    model = build_model(None, {0: ReusingWalk.observation_space}, {0: ReusingWalk.action_space}, seed=1)
    read = []
    for wrappers in ({}, doubled):
        env = EnvRecipe(REUSING_WALK, wrappers)
        recorded = RecordedDecisions([Path(data)], env, model, traits=EnvTraits(copy_observations=True), gamma=0.9)
        read.append([decisions[0] for decisions in recorded.read(recorded.episodes)])
        recorded.close()
    for as_recorded, derived in zip(*read, strict=True):
        np.testing.assert_allclose(derived.leaves[0], 2 * as_recorded.leaves[0], rtol=1e-6)
        np.testing.assert_array_equal(derived.actions, as_recorded.actions)
        np.testing.assert_array_equal(derived.returns, as_recorded.returns)


def test_critics_learn_discounted_returns(tmp_path: Path) -> None:
    data = record(tmp_path / "data", REUSING_WALK, sign, n=2)
    model = build_model(None, {0: ReusingWalk.observation_space}, {0: ReusingWalk.action_space}, seed=1)
    recorded = RecordedDecisions([Path(data)], EnvRecipe(REUSING_WALK), model, traits=EnvTraits(), gamma=0.9)
    for episode, decisions in zip(load(data), recorded.read(recorded.episodes), strict=True):
        to_go, expected = 0.0, list[float]()
        for reward in reversed(episode.rewards.tolist()):
            to_go = reward + 0.9 * to_go
            expected.insert(0, to_go)
        np.testing.assert_allclose(decisions[0].returns, expected, rtol=1e-5)


def test_imported_minari_data_is_imitated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("minari")
    pytest.importorskip("h5py")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    export_minari(load(record(tmp_path / "data")), tmp_path / "cartpole-lean-v0", range(12))
    monkeypatch.chdir(tmp_path)
    assert maze_main(["import", "minari:cartpole-lean-v0", "-o", "imported"]) == 0
    short = "runner=dev runner.n_eval_episodes=2 runner.evaluate_every=0 policy.n_envs=2 runner.tensorboard=false"
    seeds = "seeding.env_base_seed=1 seeding.agent_base_seed=2"
    learning = "algorithm=bc algorithm.n_epochs=30 algorithm.learning_rate=0.005 algorithm.minibatch_size=64"
    arguments = f"-cn conf_train env.name=CartPole-v1 runner.dataset=imported {learning} {short} {seeds}"
    assert maze_run_main([*arguments.split(), "hydra.run.dir=trained"]) == 0
    assert read_progress(tmp_path / "trained")[-1]["validation/accuracy"] > 0.9


def test_data_without_seeds_cannot_be_derived_and_says_so(tmp_path: Path) -> None:
    data = record(tmp_path / "data", n=2)
    for part in Path(data, "episodes").glob("*.parquet"):
        table = pq.read_table(part)
        seeds = pa.array([NO_SEED] * len(table), table.schema.field("env_seed").type)
        position = table.schema.get_field_index("env_seed")
        pq.write_table(table.set_column(position, table.schema.field("env_seed"), seeds), part)
    assert imitate(tmp_path / "same", data, n_epochs=1).status == "completed"
    with pytest.raises(ConfigurationError, match="for its seed was not recorded: choose the environment and wrappers"):
        imitate(tmp_path / "other", data, wrappers=NORMALIZED)


def test_a_data_set_names_nothing_that_is_built_unless_it_is_trusted(tmp_path: Path) -> None:
    data = record(tmp_path / "data", n=1)
    file = Path(data, "run.json")
    metadata = json.loads(file.read_text())
    metadata["config"]["env"] = {"_target_": "os.system", "command": f"touch {tmp_path}/executed"}
    file.write_text(json.dumps(metadata))
    with pytest.raises(ConfigurationError, match=r"os\.system is named by a run directory alone.*add trusted"):
        imitate(tmp_path / "run", data, wrappers=NORMALIZED)
    assert not (tmp_path / "executed").exists()


def test_structured_decisions_are_imitated(tmp_path: Path) -> None:
    data = record(tmp_path / "data", CUTTING, GREEDY, n=4)
    imitate(tmp_path / "run", data, CUTTING, LIMITED, n_epochs=30)
    assert read_progress(tmp_path / "run")[-1]["validation/accuracy"] > 0.85
    assert read_progress(tmp_path / "run")[-1]["validation/loss"] < 0.5


def test_a_divergence_is_an_error(tmp_path: Path) -> None:
    data = record(tmp_path / "data")
    shorter = {"limit": {"_target_": "gymnasium.wrappers.TimeLimit", "max_episode_steps": 5}}
    skipping = {"skip": {"_target_": "maze.core.wrappers.step_skipping_wrapper.StepSkippingWrapper", "n_steps": 2}}
    other = {**CARTPOLE, "kwargs": {"sutton_barto_reward": True}}
    with pytest.raises(ConfigurationError, match="with the new wrappers, in decision 0 the reward was"):
        imitate(tmp_path / "skip", data, wrappers=skipping)
    with pytest.raises(ConfigurationError, match="goes otherwise with the new wrappers"):
        imitate(tmp_path / "other", data, other, wrappers=NORMALIZED)
    assert imitate(tmp_path / "limit", data, wrappers=shorter, n_epochs=1).status == "completed"


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (None, "algorithm=bc imitates recorded rollouts: add runner.dataset"),
        ("nowhere", "runner.dataset: nowhere does not exist"),
    ],
)
def test_a_missing_data_set_is_explained(dataset: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=message):
        imitate(tmp_path / "run", dataset)


def test_runs_that_cannot_be_learned_from_are_refused(tmp_path: Path) -> None:
    bare = record(tmp_path / "bare", n=1, record_trajectory=False)
    with pytest.raises(ConfigurationError, match="was recorded without trajectories"):
        imitate(tmp_path / "run", bare)
    with pytest.raises(ConfigurationError, match="has the actions Discrete\\(2\\) for step key 0, the environment has"):
        imitate(tmp_path / "other", record(tmp_path / "data", n=1), {**CARTPOLE, "name": "Acrobot-v1"})


def test_what_imitates_can_be_trained_further(tmp_path: Path) -> None:
    first = imitate(tmp_path / "run", record(tmp_path / "data"))
    algorithm = PPO(n_decisions=200, decisions_per_iteration=100, n_epochs=1)
    runner = TrainingRunner(n_eval_episodes=3)
    result = runner.run_with(
        CARTPOLE, algorithm=algorithm, run_dir=tmp_path / "next", input_dir=tmp_path / "run", seeding=SEEDING, n_envs=3
    )
    assert result.best_return is not None
    assert first.best_return is not None
    assert result.best_return >= first.best_return
