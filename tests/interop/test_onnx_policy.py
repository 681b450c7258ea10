"""ONNX models, rolled out by the runners and the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import onnxruntime
import pytest
import torch
from gymnasium import spaces
from onnx import TensorProto, helper
from tests.interop.legal_env import declared
from tests.interop.onnx_files import computed, linear_model, save

from maze.cli.maze_run import main
from maze.core.env.actor_id import ActorID
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError
from maze.interop.onnx_policy import OnnxPolicy
from maze.testing import check_policy

SEEDING = {"env_base_seed": 1, "agent_base_seed": 2}
ACTOR = ActorID(0, 0)
FOUR, TWO = spaces.Box(-1, 1, (4,)), spaces.Discrete(2)
FEW = ["runner=sequential", "runner.n_episodes=3", "runner.max_episode_steps=15"]
DICT = spaces.Dict({"position": spaces.Box(-1, 1, (2,)), "speed": spaces.Box(-1, 1, (3,), np.float64)})


def config(path: Path, **settings: Any) -> dict[str, Any]:
    return {"_target_": "maze.interop.onnx_policy.OnnxPolicy", "path": str(path), **settings}


def policy(file: Path, observation: spaces.Space[Any], action: spaces.Space[Any], **settings: Any) -> OnnxPolicy:
    made = OnnxPolicy({0: observation}, {0: action}, path=str(file), **settings)
    for slot in range(made.n_envs):
        made.reset(slot, slot)
    return made


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("batch", ["n", 1, 3, None])
def test_all_runners_and_numbers_of_slots_give_the_same_episodes(
    tmp_path: Path, deterministic: bool, batch: int | str | None
) -> None:
    agent = config(linear_model(tmp_path / "model.onnx", {"logits": 2}, batch=batch))
    settings: dict[str, Any] = {"n_episodes": 7, "max_episode_steps": 30, "deterministic": deterministic}
    runs = [
        SequentialRolloutRunner(**settings),
        SequentialRolloutRunner(**settings, n_envs=2),
        ParallelRolloutRunner(**settings, n_processes=1),
        ParallelRolloutRunner(**settings, n_processes=2),
    ]
    results = [
        runner.run_with("CartPole-v1", agent=agent, seeding=SEEDING, run_dir=tmp_path / str(index))
        for index, runner in enumerate(runs)
    ]
    assert [result.status for result in results] == ["completed"] * len(runs)
    assert len({result.hash for result in results}) == 1


def test_it_keeps_the_rules_of_policies(tmp_path: Path) -> None:
    logits = config(linear_model(tmp_path / "logits.onnx", {"logits": 2}))
    check_policy(logits, "CartPole-v1")
    check_policy(logits, "CartPole-v1", deterministic=True)
    gaussian = config(linear_model(tmp_path / "gaussian.onnx", {"mean": 1, "log_std": 1}, {"observation": 3}))
    check_policy(gaussian, "Pendulum-v1")


def test_the_most_likely_action_is_that_of_the_largest_logit(tmp_path: Path) -> None:
    file = linear_model(tmp_path / "model.onnx", {"logits": 5})
    made = policy(file, FOUR, spaces.Discrete(5, start=3), deterministic=True)
    observations = np.random.default_rng(1).uniform(-1, 1, (40, 4)).astype(np.float32)
    actions = made.act_batch(list(observations), [ACTOR] * 40, list(range(40)))
    assert actions == (computed(file, observation=observations)[0].argmax(1) + 3).tolist()
    assert all(action in made._actions._space for action in actions)


def test_actions_are_drawn_by_the_slots_own_chance(tmp_path: Path) -> None:
    file = linear_model(tmp_path / "model.onnx", {"logits": 3})
    made = policy(file, FOUR, spaces.Discrete(3), n_envs=2000)
    seen = np.array([0.1, 0.3, -0.2, 0.1], np.float32)
    actions = made.act_batch([seen] * 2000, [ACTOR] * 2000, list(range(2000)))
    (logits,) = computed(file, observation=seen[None])
    expected = np.exp(logits[0]) / np.exp(logits[0]).sum()
    assert np.bincount(actions, minlength=3) / 2000 == pytest.approx(expected, abs=0.04)
    again = policy(file, FOUR, spaces.Discrete(3), n_envs=1)
    for slot in (1999, 0):
        again.reset(slot, slot)
        assert again.act(seen, ACTOR, slot) == actions[slot]


@pytest.mark.parametrize(
    ("action", "outputs"),
    [
        (spaces.MultiDiscrete([2, 3], start=[1, 5]), {"logits": 5}),
        (spaces.MultiDiscrete(np.array([[2, 2], [3, 2]])), {"logits": 9}),
        (spaces.MultiBinary(3), {"logits": 3}),
        (spaces.MultiBinary([2, 2]), {"anything": 4}),
        (spaces.Box(-0.1, 0.1, (3,)), {"action": 3}),
        (spaces.Box(-0.1, 0.1, (3,), np.float64), {"mean": 3, "log_std": 3, "value": 1}),
        (
            spaces.Dict({"turn": spaces.Box(-1, 1, (2,)), "gear": spaces.Discrete(4), "lamps": spaces.MultiBinary(2)}),
            {"gear": 4, "lamps": 2, "turn": 2, "turn_log_std": 2, "value": 1},
        ),
    ],
    ids=str,
)
def test_actions_of_every_kind(tmp_path: Path, action: spaces.Space[Any], outputs: dict[str, int]) -> None:
    file = linear_model(tmp_path / "model.onnx", outputs)
    observations = list(np.random.default_rng(1).uniform(-1, 1, (6, 4)).astype(np.float32))
    for deterministic in (False, True):
        made = policy(file, FOUR, action, deterministic=deterministic, n_envs=8)
        decided = made.act_batch(observations, [ACTOR] * 6, list(range(6)))
        assert [each in action for each in decided] == [True] * 6
        assert len({str(each) for each in decided}) > 1


def test_a_model_that_decides_itself(tmp_path: Path) -> None:
    nodes = [helper.make_node("ArgMax", ["observation"], ["action"], axis=1, keepdims=0)]
    declared_input: Any = {"observation": (TensorProto.FLOAT, ["n", 4])}
    file = save(tmp_path / "model.onnx", nodes, declared_input, {"action": (TensorProto.INT64, ["n"])})
    made = policy(file, FOUR, spaces.Discrete(4), n_envs=2)
    seen = [np.eye(4, dtype=np.float32)[index] for index in (3, 1)]
    assert made.act_batch(seen, [ACTOR] * 2, [0, 1]) == [3, 1]


def test_inputs_are_named_for_the_parts_of_the_observation(tmp_path: Path) -> None:
    file = linear_model(tmp_path / "model.onnx", {"logits": 3}, {"speed": 3, "position": 2}, dtype=TensorProto.FLOAT)
    made = policy(file, DICT, spaces.Discrete(3), deterministic=True)
    rows = [DICT.sample() for _ in range(9)]
    fed = {key: np.stack([row[key] for row in rows]).astype(np.float32) for key in DICT.spaces}
    actions = made.act_batch(rows, [ACTOR] * 9, list(range(9)))
    assert actions == computed(file, **fed)[0].argmax(1).tolist()


def test_parts_that_the_model_does_not_take_are_left_out(tmp_path: Path) -> None:
    file = linear_model(tmp_path / "model.onnx", {"logits": 4}, {"where": 2})
    check_policy(config(file), declared, n_steps=12)  # which also checks that its actions are legal
    check_policy(config(file), declared, n_steps=12, deterministic=True)
    components = linear_model(tmp_path / "components.onnx", {"logits": 4}, {"where": 2, "legal": 4}, dtype=1)
    check_policy(config(components), lambda: declared(components=True), n_steps=12)


def test_nothing_legal_is_an_error(tmp_path: Path) -> None:
    space = spaces.Dict({"legal": spaces.MultiBinary(3), "where": spaces.Box(-1, 1, (2,))})
    file = linear_model(tmp_path / "model.onnx", {"logits": 3}, {"where": 2})
    made = policy(file, space, spaces.Discrete(3), action_masks={0: {None: "legal"}})
    with pytest.raises(ValueError, match="the mask leaves nothing legal"):
        made.act({"legal": np.zeros(3, np.int8), "where": np.zeros(2, np.float32)}, ACTOR)


def test_what_is_no_number_is_an_error(tmp_path: Path) -> None:
    file = linear_model(tmp_path / "model.onnx", {"out": 3})
    for action in (spaces.Discrete(3), spaces.MultiBinary(3), spaces.Box(-1, 1, (3,))):
        made = policy(file, FOUR, action)
        with pytest.raises(ValueError, match="no numbers: look for NaN in the observation"):
            made.act(np.full(4, np.nan, np.float32), ACTOR)


def test_numbers_may_have_an_axis_of_their_own(tmp_path: Path) -> None:
    file = linear_model(tmp_path / "model.onnx", {"logits": 3}, {"x": 1}, dtype=TensorProto.INT64)
    made = policy(file, spaces.Discrete(5), spaces.Discrete(3), deterministic=True, n_envs=4)
    decided = made.act_batch([np.int64(4), np.int64(1)], [ACTOR] * 2, [0, 1])
    assert decided == computed(file, x=np.array([[4], [1]]))[0].argmax(1).tolist()


def test_a_network_that_torch_has_exported(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).eval()
    file = tmp_path / "model.onnx"
    with pytest.warns(FutureWarning):  # of torch about itself
        torch.onnx.export(
            network,
            (torch.zeros(2, 4),),
            file,
            input_names=["observation"],
            output_names=["logits"],
            dynamic_shapes=({0: "n"},),
            external_data=False,
            verbose=False,
        )
    made = policy(file, FOUR, spaces.Discrete(2), deterministic=True)
    assert made.n_envs == 32
    observations = np.random.default_rng(1).normal(size=(32, 4)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(observations)).argmax(1).tolist()
    assert made.act_batch(list(observations), [ACTOR] * 32, list(range(32))) == expected


def test_a_policy_object_travels_to_other_processes(tmp_path: Path) -> None:
    made = policy(linear_model(tmp_path / "model.onnx", {"logits": 2}), FOUR, spaces.Discrete(2), n_envs=2)
    again = cloudpickle.loads(cloudpickle.dumps(made))
    for each in (made, again):
        each.reset(5, slot=1)
    seen = np.zeros(4, np.float32)
    assert [made.act(seen, ACTOR, 1) for _ in range(20)] == [again.act(seen, ACTOR, 1) for _ in range(20)]


def test_the_command_line_rolls_a_model_out_and_takes_it_from_an_earlier_run(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    linear_model(Path("model.onnx"), {"logits": 2})
    typed = ["policy=onnx_policy", "policy.path=model.onnx", *FEW, "seeding.env_base_seed=1"]
    seeds = ["seeding.agent_base_seed=2", "env.name=CartPole-v1"]
    assert main([*typed, *seeds, "hydra.run.dir=first"]) == 0
    assert main(["input_dir=first", *FEW, "seeding.env_base_seed=1", *seeds, "hydra.run.dir=second"]) == 0
    Path("model.onnx").rename(Path("first", "model.onnx"))
    assert main([*typed, *seeds, "input_dir=first", "hydra.run.dir=third"]) == 0
    runs = [json.loads(Path(name, "run.json").read_text(encoding="utf-8")) for name in ("first", "second", "third")]
    assert len({run["hash"] for run in runs}) == 1
    assert len({run["policy_files"][0][1] for run in runs}) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("outputs", "inputs", "seen_and_done", "message"),
    [
        (
            {"out": 3},
            {"x": 4},
            (FOUR, TWO),
            r"gives float32 of shape \(n, 3\) as 'out', and the action is Discrete\(2\)",
        ),
        ({"out": 3}, {"x": 4}, (FOUR, TWO), r"takes whole numbers of shape \(n\), or logits of shape \(n, 2\)"),
        ({"out": 1}, {"x": 4}, (FOUR, FOUR), r"of shape \(n, 1\) as 'out', and .* takes numbers of shape \(n, 4\)"),
        ({"a": 2, "b": 2}, {"x": 4}, (FOUR, TWO), "has the outputs 'a', 'b': name the one that says what to do action"),
        ({"mean": 4, "log_std": 1}, {"x": 4}, (FOUR, FOUR), "'log_std' of another shape than 'mean'"),
        ({"turn": 2}, {"x": 4}, (FOUR, spaces.Dict(gear=TWO)), "no output for the action 'gear', it has 'turn'"),
        ({"logits": 2}, {"x": 5}, (FOUR, TWO), r"\(float\) of shape \(n, 5\) as 'x', and the observation is Box.*"),
        ({"logits": 2}, {"x": 2, "y": 2}, (FOUR, TWO), "has the input 'x', and the observation is one whole: name"),
        ({"logits": 2}, {"place": 2}, (DICT, TWO), "'place', and the observation is made of 'position', 'speed': name"),
        ({"logits": 2}, {"position": 3}, (DICT, TWO), r"\(n, 3\) as 'position', and the observation 'position' is"),
    ],
)
def test_a_model_for_other_spaces_is_explained_in_one_line(
    tmp_path: Path, outputs: Any, inputs: Any, seen_and_done: Any, message: str
) -> None:
    file = linear_model(tmp_path / "model.onnx", outputs, inputs)
    with pytest.raises(ConfigurationError, match=f"^model.onnx .*{message}") as caught:
        policy(file, *seen_and_done)
    assert "\n" not in str(caught.value)


def test_whole_numbers_do_not_take_real_ones(tmp_path: Path) -> None:
    file = linear_model(tmp_path / "model.onnx", {"logits": 2}, dtype=TensorProto.INT64)
    with pytest.raises(ConfigurationError, match=r"takes tensor\(int64\) of shape \(n, 4\) as 'observation'"):
        policy(file, FOUR, spaces.Discrete(2))


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ([], "the policy needs the file of a model: add policy.path="),
        (["policy.path=modle.onnx"], "policy.path=modle.onnx: there is no such file in "),
        (["policy.path=text.onnx"], "text.onnx cannot be loaded as an ONNX model: "),
        (["policy.path=model.onnx", "env.name=Acrobot-v1"], "model.onnx takes tensor(float) of shape (n, 4) as "),
        (["policy.path=model.onnx", "policy.device=cuda"], "policy.device=cuda: onnxruntime finds none here; choose"),
        (["policy.path=model.onnx", "policy.device=gpu"], "policy.device=gpu: onnxruntime finds none here; choose"),
        (["policy.path=model.onnx", "policy.n_envs=0"], "policy.n_envs=0: give a number of at least 1"),
    ],
)
def test_wrong_settings_are_explained_in_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], typed: list[str], message: str
) -> None:
    if "policy.device=cuda" in typed and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("there is one")
    Path("text.onnx").write_text("nothing", encoding="utf-8")
    linear_model(Path("model.onnx"), {"logits": 2})
    assert main(["policy=onnx_policy", *FEW, *typed]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert line.startswith(f"maze-run: {message}")
    assert list(here.rglob("run.json")) == []


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maze.interop.onnx_model.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"needs onnxruntime: pip install 'maze-rollouts\[onnx\]'"):
        policy(linear_model(tmp_path / "model.onnx", {"logits": 2}), FOUR, spaces.Discrete(2))
