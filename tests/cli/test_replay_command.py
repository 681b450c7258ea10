"""`maze replay`: recorded episodes, played again."""

from __future__ import annotations

import sys
from pathlib import Path

import av
import pytest
from tests.cli.recorded_runs import cart_pole

from maze import rollout
from maze.cli.maze import main

OWN_ENV = '''
import os
import gymnasium

class Walk(gymnasium.Env):
    """Its steps are random, and after the third one they are not of its seed."""

    observation_space = gymnasium.spaces.Box(-99, 99, (1,), "float64")
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.n, self.place = 0, self.np_random.random()
        return self.observe(), {}

    def step(self, action):
        self.n += 1
        self.place += os.urandom(1)[0] / 1000 + 0.001 if self.n > 3 and LEAKS else self.np_random.random()
        return self.observe(), 1.0, self.n == 6, False, {}

    def observe(self):
        import numpy
        return numpy.array([self.place])

LEAKS = False

class Leaking(Walk):
    def step(self, action):
        global LEAKS
        LEAKS = True
        try:
            return super().step(action)
        finally:
            LEAKS = False
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return tmp_path


@pytest.fixture
def own_module(here: Path) -> str:
    name = f"own_envs_{here.name.replace('-', '_')}"
    (here / f"{name}.py").write_text(OWN_ENV)
    return name


def replay(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["replay", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_that_all_episodes_are_checked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cart_pole(here)
    assert replay(capsys, "run") == (0, "6 of 6 episodes are the same\n", "")


def test_that_one_is_filmed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    n = cart_pole(here).statistics.length
    assert n.mean is not None
    code, out, err = replay(capsys, "run", "--episode", "3", "--video", "out.mp4")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    n_decisions = int(first.removeprefix("episode 3: the same in all ").removesuffix(" decisions"))
    assert second == f"{n_decisions + 1} frames in out.mp4"
    with av.open("out.mp4") as video:
        assert sum(1 for _ in video.decode(video=0)) == n_decisions + 1


def test_that_videos_are_mp4(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cart_pole(here)
    code, _, err = replay(capsys, "run", "--episode", "0", "--video", "out.avi")
    assert (code, err) == (2, "maze: --video out.avi: videos are mp4, so name it out.mp4\n")


def test_that_without_a_display_a_video_is_advised(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cart_pole(here)
    code, out, err = replay(capsys, "run", "--episode", "0")
    assert code == 0
    assert out.startswith("episode 0: the same in all")
    assert err == "maze: not shown, for there is no display here: --video FILE.mp4 writes a video\n"
    assert replay(capsys, "run", "--episode", "0", "--check-only")[2] == ""


def test_that_an_environment_of_ones_own_is_named_or_trusted(
    here: Path, own_module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rollout({"_target_": f"{own_module}.Walk"}, n_episodes=2, run_dir=here / "run")
    code, _, err = replay(capsys, "run")
    assert code == 2
    assert f"{own_module}.Walk is named by a run directory alone, so it is not imported: add --trust" in err
    assert replay(capsys, "run", "--trust", own_module)[:2] == (0, "2 of 2 episodes are the same\n")
    assert replay(capsys, "run", "--env", f"{own_module}:Walk")[:2] == (0, "2 of 2 episodes are the same\n")


def test_that_a_difference_is_told_with_its_step_and_size(
    here: Path, own_module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rollout({"_target_": f"{own_module}.Walk"}, n_episodes=2, run_dir=here / "run")
    code, out, _ = replay(capsys, "run", "--env", f"{own_module}:Leaking")
    assert code == 1
    lines = out.splitlines()
    assert lines[0].startswith("episode 0: differs from decision 3 on: observation[0] was ")
    assert ", now " in lines[0]
    assert lines[-1] == "0 of 2 episodes are the same"


def test_that_an_environment_without_pictures_is_not_filmed(
    here: Path, own_module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rollout({"_target_": f"{own_module}.Walk"}, n_episodes=1, run_dir=here / "run")
    arguments = ["run", "--trust", own_module, "--episode", "0"]
    code, _, err = replay(capsys, *arguments, "--video", "out.mp4")
    assert (code, "Walk gives no pictures" in err) == (2, True)
    assert not Path("out.mp4").exists()
    assert replay(capsys, *arguments)[0] == 0


def test_that_what_cannot_be_played_again_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cart_pole(here, record_trajectory=False)
    code, _, err = replay(capsys, "run")
    assert (code, "was recorded without trajectories" in err) == (2, True)


def test_that_a_damaged_episode_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cart_pole(here)
    (part,) = (here / "run" / "trajectory_data").iterdir()
    content = bytearray(part.read_bytes())
    content[len(content) // 4 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 4)
    part.write_bytes(content)
    code, _, err = replay(capsys, "run", "--episode", "0")
    assert code == 1
    assert err.startswith("maze: ")
    assert str(part.name) in err
