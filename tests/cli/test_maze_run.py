"""`maze-run` as it is typed: processes, output, files, exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from maze.cli.maze_run import main
from maze.core.rollout.seeding import Seeding

COMMAND = [sys.executable, "-m", "maze.cli.maze_run"]
FEW = ["runner=sequential", "runner.n_episodes=3", "runner.max_episode_steps=15"]
SEEDS = ["seeding.env_base_seed=1", "seeding.agent_base_seed=2"]
SHAKY_ENV = """
from pathlib import Path
import gymnasium
import numpy as np

class Shaky(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.will_break = seed % 3 == 2 and not Path("mended").exists()
        return np.zeros(2, np.float32), {}

    def step(self, action):
        if self.will_break:
            raise ValueError("the arm left\\nthe table")
        return np.zeros(2, np.float32), 1.0, self.np_random.random() < 0.2, False, {}

gymnasium.register("Shaky-v0", entry_point=Shaky)
"""


@pytest.fixture
def here(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; what `main` changes in this process is undone."""
    monkeypatch.delitem(sys.modules, "shaky", raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    return here


def run_dirs(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.rglob("run.json"))


def run_json(run_dir: Path) -> dict[str, object]:
    return dict(json.loads((run_dir / "run.json").read_text(encoding="utf-8")))


def test_parallel_and_sequential_runs_record_the_same_episodes(here: Path) -> None:
    for runner in ("parallel", "sequential"):
        typed = ["env=gym_env", "env.name=CartPole-v1", f"runner={runner}", "runner.n_episodes=4", *SEEDS]
        processes = ["runner.n_processes=2"] if runner == "parallel" else []
        done = subprocess.run([*COMMAND, *typed, *processes], cwd=here, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "4 episodes, 0 failed" in done.stdout
        assert "seeding.env_base_seed=1 seeding.agent_base_seed=2" in done.stdout
        run_dir = run_dirs(here)[-1]
        assert done.stdout.splitlines()[-1].split() == ["recorded", "in", str(run_dir.relative_to(here))]
    assert run_json(run_dirs(here)[0])["hash"] == run_json(run_dirs(here)[1])["hash"]


def test_the_run_directory(here: Path) -> None:
    assert main(["env.name=CartPole-v1", *FEW]) == 0
    (run_dir,) = run_dirs(here)
    name = run_dir.relative_to(here).as_posix()
    assert re.fullmatch(r"outputs/\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d-[0-9a-f]{6}", name)
    assert {path.name for path in (run_dir / ".hydra").iterdir()} == {"config.yaml", "hydra.yaml", "overrides.yaml"}
    assert json.loads((run_dir / "statistics.json").read_text(encoding="utf-8"))["n_episodes"] == 3
    log = (run_dir / "maze-run.log").read_text(encoding="utf-8")
    assert "INFO completed: " in log
    assert "seeding.env_base_seed=" in log


def test_runs_of_one_second_do_not_meet(here: Path) -> None:
    assert [main(["env.name=CartPole-v1", *FEW]) for _ in range(3)] == [0, 0, 0]
    assert len(run_dirs(here)) == 3


def test_new_arguments_of_environments_and_wrappers_need_no_plus(here: Path) -> None:
    typed = [
        "env.name=FrozenLake-v1",
        "env.kwargs.is_slippery=false",
        "wrappers.limit._target_=gymnasium.wrappers.TimeLimit",
        "wrappers.limit.max_episode_steps=2",
    ]
    assert main([*typed, *FEW]) == 0
    statistics = json.loads((run_dirs(here)[0] / "statistics.json").read_text(encoding="utf-8"))
    assert statistics["length"]["max"] == 2


def test_multirun_has_a_directory_for_each_job(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env.name=CartPole-v1", "runner=sequential", "runner.n_episodes=1,2", "--multirun"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    first, second = run_dirs(here)
    assert re.fullmatch(r"multirun/\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d-[0-9a-f]{6}/0", first.relative_to(here).as_posix())
    assert second == first.parent / "1"
    assert [run_json(run_dir)["n_episodes"] for run_dir in (first, second)] == [1, 2]
    assert "job 1: env.name=CartPole-v1 runner=sequential runner.n_episodes=2" in output.out
    assert (second / "maze-run.log").is_file()


def test_multirun_ends_with_the_worst_exit_code(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env.name=CartPole-v1", "runner=sequential", "runner.n_episodes=0,1", "-m"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("maze-run: job 0: n_episodes=0: give a ")
    assert len(run_dirs(here)) == 1


def test_failed_episodes_are_shown_and_resume_plays_just_them(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "shaky.py").write_text(SHAKY_ENV, encoding="utf-8")
    typed = ["env.name=shaky:Shaky-v0", "runner=sequential", "runner.n_episodes=6", *SEEDS]
    broken = [spec for spec in Seeding(1, 2).specs(range(6)) if spec.env_seed % 3 == 2]
    assert 0 < len(broken) < 6
    assert main(typed) == 1
    output = capsys.readouterr().out
    (run_dir,) = run_dirs(here)
    for spec in broken:
        place = f"Shaky-v0, episode {spec.number}, step 0, actor (0, 0)"
        seeds = f"env_seed={spec.env_seed} agent_seed={spec.agent_seed}"
        assert f"  ValueError: the arm left the table [{place}, {seeds}]\n" in output
    again = f"runner.episodes=[{','.join(str(spec.number) for spec in broken)}] {' '.join(SEEDS)}"
    assert again in output
    assert "Traceback" not in output
    assert "Traceback" in (run_dir / "maze-run.log").read_text(encoding="utf-8")

    (here / "mended").touch()
    before = (run_dir / ".hydra" / "config.yaml").read_text(encoding="utf-8")
    assert main([f"resume={run_dir.relative_to(here)}", "runner.on_error=stop"]) == 0
    assert "6 episodes, 0 failed" in capsys.readouterr().out
    assert run_dirs(here) == [run_dir]
    assert (run_dir / ".hydra" / "config.yaml").read_text(encoding="utf-8") == before

    assert main(typed) == 0
    resumed, whole = run_dirs(here)
    assert run_json(resumed)["hash"] == run_json(whole)["hash"]


def test_ctrl_c_keeps_what_was_played(here: Path) -> None:
    typed = ["env.name=Acrobot-v1", "runner=sequential", "runner.n_episodes=100000"]
    process = subprocess.Popen([*COMMAND, *typed], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not run_dirs(here) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    (run_dir,) = run_dirs(here)
    assert (process.returncode, errors) == (130, "")
    assert f"maze-run resume={run_dir.relative_to(here)}" in output
    assert run_json(run_dir)["status"] == "interrupted"


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&- <&-", "| head -n 1"])
def test_nobody_reads_the_output(here: Path, closed: str) -> None:
    command = " ".join([*COMMAND, "env.name=CartPole-v1", *FEW])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} {closed}"], cwd=here, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert run_json(run_dirs(here)[0])["status"] == "completed"


def test_help_names_choices_and_examples(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mine" / "policy").mkdir(parents=True)
    (here / "mine" / "policy" / "greedy.yaml").touch()
    assert main(["--help", "-cd", "mine", "runner=sequential"]) == 0
    output = capsys.readouterr().out
    assert re.search(r"^  runner +dev  local  parallel\*  ray  sequential$", output, re.MULTILINE)
    assert re.search(r"^  policy (.*\n)*? .* greedy .*(\n.*)*? random_policy\*", output, re.MULTILINE)
    assert re.search(r"^  runner.render=false +whether to show the episodes", output, re.MULTILINE)
    assert len(re.findall(r"^  maze-run ", output, re.MULTILINE)) == 5
    assert max(map(len, output.splitlines())) <= 120


def test_help_imports_nothing_slow() -> None:
    script = (
        "import sys; from maze.cli.maze_run import main; main(['--help']); "
        "print({'hydra', 'gymnasium', 'numpy', 'pyarrow', 'rich', 'yaml'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_rollout_imports_no_framework(here: Path) -> None:
    script = (
        f"import sys; from maze.cli.maze_run import main; main({['env.name=CartPole-v1', *FEW]}); "
        "print({'torch', 'matplotlib', 'ray', 'tensorboard', 'pandas', 'pyarrow.compute'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=here, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"maze-run \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_the_shell_completes_choices(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMP_LINE", "maze-run policy=")
    assert main(["-sc", "query=bash"]) == 0
    assert {"policy=lunar_lander_heuristics", "policy=random_policy"} <= set(capsys.readouterr().out.split())


def test_the_configuration_can_be_printed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-c", "job", "-p", "env", "env.name=Acrobot-v1"]) == 0
    assert "name: Acrobot-v1\n" in capsys.readouterr().out
    assert list(here.iterdir()) == []


def test_statistics_as_tensorboard_scalars(here: Path) -> None:
    pytest.importorskip("tensorboard")
    assert main(["env.name=CartPole-v1", "tensorboard=true", *FEW]) == 0
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (run_dir,) = run_dirs(here)
    events = EventAccumulator(os.fspath(run_dir)).Reload()
    mean = json.loads((run_dir / "statistics.json").read_text(encoding="utf-8"))["return"]["mean"]
    assert events.Scalars("return/mean")[0].value == pytest.approx(mean)
