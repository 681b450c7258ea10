"""Measures the viewer in Chromium: start, first frame, scrubbing, long tables, long episodes, size of a report.

    python benchmarks/viewer.py [--repeat 5] [--huge]

Needs `maze-rollouts[viewer,video]`, Playwright and a Chromium. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

import gymnasium
import numpy as np
from playwright.sync_api import sync_playwright

import maze
from maze.core.env.event import Event
from maze.core.env.structured_env import StructuredEnv

CART_POLE = {"env": {"_target_": "maze.core.env.gym_env.make_gym_env", "name": "CartPole-v1"}}
SCRUBS = 200


def careful(observation: np.ndarray) -> int:
    return int(observation[2] + 0.35 * observation[3] + 0.02 * observation[0] + 0.05 * observation[1] > 0)


class ShortEnv(gymnasium.Env[Any, Any]):
    """Episodes of three steps and more, for runs of very many."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.left = 3 + int(self.np_random.integers(4))
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.left -= 1
        observation = self.np_random.random(2, dtype=np.float32)
        return observation, float(observation[0] + action), self.left == 0, False, {}


class EndlessEnv(ShortEnv):
    """Goes on until it is cut."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, reward, *_ = super().step(action)
        return observation, reward - 1.5, False, False, {}


@dataclass(frozen=True)
class Tick(Event):
    n: int


class EventfulEnv(StructuredEnv):
    """Something happens in every step."""

    def __init__(self) -> None:
        self.observation_spaces = self.action_spaces = {0: gymnasium.spaces.Discrete(2)}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.n = 0
        return 0, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.n += 1
        self.emit(Tick(self.n))
        return self.n % 2, float(action), self.n == 500_000, False, {}


@contextmanager
def served(*arguments: str | Path) -> Iterator[str]:
    """`maze view`, with the address that it prints."""
    command = [sys.executable, "-m", "maze.cli.maze", "view", "--no-browser", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().rpartition(" at ")[2].strip()
    finally:
        process.terminate()
        process.communicate()


def wait(page: Any, expression: str) -> None:
    while not page.evaluate(expression):
        page.wait_for_timeout(5)


VIEWER = "document.getElementById('maze-viewer').viewer"


def start(run: Path) -> float:
    """From the command until a browser has the page and the list of runs."""
    begin = time.perf_counter()
    with served(run) as address:
        urlopen(address).read()
        urlopen(address + "api/runs").read()
        return time.perf_counter() - begin


def first_frame(browser: Any, run: Path) -> float:
    """From the click on the button until the first picture is on the screen."""
    shutil.rmtree(run / ".viewer", ignore_errors=True)
    with served(run) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(address)
        page.get_by_role("button", name="Render episodes").wait_for()
        begin = time.perf_counter()
        page.get_by_role("button", name="Render episodes").click()
        wait(page, f"{VIEWER}.films[0]?.shownFrame >= 0")
        seconds = time.perf_counter() - begin
        page.close()
    return seconds


def scrubbing(browser: Any, run: Path) -> list[float]:
    """From a step of the scrub bar until its picture is on the screen, for steps here and there; in seconds."""
    with served("--render", run) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(address)
        wait(page, f"{VIEWER}.films[0]?.progress.state === 'ready' && {VIEWER}.films[0].shownFrame >= 0")
        took = page.evaluate(
            """async (n) => {
                const viewer = document.getElementById('maze-viewer').viewer;
                const film = viewer.films[0];
                const took = [];
                for (let i = 0; i < n; i++) {
                    const step = (viewer.position * 7 + 137) % viewer.n;
                    const begin = performance.now();
                    viewer.goTo(step);
                    while (film.shownFrame !== step) await new Promise((done) => setTimeout(done, 0));
                    took.push((performance.now() - begin) / 1000);
                }
                return took;
            }""",
            SCRUBS,
        )
        page.close()
    return [float(seconds) for seconds in took]


def table_usable(browser: Any, run: Path) -> tuple[float, float, float]:
    """Until the table is there, and what sorting and filtering take then; in seconds."""
    with served(run) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        begin = time.perf_counter()
        page.goto(address)
        page.wait_for_selector(".mz-entry")
        seconds = time.perf_counter() - begin
        timed = f"const list = {VIEWER}.list, begin = performance.now(); ACT; return (performance.now() - begin) / 1000"
        acts = ("list.orderBy('return')", "list.input.value = 'return>9'; list.readFilter()")
        sort, filtered = (page.evaluate(f"(() => {{ {timed.replace('ACT', act)} }})()") for act in acts)
        page.close()
    return seconds, sort, filtered


def long_episode(browser: Any, run: Path, last: str) -> tuple[float, float]:
    """Until the curves of a very long episode are drawn, and until the record of its last step is there."""
    with served(run) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        begin = time.perf_counter()
        page.goto(address)
        page.wait_for_selector(".mz-read .mz-a")
        drawn = time.perf_counter() - begin
        begin = time.perf_counter()
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        page.get_by_role("heading", name=f"Step {last}").wait_for()
        page.get_by_role("heading", name="Observation", exact=False).first.wait_for()
        record = time.perf_counter() - begin
        page.close()
    return drawn, record


def report(run: Path, folder: Path) -> float:
    """Size in MB."""
    file = folder / "report.html"
    command = [sys.executable, "-m", "maze.cli.maze", "report", run, "-o", file]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return file.stat().st_size / 1e6


def measured(folder: Path, browser: Any, n: int, with_huge: bool) -> Iterator[tuple[str, str, str]]:
    """What, the goal, and how it is."""
    seeding = {"env_base_seed": 7, "agent_base_seed": 7}
    run = folder / "cart_pole"
    played = {"n_episodes": 50, "max_episode_steps": 0, "seeding": seeding, "run_dir": run, "config": CART_POLE}
    maze.rollout("CartPole-v1", careful, **played)
    yield "`maze view` answers, 50 episodes", "1 s", f"{median(start(run) for _ in range(n)):.2f} s"
    frame = median(first_frame(browser, run) for _ in range(n))
    yield "first frame of a 500-step CartPole episode", "2 s", f"{frame:.2f} s"
    took = np.array(scrubbing(browser, run)) * 1000
    yield "scrub step, median (95 %)", "40 ms", f"{np.median(took):.0f} ms ({np.quantile(took, 0.95):.0f} ms)"
    yield "report of 50 episodes, every step", "3 MB", f"{report(run, folder):.2f} MB"
    if not with_huge:
        return
    maze.rollout(ShortEnv, n_episodes=100_000, seeding=seeding, run_dir=folder / "huge")
    usable, sort, filtered = map(median, zip(*(table_usable(browser, folder / "huge") for _ in range(n)), strict=True))
    further = f"sort {sort * 1000:.0f} ms, filter {filtered * 1000:.0f} ms"
    yield "table of 100,000 episodes", "2 s", f"{usable:.2f} s; {further}"
    maze.rollout(EndlessEnv, n_episodes=1, max_episode_steps=1_000_000, seeding=seeding, run_dir=folder / "long")
    maze.rollout(EventfulEnv, n_episodes=1, max_episode_steps=0, seeding=seeding, run_dir=folder / "eventful")
    for what, name, last in (("1,000,000 steps", "long", "999,999"), ("500,000 events", "eventful", "499,999")):
        drawn, record = (
            median(times) for times in zip(*(long_episode(browser, folder / name, last) for _ in range(n)), strict=True)
        )
        yield f"episode of {what}", "", f"{drawn:.2f} s until drawn, {record:.2f} s to a far step's record"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--huge", action="store_true", help="also 100,000 episodes and an episode of 1,000,000 steps")
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    print("| what | goal | measured |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for row in measured(Path(folder), browser, arguments.repeat, arguments.huge):
            print(f"| {' | '.join(row)} |", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
