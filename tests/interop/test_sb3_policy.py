"""Models of Stable-Baselines3, trained for a moment, rolled out by the runners and the command line."""

from __future__ import annotations

import base64
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import QRDQN, TQC, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from tests.interop.legal_env import Legal, Undeclared, declared

from maze.cli.maze_run import main
from maze.core.env.actor_id import ActorID
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.probe import global_generators
from maze.core.rollout.recipes import EnvRecipe
from maze.core.rollout.rollout_result import RolloutResult
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError
from maze.interop.sb3_policy import SB3Policy
from maze.testing import check_policy

SEEDING = {"env_base_seed": 1, "agent_base_seed": 2}
ACTOR = ActorID(0, 0)
CART_POLE: Any = {0: spaces.Box(-5, 5, (4,))}, {0: spaces.Discrete(2)}
FEW = ["runner=sequential", "runner.n_episodes=3", "runner.max_episode_steps=15"]
ALGORITHMS: dict[str, tuple[Any, str]] = {
    "A2C": (A2C, "Acrobot-v1"),
    "DQN": (DQN, "CartPole-v1"),
    "QRDQN": (QRDQN, "CartPole-v1"),
    "RecurrentPPO": (RecurrentPPO, "CartPole-v1"),
    "SAC": (SAC, "Pendulum-v1"),
    "TD3": (TD3, "Pendulum-v1"),
    "TQC": (TQC, "Pendulum-v1"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    PPO("MlpPolicy", "CartPole-v1", n_steps=128, batch_size=64, seed=1, device="cpu").learn(256).save(folder / "model")
    return folder / "model.zip"


@pytest.fixture(scope="module")
def masked_model(folder: Path) -> Path:
    MaskablePPO("MultiInputPolicy", Legal(), n_steps=64, batch_size=64, seed=1, device="cpu").learn(64).save(
        folder / "masked"
    )
    return folder / "masked.zip"


def config(path: Path, **settings: Any) -> dict[str, Any]:
    return {"_target_": "maze.interop.sb3_policy.SB3Policy", "path": str(path), "trust": True, "n_envs": 4, **settings}


def roll_out(runner: Any, env: Any, agent: Any, run_dir: Path) -> RolloutResult:
    result: RolloutResult = runner.run_with(env, agent=agent, seeding=SEEDING, run_dir=run_dir)
    assert (result.status, result.stopped_because) == ("completed", None)
    return result


def saved(algorithm: str, folder: Path) -> Path:
    make, env = ALGORITHMS[algorithm]
    settings: dict[str, Any] = {"seed": 3, "device": "cpu", "policy_kwargs": {"net_arch": [16]}}
    name = "MlpLstmPolicy" if algorithm == "RecurrentPPO" else "MlpPolicy"
    make(name, env, **settings).save(folder / algorithm)
    return folder / f"{algorithm}.zip"


@pytest.mark.parametrize("deterministic", [False, True])
def test_all_runners_and_numbers_of_slots_give_the_same_episodes(
    model: Path, tmp_path: Path, deterministic: bool
) -> None:
    settings: dict[str, Any] = {"n_episodes": 7, "max_episode_steps": 30, "deterministic": deterministic}
    runs = [
        SequentialRolloutRunner(**settings),
        SequentialRolloutRunner(**settings, n_envs=1),
        SequentialRolloutRunner(**{**settings, "episodes": [6, 3, 0, 5, 1, 2, 4]}),
        ParallelRolloutRunner(**settings, n_processes=1),
        ParallelRolloutRunner(**settings, n_processes=2),
    ]
    results = [roll_out(each, "CartPole-v1", config(model), tmp_path / str(i)) for i, each in enumerate(runs)]
    assert len({result.hash for result in results}) == 1


def test_chance_comes_from_the_seed_of_the_policy(model: Path, tmp_path: Path) -> None:
    hashes: list[str | None] = []
    for agent_seed in (2, 2, 3):
        runner = SequentialRolloutRunner(n_episodes=3, max_episode_steps=30)
        seeding = {"env_base_seed": 1, "agent_base_seed": agent_seed}
        torch.manual_seed(len(hashes))
        run_dir = tmp_path / str(len(hashes))
        hashes.append(runner.run_with("CartPole-v1", agent=config(model), seeding=seeding, run_dir=run_dir).hash)
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_algorithms_keep_the_rules_and_decide_as_predict_does(algorithm: str, tmp_path: Path) -> None:
    file, env = saved(algorithm, tmp_path), ALGORITHMS[algorithm][1]
    settings = config(file, algorithm=algorithm)
    check_policy(settings, env, n_steps=8)
    check_policy(settings, env, n_steps=8, deterministic=True)
    runner = SequentialRolloutRunner(n_episodes=2, max_episode_steps=12, deterministic=True)
    loaded = ALGORITHMS[algorithm][0].load(file, device="cpu")
    for episode in roll_out(runner, env, settings, tmp_path / "run"):
        state, expected = None, []
        for step in range(len(episode.actions)):
            start = np.array([step == 0])
            action, state = loaded.predict(episode.observations[step], state, start, deterministic=True)
            expected.append(action)
        assert np.allclose(np.array(expected), episode.actions, atol=1e-5)


def test_a_policy_object_travels_to_other_processes(model: Path, tmp_path: Path) -> None:
    policy = SB3Policy(*CART_POLE, path=str(model), trust=True, n_envs=2)
    again = cloudpickle.loads(cloudpickle.dumps(policy))
    for each in (policy, again):
        each.reset(5, slot=1)
    observation = np.full(4, 0.01, np.float32)
    assert [policy.act(observation, ACTOR, 1) for _ in range(20)] == [
        again.act(observation, ACTOR, 1) for _ in range(20)
    ]


def test_more_slots_than_rows_are_decided_in_turn(model: Path) -> None:
    narrow, wide = (SB3Policy(*CART_POLE, path=str(model), trust=True, n_envs=n) for n in (2, 5))
    observations = list(np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32))
    decided = []
    for policy in (narrow, wide):
        for slot in range(5):
            policy.reset(slot, slot)
        decided.append(policy.act_batch(observations, [ACTOR] * 5, list(range(5))))
    assert decided[0] == decided[1]


def test_loading_leaves_global_generators_alone(model: Path) -> None:
    before = torch.random.get_rng_state(), global_generators()
    SB3Policy(*CART_POLE, path=str(model), trust=True)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert global_generators() == before[1]


def test_masks_are_those_that_the_environment_declares(masked_model: Path, tmp_path: Path) -> None:
    settings = config(masked_model, algorithm="MaskablePPO")
    check_policy(settings, declared, n_steps=12)
    check_policy(settings, declared, n_steps=12, deterministic=True)
    result = roll_out(ParallelRolloutRunner(n_episodes=5, n_processes=2), declared, settings, tmp_path / "run")
    assert result.statistics.n_failed == 0


def test_masks_of_several_components(tmp_path: Path) -> None:
    env = Legal(spaces.MultiDiscrete([2, 2]))
    MaskablePPO("MultiInputPolicy", env, n_steps=8, batch_size=8, device="cpu").save(tmp_path / "masked")
    check_policy(config(tmp_path / "masked.zip", algorithm="MaskablePPO"), lambda: declared(components=True))


def test_masks_that_nobody_declares_are_asked_for(masked_model: Path, tmp_path: Path) -> None:
    agent = config(masked_model, algorithm="MaskablePPO")
    roll_out(SequentialRolloutRunner(n_episodes=5), Legal, agent, tmp_path / "run")


def test_an_environment_without_masks_is_refused(masked_model: Path) -> None:
    env = EnvRecipe(Undeclared)()
    policy = SB3Policy(
        env.observation_spaces, env.action_spaces, path=str(masked_model), trust=True, algorithm="MaskablePPO"
    )
    with pytest.raises(ConfigurationError, match="MaskablePPO needs masks, and the environment neither declares"):
        policy.attach(env)


def test_a_model_decides_for_one_kind_of_decision_beside_other_policies(tmp_path: Path) -> None:
    game = EnvRecipe({"_target_": "maze.interop.pettingzoo_env.make_pettingzoo_env", "name": "classic/connect_four_v3"})
    env = game()
    (step_key,) = env.observation_spaces
    made = Legal(env.action_spaces[step_key])
    made.observation_space = env.observation_spaces[step_key]  # type: ignore[assignment]
    settings: dict[str, Any] = {"n_steps": 8, "batch_size": 8, "device": "cpu", "policy_kwargs": {"net_arch": [8]}}
    MaskablePPO("MultiInputPolicy", made, **settings).save(tmp_path / "player")
    player = config(tmp_path / "player.zip", algorithm="MaskablePPO", step_key=step_key)
    random = {"_target_": "maze.core.agent.random_policy.RandomPolicy"}
    mapping = {f"{step_key}_0": player, f"{step_key}_1": random}
    agent = {"_target_": "maze.core.agent.default_policy.DefaultPolicy", "mapping": mapping}
    hashes = {
        roll_out(runner, game.env, agent, tmp_path / f"run{index}").hash
        for index, runner in enumerate(
            [SequentialRolloutRunner(n_episodes=4), ParallelRolloutRunner(n_episodes=4, n_processes=2)]
        )
    }
    assert len(hashes) == 1
    run = json.loads((tmp_path / "run0" / "run.json").read_text(encoding="utf-8"))
    assert [file for file, _ in run["policy_files"]] == [str(tmp_path / "player.zip")]


def test_statistics_of_vec_normalize_are_applied(tmp_path: Path) -> None:
    venv = VecNormalize(DummyVecEnv([lambda: gymnasium.make("Pendulum-v1")]), clip_obs=3.0)
    algorithm = PPO("MlpPolicy", venv, n_steps=64, batch_size=64, seed=1, device="cpu").learn(64)
    algorithm.save(tmp_path / "model")
    venv.save(str(tmp_path / "vecnormalize.pkl"))
    agent = config(tmp_path / "model.zip", normalization=str(tmp_path / "vecnormalize.pkl"))
    check_policy(agent, "Pendulum-v1", n_steps=8)
    runner = SequentialRolloutRunner(n_episodes=2, max_episode_steps=20, deterministic=True)
    for episode in roll_out(runner, "Pendulum-v1", agent, tmp_path / "run"):
        seen = np.array(episode.observations)[: len(episode.actions)]
        expected, _ = algorithm.predict(venv.normalize_obs(seen), deterministic=True)
        plain, _ = algorithm.predict(seen, deterministic=True)
        assert np.allclose(expected, episode.actions, atol=1e-5)
        assert not np.allclose(plain, episode.actions, atol=1e-3)
    with pytest.raises(ConfigurationError, match=r"vecnormalize.pkl was trained for Box.*\(3,\)"):
        SB3Policy(*CART_POLE, path=str(model_for_cart_pole(tmp_path)), trust=True, normalization=agent["normalization"])


def model_for_cart_pole(folder: Path) -> Path:
    PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, device="cpu").save(folder / "cart_pole")
    return folder / "cart_pole.zip"


def test_pictures_get_their_channels_in_front(tmp_path: Path) -> None:
    class Seen(gymnasium.Env[np.ndarray, Any]):
        observation_space = spaces.Box(0, 255, (36, 40, 3), np.uint8)
        action_space = spaces.Discrete(2)

        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
            super().reset(seed=seed)
            return self.np_random.integers(0, 256, (36, 40, 3), np.uint8), {}

        def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
            return self.np_random.integers(0, 256, (36, 40, 3), np.uint8), 1.0, False, False, {}

    PPO("CnnPolicy", Seen(), n_steps=8, batch_size=8, device="cpu").save(tmp_path / "model")
    check_policy(config(tmp_path / "model.zip"), Seen, n_steps=3)


def test_the_command_line_rolls_a_model_out(model: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("model.zip").write_bytes(model.read_bytes())
    typed = ["policy=sb3_policy", "policy.algorithm=PPO", "policy.trust=true", "env.name=CartPole-v1", *FEW]
    seeds = ["seeding.env_base_seed=1", "seeding.agent_base_seed=2"]
    assert main([*typed, *seeds, "policy.path=model.zip"]) == 0
    assert main([*typed, *seeds, "policy.path=model", "runner=parallel", "runner.n_processes=2"]) == 0
    runs = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(here.rglob("run.json"))]
    assert runs[0]["hash"] == runs[1]["hash"]
    assert runs[0]["policy"] == "maze.interop.sb3_policy.SB3Policy"
    assert capsys.readouterr().err == ""


class Mark:
    """Unpickled, it makes a file."""

    def __init__(self, file: str) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (Path(self.file),)


def test_nothing_is_loaded_that_nobody_vouches_for(model: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trap = base64.b64encode(pickle.dumps(Mark(str(here / "executed")))).decode()
    data = {"policy_class": {":type:": "x", ":serialized:": trap}}
    with zipfile.ZipFile("model.zip", "w") as archive:
        archive.writestr("data", json.dumps(data))
    typed = ["policy=sb3_policy", "policy.path=model.zip", *FEW]
    assert main(typed) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "maze-run: policy.path=model.zip: to load a model of Stable-Baselines3 is to execute what its file says: "
        "add policy.trust=true if you trust where it is from"
    )
    nested = ["policy=default_policy", "policy@policy.mapping.0=sb3_policy", "policy.mapping.0.path=model.zip"]
    assert main([*nested, *FEW]) == 2
    assert capsys.readouterr().err.startswith(
        "maze-run: policy.path=model.zip: to load a model of Stable-Baselines3 is"
    )
    assert [path.name for path in here.iterdir()] == ["model.zip"]
    assert main([*typed, "policy.trust=true"]) == 2  # which shows that the trap works
    assert (here / "executed").exists()


def test_a_run_directory_cannot_vouch_for_a_model(model: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["policy=sb3_policy", f"policy.path={model}", "policy.trust=true", *FEW]
    assert main([*typed, "hydra.run.dir=earlier"]) == 0
    capsys.readouterr()
    assert main(["input_dir=earlier", *FEW]) == 2
    assert capsys.readouterr().err == (
        "maze-run: maze.interop.sb3_policy.SB3Policy is named by a run directory alone, so it is not imported: "
        "add trusted=[maze.interop.sb3_policy] if you trust it\n"
    )
    assert main(["input_dir=earlier", "trusted=[maze.interop.sb3_policy]", *FEW]) == 0


def test_a_model_may_lie_in_the_directory_of_an_earlier_run(
    model: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["env.name=CartPole-v1", "hydra.run.dir=earlier", *FEW]) == 0
    Path("earlier", "model.zip").write_bytes(model.read_bytes())
    typed = ["policy=sb3_policy", "policy.trust=true", "input_dir=earlier", *FEW]
    assert main([*typed, "policy.path=model.zip"]) == 0
    capsys.readouterr()
    assert main([*typed, "policy.path=modle.zip"]) == 2
    assert capsys.readouterr().err == (
        f"maze-run: policy.path=modle.zip: there is no such file in {here} or {here / 'earlier'}\n"
    )


def test_the_content_of_the_model_identifies_the_policy(
    model: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["policy=sb3_policy", "policy.path=model.zip", "policy.trust=true", *FEW]
    hashes = []
    for number, content in enumerate([model, model_for_cart_pole(here), model]):
        Path("model.zip").write_bytes(content.read_bytes())
        assert main([*typed, f"hydra.run.dir=run{number}"]) == 0
        run = json.loads(Path(f"run{number}", "run.json").read_text(encoding="utf-8"))
        hashes.append((run["policy_hash"], run["policy_files"][0][1]))
    assert hashes[0] == hashes[2]
    assert not set(hashes[0]) & set(hashes[1])

    Path("model.zip").write_bytes(Path("cart_pole.zip").read_bytes())
    for part in Path("run0", "episodes").iterdir():
        part.unlink()
    capsys.readouterr()
    assert main(["resume=run0"]) == 2
    assert capsys.readouterr().err.endswith(
        f"maze-run: {here / 'model.zip'} is not what the run in {here / 'run0'} began with: resume it with that file\n"
    )


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ([], "the policy needs the file of a model: add policy.path="),
        (["policy.path=no.zip"], "policy.path=no.zip: there is no such file in {here}"),
        (["policy.path=text.zip"], "policy.path=text.zip is no model that Stable-Baselines3 has saved: name its .zip"),
        (
            ["policy.path={model}", "policy.algorithm=PPO2"],
            "policy.algorithm=PPO2: there is no such algorithm: did you",
        ),
        (["policy.path={model}", "policy.algorithm=X"], "policy.algorithm=X: there is no such algorithm: choose A2C,"),
        (["policy.path={model}", "policy.algorithm=SAC"], "model.zip cannot be loaded as SAC (AttributeError: "),
        (["policy.path={model}", "policy.algorithm=DQN"], "model.zip cannot be loaded as DQN ("),
        (["policy.path={model}", "policy.algorithm=RecurrentPPO"], "model.zip cannot be loaded as RecurrentPPO ("),
        (["policy.path={model}", "policy.algorithm=MaskablePPO"], "model.zip cannot be loaded as MaskablePPO ("),
        (["policy.path={model}", "env.name=Acrobot-v1"], "step key 0 observes Box(["),
        (["policy.path={model}", "env.name=MountainCar-v0"], "step key 0 observes Box(["),
        (["policy.path={model}", "policy.step_key=cut"], "policy.step_key=cut: there is no such step key: there is 0"),
        (["policy.path={model}", "policy.n_envs=0"], "policy.n_envs=0: give a number of at least 1"),
        (["policy.path={model}", "policy.normalization=no.pkl"], "policy.normalization=no.pkl: there is no such file"),
        (
            ["policy.path={model}", "policy.normalization=list.pkl"],
            "policy.normalization=list.pkl is a list: name what",
        ),
        (["policy.path={model}", "policy.normalization=text.zip"], "text.zip cannot be loaded ("),
        (["policy.path={model}", "policy.device=cuda"], "policy.device=cuda: torch finds no such device here"),
        (["policy.path={model}", "policy.trusts=true"], "there is no key 'policy.trusts': did you mean policy.trust"),
    ],
)
def test_wrong_settings_are_explained_in_one_line(
    model: Path, here: Path, capsys: pytest.CaptureFixture[str], typed: list[str], message: str
) -> None:
    if "policy.device=cuda" in typed and torch.cuda.is_available():
        pytest.skip("there is one")
    Path("text.zip").write_text("nothing", encoding="utf-8")
    Path("list.pkl").write_bytes(pickle.dumps([]))
    names = {"model": model, "here": here}
    assert main(["policy=sb3_policy", "policy.trust=true", *FEW, *(each.format(**names) for each in typed)]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert line.startswith(f"maze-run: {message.format(**names)}")
    assert list(here.rglob("run.json")) == []


def test_a_missing_package_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maze.interop.sb3_model.find_spec", lambda name: None if name == "sb3_contrib" else name)
    with pytest.raises(ConfigurationError, match=r"MaskablePPO needs the package sb3_contrib: pip install 'maze-roll"):
        SB3Policy(*CART_POLE, path=str(model), trust=True, algorithm="MaskablePPO")
