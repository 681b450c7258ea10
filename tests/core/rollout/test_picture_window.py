"""Windows on a real screen, where there is an X server that draws into memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import ImageGrab

import maze
from maze.core.rollout.picture_window import PictureWindow, has_display, render_mode

CART_POLE = {"env": {"_target_": "maze.core.env.gym_env.make_gym_env", "name": "CartPole-v1"}}


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """Number of a display."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed: apt-get install xvfb")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as numbers:
        yield f":{numbers.readline().strip()}"
    server.terminate()
    server.wait(20)


def n_shades(screen: str) -> int:
    """How many shades of grey there are on the screen; 1 where it is empty."""
    return sum(count > 0 for count in ImageGrab.grab(xdisplay=screen).convert("L").histogram())


def is_shown(screen: str, log: Path, *arguments: str | Path) -> None:
    """Run a command until it shows something; the window is gone with it."""
    environment = {**os.environ, "DISPLAY": screen, "SDL_VIDEODRIVER": "x11"}
    command = [sys.executable, "-m", *map(str, arguments)]
    with log.open("w") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
    try:
        wait(lambda: n_shades(screen) > 2 or process.poll() is not None)
        assert process.poll() is None, log.read_text()
    finally:
        process.kill()
        process.wait()
    wait(lambda: n_shades(screen) == 1)


def wait(is_over: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_over():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_episode_is_played_in_the_window_of_its_env(screen: str, tmp_path: Path) -> None:
    maze.rollout(
        "CartPole-v1", lambda o: int(o[2] + o[3] > 0), n_episodes=1, run_dir=tmp_path / "run", config=CART_POLE
    )
    is_shown(screen, tmp_path / "log", "maze.cli.maze", "replay", tmp_path / "run", "--episode", "0")


def test_an_episode_of_an_env_with_pictures_alone_has_a_window_too(screen: str, tmp_path: Path) -> None:
    run = [
        "maze.cli.maze_run",
        "env=tutorial_cutting_2d_struct_masked",
        "policy=masked_random_policy",
        "runner=sequential",
        "runner.n_episodes=1",
    ]
    is_shown(screen, tmp_path / "log", *run, "runner.render=true", f"hydra.run.dir={tmp_path / 'seen'}")
    assert not (tmp_path / "seen" / "videos").exists()
    environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    unseen = [sys.executable, "-m", *run, f"hydra.run.dir={tmp_path / 'run'}"]
    subprocess.run(unseen, check=True, env=environment, stdout=subprocess.DEVNULL)
    is_shown(screen, tmp_path / "log", "maze.cli.maze", "replay", tmp_path / "run", "--episode", "0")


def test_the_way_to_show_is_chosen_by_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")
    assert has_display()
    assert [render_mode(modes) for modes in (["human", "rgb_array"], ["rgb_array"], [])] == [
        "human",
        "rgb_array",
        "human",
    ]
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not has_display()
    assert render_mode(["human", "rgb_array"]) == "rgb_array"


def test_a_window_that_was_never_opened_is_closed() -> None:
    PictureWindow().close()
