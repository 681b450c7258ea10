"""Configuration that is not ours: of the user, of installed packages, of earlier runs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from maze.cli.maze_run import main

FEW = ["runner=sequential", "runner.n_episodes=2", "runner.max_episode_steps=5"]
POLICY = """
from maze.core.agent.policy import StructuredPolicy

class Always(StructuredPolicy):
    def __init__(self, action: int) -> None:
        self.action = action

    def reset(self, seed, slot=0):
        pass

    def act(self, observation, actor_id, slot=0):
        return self.action
"""


@pytest.fixture
def here(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a policy and a configuration folder; what `main` changes in this process is undone."""
    monkeypatch.delitem(sys.modules, "steadfast", raising=False)
    (here / "steadfast.py").write_text(POLICY, encoding="utf-8")
    policies = here / "mine" / "policy"
    policies.mkdir(parents=True)
    (policies / "always.yaml").write_text("_target_: steadfast.Always\naction: 1  # the action\n", encoding="utf-8")
    (here / "mine" / "short.yaml").write_text(
        "defaults: [conf_rollout, override runner: sequential, _self_]\nrunner: {n_episodes: 1}\n", encoding="utf-8"
    )
    return here


def config_of(run_dir: Path) -> dict[str, object]:
    return dict(OmegaConf.to_container(OmegaConf.load(run_dir / ".hydra" / "config.yaml")))  # type: ignore[arg-type]


def last_run(here: Path) -> Path:
    return max((path.parent for path in here.rglob("run.json")), key=lambda run_dir: run_dir.stat().st_ctime_ns)


def test_a_folder_of_the_users_own(here: Path) -> None:
    assert main(["-cd", "mine", "policy=always", "policy.action=0", *FEW]) == 0
    assert config_of(last_run(here))["policy"] == {"_target_": "steadfast.Always", "action": 0}


def test_a_root_configuration_of_the_users_own(here: Path) -> None:
    assert main(["-cd", "mine", "-cn", "short", "env.name=CartPole-v1"]) == 0
    assert OmegaConf.select(OmegaConf.create(config_of(last_run(here))), "runner.n_episodes") == 1


def test_the_folder_of_an_installed_package(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    information = here / "site" / "steady-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: steady\nVersion: 1.0\n", encoding="utf-8")
    (information / "entry_points.txt").write_text("[maze.configs]\nsteady = steady.conf\n", encoding="utf-8")
    shutil.copytree(here / "mine", here / "site" / "steady" / "conf")
    monkeypatch.syspath_prepend(here / "site")

    assert main(["policy=always", *FEW]) == 0
    assert main(["policy=always,random_policy", "--multirun", *FEW]) == 0
    capsys.readouterr()
    assert main(["policy=alway"]) == 2
    assert capsys.readouterr().err == "maze-run: there is no policy 'alway': did you mean 'always'?\n"
    shutil.rmtree(here / "site" / "steady")
    assert main(FEW) == 2
    assert "the entry point 'steady' of maze.configs names steady.conf" in capsys.readouterr().err


def test_input_dir_gives_environment_and_policy(here: Path) -> None:
    assert main(["env.name=Acrobot-v1", *FEW]) == 0
    earlier = last_run(here).relative_to(here)
    assert main([f"input_dir={earlier}", *FEW]) == 0
    taken = config_of(last_run(here))
    assert taken["env"] == config_of(here / earlier)["env"]

    assert main([f"input_dir={earlier}", "env.name=CartPole-v1", *FEW]) == 0
    assert config_of(last_run(here))["env"] == {**dict(taken["env"]), "name": "CartPole-v1"}  # type: ignore[call-overload]
    assert main([f"input_dir={earlier}", "env=gym_env", *FEW]) == 0
    assert OmegaConf.select(OmegaConf.create(config_of(last_run(here))), "env.name") == "CartPole-v1"


def test_input_dir_may_not_name_just_anything(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-cd", "mine", "policy=always", *FEW]) == 0
    earlier = last_run(here).relative_to(here)
    capsys.readouterr()
    assert main([f"input_dir={earlier}", *FEW]) == 2
    assert capsys.readouterr().err == (
        "maze-run: steadfast.Always is named by a run directory alone, so it is not imported: "
        "add trusted=[steadfast.Always] if you trust it\n"
    )
    assert main([f"input_dir={earlier}", "trusted=[steadfast]", *FEW]) == 0
    assert main([f"input_dir={earlier}", "policy=random_policy", *FEW]) == 0


def test_input_dir_may_not_import_a_module_by_an_environments_id(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = here / "run" / ".hydra" / "config.yaml"
    saved.parent.mkdir(parents=True)
    saved.write_text(
        "env: {_target_: maze.core.env.gym_env.make_gym_env, name: 'steadfast:Bad-v0'}\n", encoding="utf-8"
    )
    assert main(["input_dir=run", *FEW]) == 2
    assert "steadfast is named by a run directory alone" in capsys.readouterr().err
    assert "steadfast" not in sys.modules


@pytest.mark.parametrize("typed", ["runner.n_episodes=9", "env.name=Acrobot-v1", "policy=random_policy"])
def test_resume_refuses_what_could_change_episodes(here: Path, capsys: pytest.CaptureFixture[str], typed: str) -> None:
    assert main(FEW) == 0
    run_dir = last_run(here).relative_to(here)
    capsys.readouterr()
    assert main([f"resume={run_dir}", typed]) == 2
    assert capsys.readouterr().err.startswith(f"maze-run: leave {typed} out: resume runs the saved configuration")
    assert main([f"resume={run_dir}", "--multirun"]) == 2
    assert capsys.readouterr().err == "maze-run: resume finishes one run: leave --multirun out\n"


def test_resume_may_take_another_runner(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(FEW) == 0
    run_dir = last_run(here).relative_to(here)
    capsys.readouterr()
    assert main([f"resume={run_dir}", "runner.n_processes=2"]) == 2
    assert capsys.readouterr().err == (
        "maze-run: the saved runner has no n_processes: add runner=parallel, or leave runner.n_processes=2 out\n"
    )
    assert main([f"resume={run_dir}", "runner=parallel", "runner.n_processes=2"]) == 0
    assert "2 episodes, 0 failed" in capsys.readouterr().out
