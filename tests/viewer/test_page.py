"""The page in a real browser, against a real server and real runs."""

from __future__ import annotations

import fcntl
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import maze
from maze.viewer.divergence import first_divergence

slow = pytest.mark.slow  # together more than a minute; what everybody sees first is tested always

MINUS = "\N{MINUS SIGN}"
Copied = Callable[[str], Path]
View = Callable[..., str]
OpenPage = Callable[..., Any]


def entries(page: Any) -> Any:
    return page.locator(".mz-entry")


def until(page: Any, expression: str, arg: Any = None) -> None:
    """Wait for what the page's own policy forbids Playwright to wait for."""
    deadline = time.monotonic() + 20
    while not page.evaluate(expression, arg):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(20)


def position(page: Any) -> str:
    return str(page.locator(".mz-transport output").inner_text())


def wait_for_step(page: Any, step: int | str) -> None:
    until(page, "step => document.querySelector('.mz-transport output b')?.textContent === step", arg=str(step))


def first_column(page: Any) -> list[str]:
    return [text.split()[0] for text in entries(page).all_inner_texts()]


def test_opens_with_all_episodes(runs: Path, view: View, open_page: OpenPage) -> None:
    page = open_page(view(runs / "careless"))
    page.get_by_role("heading", name="Step 0").wait_for()

    assert entries(page).count() == 12
    assert "CartPole-v1" in page.locator(".mz-bar").inner_text()
    assert page.title().startswith("careless")
    returns = maze.load(runs / "careless").episodes["return"].to_pylist()
    assert f"{max(returns):.0f}" in page.locator(".mz-figures").inner_text()
    assert page.get_by_role("heading", name="Episode 0").is_visible()
    assert position(page) == f"0 / {returns[0]:.0f}"


def test_sorts_and_filters(runs: Path, view: View, open_page: OpenPage) -> None:
    page = open_page(view(runs / "careless"))
    page.wait_for_selector(".mz-entry")
    returns = maze.load(runs / "careless").episodes["return"].to_pylist()
    middle = sorted(returns)[6]

    page.get_by_role("button", name="Return", exact=True).click()
    until(page, "document.querySelector('[aria-sort=descending]')")
    assert first_column(page)[0] == str(returns.index(max(returns)))

    page.get_by_label("Filter episodes").fill(f"return >= {middle:.0f}, length<1000")
    until(page, "n => document.querySelectorAll('.mz-entry').length === n", arg=sum(r >= middle for r in returns))

    page.get_by_label("Filter episodes").fill("retrun<3")
    page.get_by_text("There is no “retrun”").wait_for()
    assert page.get_by_label("Filter episodes").get_attribute("aria-invalid") == "true"

    page.get_by_label("Filter episodes").fill("3")
    until(page, "document.querySelectorAll('.mz-entry').length === 1")
    page.get_by_role("button", name="Clear").click()
    until(page, "document.querySelectorAll('.mz-entry').length === 12")


@slow
def test_bars_of_the_histogram_filter(runs: Path, view: View, open_page: OpenPage) -> None:
    page = open_page(view(runs / "careless"))
    page.wait_for_selector(".mz-entry")
    bars = page.locator(".mz-bars button")
    labels = [bar.get_attribute("aria-label") for bar in bars.all()]
    filled = next(index for index, label in enumerate(labels) if not label.endswith(": 0 episodes"))
    n_inside = int(labels[filled].split(": ")[1].split()[0])

    bars.nth(filled).click()
    until(page, "n => document.querySelectorAll('.mz-entry').length === n", arg=n_inside)
    assert bars.nth(filled).get_attribute("aria-pressed") == "true"
    bars.nth(filled).click()
    until(page, "document.querySelectorAll('.mz-entry').length === 12")


def test_everything_follows_the_scrub_bar(runs: Path, view: View, open_page: OpenPage) -> None:
    page = open_page(view(runs / "careful"))
    page.get_by_role("heading", name="Step 0").wait_for()
    episode = maze.load(runs / "careful")[0]
    scrub = page.get_by_label("Step", exact=True).and_(page.get_by_role("slider"))

    scrub.fill("42")
    wait_for_step(page, 42)
    page.get_by_role("heading", name="Step 42").wait_for()
    assert scrub.get_attribute("aria-valuetext") == f"step 42 of {episode.n_decisions}"
    shown = page.locator(".mz-record-body").inner_text()
    assert f"{float(episode.observations[42][2]):.5f}"[:6].replace("-", MINUS) in shown
    until(page, "location.hash === '#episode=0&step=42'")

    box = page.locator(".mz-cursor").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.mouse.up()
    wait_for_step(page, 75)


def test_keys_do_everything(runs: Path, view: View, open_page: OpenPage) -> None:
    page = open_page(view(runs / "careful"))
    page.get_by_role("heading", name="Step 0").wait_for()
    for key, step in (("ArrowRight", 1), ("Shift+ArrowRight", 11), ("ArrowLeft", 10), ("End", "End"), ("Home", 0)):
        page.keyboard.press(key)
        wait_for_step(page, step)
    page.keyboard.press("j")
    page.get_by_role("heading", name="Episode 1").wait_for()
    page.keyboard.press("k")
    page.get_by_role("heading", name="Episode 0").wait_for()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard help").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Keyboard help").wait_for(state="hidden")
    until(page, "document.activeElement === document.body")  # and no longer its button, which space would press
    page.keyboard.press(" ")
    until(page, "parseInt(document.querySelector('.mz-transport output b').textContent) > 3")
    page.keyboard.press(" ")
    page.get_by_role("button", name="Play (Space)").wait_for()
    page.get_by_role("grid").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("heading", name="Episode 1").wait_for()
    page.keyboard.press("+")
    page.wait_for_selector(".mz-window")


def test_an_address_leads_to_a_step(runs: Path, view: View, open_page: OpenPage) -> None:
    address = view(runs / "careful")
    page = open_page(f"{address}#episode=5&step=17")
    page.get_by_role("heading", name="Episode 5").wait_for()
    wait_for_step(page, 17)
    page.evaluate("location.hash = '#episode=2&step=4'")
    page.get_by_role("heading", name="Episode 2").wait_for()
    wait_for_step(page, 4)
    page = open_page(f"{address}#episode=99")
    page.get_by_text("it has 12 from 0 to 11").wait_for()


def test_events_are_on_the_timeline_and_their_text_is_text(runs: Path, view: View, open_page: OpenPage) -> None:
    page = open_page(view(runs / "talking"))
    page.get_by_role("heading", name="Step 0").wait_for()
    page.get_by_role("button", name="Remark").click()
    page.keyboard.press("]")
    wait_for_step(page, 4)
    page.get_by_text("<script>document.title").first.wait_for()
    page.keyboard.press("]")
    wait_for_step(page, 9)
    page.keyboard.press("[")
    wait_for_step(page, 4)
    lane = page.get_by_role("img", name="Remark over the steps").bounding_box()
    page.mouse.click(lane["x"] + lane["width"] * 0.72, lane["y"] + 8)
    wait_for_step(page, 14)
    assert "hostile" not in page.title()


@slow
def test_a_failed_episode_says_why(runs: Path, view: View, open_page: OpenPage) -> None:
    page = open_page(view(runs / "talking"))
    page.get_by_label("Filter episodes").fill("failed")
    until(page, "document.querySelectorAll('.mz-entry').length === 3")
    entries(page).first.click()
    page.get_by_role("heading", name="This episode failed").wait_for()
    assert "RuntimeError: <script>" in page.locator(".mz-stages").inner_text()
    assert "hostile" not in page.title()


def test_two_runs_side_by_side(runs: Path, view: View, open_page: OpenPage) -> None:
    page = open_page(view(runs / "careful", runs / "careless") + "#episode=3")
    page.get_by_role("heading", name="Episode 3").wait_for()
    one, other = (maze.load(runs / name)[3] for name in ("careful", "careless"))
    first = first_divergence(one, other)["first"]
    difference = one.episode_return - other.episode_return  # type: ignore[operator]

    assert page.locator(".mz-entry[aria-selected=true]").inner_text().split()[-1] == f"{difference:.0f}"
    page.get_by_role("button", name=f"First difference: {first}").wait_for()
    page.keyboard.press("d")
    wait_for_step(page, str(first))
    page.wait_for_selector(".mz-changed")
    page.get_by_role("button", name=f"A {MINUS} B").click()
    until(page, "document.querySelector('[aria-sort=descending]')")
    page.locator(".mz-read .mz-b").first.wait_for()


@slow
def test_pictures_come_after_the_button_and_follow_the_step(copied: Copied, view: View, open_page: OpenPage) -> None:
    run_dir = copied("careful")
    page = open_page(view(run_dir) + "#episode=1&step=30")
    button = page.get_by_role("button", name="Render episodes")
    button.wait_for()
    assert not (run_dir / ".viewer").exists()
    button.click()
    shows = "step => document.getElementById('maze-viewer').viewer.films[0].shownFrame === step"
    until(page, shows, arg=30)
    for key, step in (("ArrowRight", 31), ("Home", 0), ("End", 150)):
        page.keyboard.press(key)
        wait_for_step(page, "End" if step == 150 else step)
        until(page, shows, arg=step)
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    until(page, "document.getElementById('maze-viewer').viewer.position > 20")
    page.keyboard.press(" ")
    until(
        page,
        "(viewer => viewer.films[0].shownFrame === viewer.position)(document.getElementById('maze-viewer').viewer)",
    )
    assert len(list((run_dir / ".viewer").glob("episode-000001-*/video.mp4"))) == 1
    # Who has asked once is not asked again.
    entries(page).nth(2).click()
    until(page, "document.getElementById('maze-viewer').viewer.films[0]?.progress.state === 'ready'")


@slow
def test_two_films_play_in_step(runs: Path, view: View, open_page: OpenPage) -> None:
    page = open_page(view("--render", runs / "careful", runs / "careless") + "#episode=2")
    films = "document.getElementById('maze-viewer').viewer.films"
    until(page, f"{films}.length === 2 && {films}.every(film => film.progress.state === 'ready')")
    page.keyboard.press(" ")
    until(page, "document.getElementById('maze-viewer').viewer.position > 25")
    page.keyboard.press(" ")
    until(page, f"{films}.every(film => film.shownFrame === document.getElementById('maze-viewer').viewer.position)")


@slow
def test_pictures_of_another_episode_are_warned_of(copied: Copied, view: View, open_page: OpenPage) -> None:
    run_dir = copied("careful")
    file = run_dir / "run.json"
    file.write_text(
        file.read_text().replace(
            '"name": "CartPole-v1"', '"name": "CartPole-v1", "kwargs": {"sutton_barto_reward": true}', 1
        )
    )
    page = open_page(view("--render", run_dir) + "#episode=0&step=9")
    page.get_by_text("Played again, the episode differs from step 0 on: the reward was 1.0, now 0.0").wait_for()
    page.get_by_role("button", name="Go there").click()
    wait_for_step(page, 0)


@slow
def test_an_environment_without_pictures_says_so(runs: Path, view: View, open_page: OpenPage) -> None:
    page = open_page(view(runs / "talking"))
    page.get_by_role("button", name="Render episodes").click()
    page.get_by_text("There are no pictures of this episode").wait_for()
    assert "--env" in page.locator(".mz-stages").inner_text()


def test_light_and_dark(runs: Path, view: View, open_page: OpenPage) -> None:
    address = view(runs / "careful")
    background = "getComputedStyle(document.getElementById('maze-viewer')).backgroundColor"

    def brightness(page: Any) -> int:
        page.wait_for_selector(".mz-entry")
        return sum(map(int, re.findall(r"\d+", page.evaluate(background))[:3]))

    page = open_page(address, color_scheme="dark")
    assert brightness(page) < 150
    page.keyboard.press("t")
    assert brightness(page) > 600
    page.reload()
    assert brightness(page) > 600
    assert brightness(open_page(address, color_scheme="light")) > 600


@slow
def test_on_a_phone(runs: Path, view: View, open_page: OpenPage) -> None:
    page = open_page(view(runs / "careful"), viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.wait_for_selector(".mz-entry")
    assert page.get_by_role("slider").is_hidden()
    entries(page).nth(4).tap()
    page.get_by_role("heading", name="Episode 4").wait_for()
    page.get_by_role("slider").wait_for()
    page.get_by_role("tab", name="Step").tap()
    page.get_by_role("heading", name="Step 0").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


class CountingEnv(gymnasium.Env[Any, Any]):
    """Ten thousand steps that can be told apart."""

    observation_space = gymnasium.spaces.Box(0, 1e6, (1,), np.float64)
    action_space = gymnasium.spaces.Discrete(1)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.n = 0
        return np.zeros(1), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.n += 1
        return np.full(1, self.n * 7919 % 10_007.0), 0.0, self.n == 10_000, False, {}


@slow
def test_values_of_a_long_episode_are_exact_although_its_curves_are_not(
    tmp_path: Path, view: View, open_page: OpenPage
) -> None:
    maze.rollout(CountingEnv, n_episodes=1, max_episode_steps=0, run_dir=tmp_path / "run")
    page = open_page(view(tmp_path / "run") + "#episode=0&step=4321")
    wait_for_step(page, "4,321")
    shown = f"{4321 * 7919 % 10_007:,}"
    value = "document.querySelectorAll('.mz-read')[3].textContent"
    until(page, f"shown => {value} === shown", arg=shown)
    page.keyboard.press("Shift+ArrowRight")
    until(page, f"shown => {value} === shown", arg=f"{4331 * 7919 % 10_007:,}")
    assert page.evaluate("document.getElementById('maze-viewer').viewer.plots.curves[0].get('1').steps.length") < 5000


@slow
def test_everything_that_can_be_used_has_a_name(runs: Path, view: View, open_page: OpenPage) -> None:
    page = open_page(view(runs / "talking", runs / "talking"))
    page.get_by_role("heading", name="Step 0").wait_for()
    page.get_by_role("button", name="Curves").click()
    nameless = """[...document.querySelectorAll('button, input, select, canvas, dialog, [role=grid]')].filter(
        (element) => !(element.ariaLabel || element.title || element.textContent.trim() || element.labels?.length)
    ).map((element) => element.outerHTML)"""
    assert page.evaluate(nameless) == []
    assert page.evaluate("document.querySelectorAll('h1').length") == 1
    assert page.evaluate("document.documentElement.lang") == "en"


@slow
def test_a_run_without_trajectories(tmp_path: Path, view: View, open_page: OpenPage) -> None:
    maze.rollout("CartPole-v1", n_episodes=3, record_trajectory=False, run_dir=tmp_path / "run")
    page = open_page(view(tmp_path / "run"))
    page.get_by_role("heading", name="No trajectory").wait_for()
    assert entries(page).count() == 3


@slow
def test_damage_is_named(copied: Copied, view: View, open_page: OpenPage) -> None:
    run_dir = copied("careful")
    next((run_dir / "trajectory_data").glob("*.parquet")).unlink()
    page = open_page(view(run_dir))
    page.get_by_role("heading", name="This episode cannot be shown").or_(page.locator(".mz-notice")).first.wait_for()
    assert ".parquet is missing" in page.locator("body").inner_text()


@slow
def test_a_running_run_grows(copied: Copied, view: View, open_page: OpenPage) -> None:
    run_dir = copied("careless")
    file = run_dir / "run.json"
    finished = file.read_text()
    part = next((run_dir / "episodes").glob("*.parquet"))
    hidden = part.rename(run_dir / "later")
    file.write_text(finished.replace('"status": "completed"', '"status": "running"'))
    with (run_dir / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        page = open_page(view(run_dir))
        page.get_by_text("The first episodes are on their way.").wait_for()
        hidden.rename(part)
        page.get_by_text("running, 12 of 12").wait_for()
        page.get_by_role("heading", name="Episode 0").wait_for()
        assert entries(page).count() == 12
        file.write_text(finished)
        page.get_by_text("running,").wait_for(state="hidden")
