"""Recorded runs to look at, servers that show them, and a browser."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import maze
from maze.core.env.event import Event
from maze.core.env.structured_env import StructuredEnv

CART_POLE = {"env": {"_target_": "maze.core.env.gym_env.make_gym_env", "name": "CartPole-v1"}, "wrappers": {}}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = "<script>document.title = 'hostile'</script><img src=x onerror=\"document.title = 'hostile'\">"


@dataclass(frozen=True)
class Remark(Event):
    """Something said."""

    text: str
    loudness: float


class TalkingEnv(StructuredEnv):
    """Counts to twenty; says something hostile every fifth step, fails in each third episode."""

    def __init__(self) -> None:
        self.observation_spaces = {0: gymnasium.spaces.Dict({"count": gymnasium.spaces.Discrete(21)})}
        self.action_spaces = {0: gymnasium.spaces.Discrete(3)}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.count = 0
        return {"count": 0}, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.count += 1
        if self.count % 5 == 0:
            self.emit(Remark(HOSTILE, self.count / 2))
        if self.count == 7 and self.np_random_seed % 3 == 0:
            raise RuntimeError(HOSTILE)
        return {"count": self.count}, float(action), self.count == 20, False, {}


def careful(observation: np.ndarray) -> int:
    """Keeps the pole up."""
    return int(observation[2] + 0.35 * observation[3] + 0.02 * observation[0] + 0.05 * observation[1] > 0)


def careless(observation: np.ndarray) -> int:
    """Lets the pole fall, sooner or later."""
    return int(observation[2] + 0.012 * observation[3] > 0)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs; tests that change one copy it."""
    folder = tmp_path_factory.mktemp("runs")
    seeding = {"env_base_seed": 7, "agent_base_seed": 7}
    for name, policy in (("careful", careful), ("careless", careless)):
        maze.rollout(
            "CartPole-v1",
            policy,
            n_episodes=12,
            max_episode_steps=150,
            seeding=seeding,
            run_dir=folder / name,
            config=CART_POLE,
        )
    maze.rollout(
        TalkingEnv, n_episodes=9, seeding={"explicit_env_seeds": list(range(1, 10))}, run_dir=folder / "talking"
    )
    return folder


@pytest.fixture
def copied(runs: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Gives a run of one's own."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(runs / name, tmp_path / name, ignore=shutil.ignore_patterns(".viewer")))

    return copy


def rewrite_metadata(run_dir: Path, **changes: Any) -> None:
    """Change what `run.json` says."""
    file = run_dir / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.fixture(scope="session")
def view() -> Iterator[Callable[..., str]]:
    """Starts `maze view`, once for the same arguments, and gives the address; stops it in the end."""
    started: list[subprocess.Popen[str]] = []

    @cache
    def start(*arguments: str | Path) -> str:
        command = [sys.executable, "-m", "maze.cli.maze", "view", "--no-browser", "--port", "0", *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process.stdout.readline().rpartition(" at ")[2].strip()

    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.communicate(timeout=20)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser, where there is one."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install playwright"
    )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages that may not ask anybody but this machine, and have nothing to complain about."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def note(request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "file://", "data:", "blob:")):
            complaints.append(f"asked {request.url}")

    def listen(said: Any) -> None:
        if said.type in {"error", "warning"}:
            complaints.append(said.text)

    def open_address(address: str, **settings: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 720}, **settings})
        contexts.append(context)
        page = context.new_page()
        page.on("request", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", listen)
        page.goto(address)
        return page

    yield open_address
    for context in contexts:
        context.close()
    assert complaints == []
