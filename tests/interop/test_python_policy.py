"""Functions, classes and objects that know nothing of this package."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from gymnasium import spaces

from maze.cli.maze_run import main
from maze.core.env.actor_id import ActorID
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError
from maze.interop.python_policy import PythonPolicy, check_settings, python_policy
from maze.testing import check_policy

FEW = ["runner=sequential", "runner.n_episodes=3", "runner.max_episode_steps=15"]
SPACES: Any = {0: spaces.Box(-5, 5, (4,))}, {0: spaces.Discrete(2)}
HERE = "tests.interop.strangers"


@pytest.fixture
def here(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("agents", "broken", "wanting"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    Path("agents.py").write_text("def act(observation, gain=1): return int(gain * observation[2] > 0)\n", "utf-8")
    Path("broken.py").write_text("import math\nprint(mth.pi)\n", "utf-8")
    Path("wanting.py").write_text("import a_missing_package\n", "utf-8")
    return here


def config(name: str, **kwargs: Any) -> dict[str, Any]:
    target = "maze.interop.python_policy.python_policy"
    return {"_target_": target, "function": f"{HERE}:{name}", "kwargs": kwargs}


def made(name: str, deterministic: bool = False, **kwargs: Any) -> PythonPolicy:
    settings: dict[str, Any] = {"function": f"{HERE}:{name}", "kwargs": kwargs, "deterministic": deterministic}
    policy = python_policy(*SPACES, **settings)
    assert isinstance(policy, PythonPolicy)
    policy.reset(seed=1)
    return policy


def decided(policy: PythonPolicy, n: int = 6, slot: int = 0) -> list[Any]:
    return [policy.act([0.0] * 4, ActorID(0, 0), slot) for _ in range(n)]


@pytest.mark.parametrize(
    "name",
    [
        "upright",
        "careless",
        "often",
        "Counter",
        "make_counter",
        "counter",
        "Forgotten",
        "forgotten",
        "Walker",
        "familiar",
    ],
)
def test_all_kinds_keep_the_rules_and_all_runners_give_the_same_episodes(name: str, tmp_path: Path) -> None:
    check_policy(config(name), "CartPole-v1")
    check_policy(config(name), "CartPole-v1", deterministic=True)
    seeding = {"env_base_seed": 1, "agent_base_seed": 2}
    runs = [
        SequentialRolloutRunner(n_episodes=5),
        SequentialRolloutRunner(n_episodes=5, n_envs=3),
        SequentialRolloutRunner(n_episodes=5, episodes=[4, 2, 0, 1, 3]),
        ParallelRolloutRunner(n_episodes=5, n_processes=2),
    ]
    results = [
        runner.run_with("CartPole-v1", agent=config(name), seeding=seeding, run_dir=tmp_path / str(index))
        for index, runner in enumerate(runs)
    ]
    assert [result.status for result in results] == ["completed"] * len(runs)
    assert len({result.hash for result in results}) == 1


def test_a_function_gets_what_it_names() -> None:
    assert decided(made("told"), 1) == [2002]
    assert decided(made("told", deterministic=True, a=1, b=2), 1) == [2212]
    assert decided(made("whatever"), 1) == [1]
    assert decided(made("careless", share=1.0), 3) == [1, 1, 1]


def test_chance_is_that_of_the_episode() -> None:
    policy = made("careless")
    policy.reset(2, slot=3)
    first = decided(policy, 20, slot=3)
    policy.reset(2, slot=0)
    together = [decided(policy, 1, slot)[0] for _ in range(20) for slot in (3, 0)]
    assert together[1::2] == first
    assert together[::2] != first
    assert len(set(first)) == 2


def test_objects_begin_anew_with_each_episode() -> None:
    for name in ("Counter", "make_counter"):
        assert decided(made(name, period=3), 4) == [0, 0, 1, 0]
    for name in ("counter", "Forgotten", "forgotten"):
        policy = made(name)
        policy.reset(1, slot=1)
        assert decided(policy, 4) == [0, 0, 1, 0]
        assert decided(policy, 2, slot=1) == [0, 0]
        policy.reset(2)
        assert decided(policy, 4) == [0, 0, 1, 0]
        assert decided(policy, 1, slot=1) == [1]


def test_the_command_line_takes_functions_from_where_the_user_is(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = ["seeding.env_base_seed=1", "seeding.agent_base_seed=2", "env.name=CartPole-v1"]
    typed = ["policy=python_policy", "policy.function=agents:act", "policy.kwargs.gain=-1", *seeds, *FEW]
    assert main(typed) == 0
    assert main([*typed, "runner=parallel", "runner.n_processes=2"]) == 0
    runs = [json.loads(file.read_text(encoding="utf-8")) for file in here.rglob("run.json")]
    assert runs[0]["hash"] == runs[1]["hash"]
    assert capsys.readouterr().err == ""


def test_a_run_directory_cannot_name_functions(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy=python_policy", "policy.function=agents:act", "hydra.run.dir=earlier", *FEW]) == 0
    config_file = Path("earlier", ".hydra", "config.yaml")
    config_file.write_text(config_file.read_text("utf-8").replace("agents:act", "broken:act"), "utf-8")
    capsys.readouterr()
    assert main(["input_dir=earlier", *FEW]) == 2
    assert "maze.interop.python_policy.python_policy is named by a run directory alone" in capsys.readouterr().err
    assert "broken" not in sys.modules


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (None, "policy=python_policy needs to know what decides: write policy.function=module:function, such as "),
        ("upright", "policy.function=upright: write policy.function=module:function"),
        ("strangers.upright", "policy.function=strangers.upright: write policy.function=module:function"),
        ("agents.py:act", r"policy.function=agents.py:act: there is no module 'agents.py'|.*'agents' is not a package"),
        ("my/agents:act", "policy.function=my/agents:act: write policy.function=module:function"),
        ("strangrs:upright", "policy.function=strangrs:upright: there is no module 'strangrs'"),
        ("tests.interop.strange:upright", ".*: there is no module 'tests.interop.strange'"),
        ("wanting:act", "policy.function=wanting:act: wanting needs the module 'a_missing_package'"),
        ("broken:act", "policy.function=broken:act: broken cannot be imported: NameError: name 'mth' is not defined"),
        (f"{HERE}:uprigt", f".*: there is no 'uprigt' in {HERE}: did you mean 'upright'"),
        (f"{HERE}:Counter.akt", ".*: there is no 'akt' in Counter: did you mean 'act'"),
        (f"{HERE}:GAIN", ".*:GAIN gives 'float', which does not decide: name a function whose first argument is the"),
        (
            f"{HERE}:with_unknown",
            ".* needs the argument 'rng' behind the observation: give it a default or set policy.",
        ),
        (f"{HERE}:turned_around", ".* takes 'generator' first: let the observation be the first argument"),
        (f"{HERE}:of_names_only", ".* takes no observation: let it be the first argument"),
        (f"{HERE}:Needy", ".*:Needy needs the argument 'weights': give it a default or set policy.kwargs.weights"),
        (f"{HERE}:upright", ".*:upright has no argument 'gain'"),
        (f"{HERE}:careless", ".*:careless has no argument 'gain'"),
    ],
)
@pytest.mark.usefixtures("here")
def test_mistakes_are_found_before_anything_is_called(function: str | None, message: str) -> None:
    sys.path.append(str(Path.cwd()))
    kwargs = {"gain": 2} if str(function).endswith((":upright", ":careless")) else {}
    for check in (check_settings, lambda **settings: python_policy(*SPACES, **settings)):
        with pytest.raises(ConfigurationError, match=f"^{message}") as caught:
            check(function=function, kwargs=kwargs)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Mute", ":Mute gives 'Mute', which does not decide"),
        ("nothing", ":nothing gives 'int', which does not decide"),
    ],
)
def test_what_is_made_has_to_decide(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        made(name)


def test_the_command_line_says_it_in_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy=python_policy", "policy.function=agents:akt"]) == 2
    assert capsys.readouterr().err == (
        "maze-run: policy.function=agents:akt: there is no 'akt' in agents: did you mean 'act'?\n"
    )
    assert not (here / "outputs").exists()
