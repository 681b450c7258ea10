"""What a policy told of its decisions: drawn over the steps, and shown in the record of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import Thinking, Trade

import maze
from maze.core.agent.default_policy import DefaultPolicy
from maze.core.agent.flat_policy import FlatPolicy
from maze.core.agent.random_policy import RandomPolicy
from maze.viewer.report import ReportSettings, write_report
from maze.viewer.viewed_run import ViewedRun


class Balancing(FlatPolicy):
    """Keeps the pole up, more or less sure of what it does."""

    def act(self, observation: Any, agent_id: int = 0, slot: int = 0) -> int:
        return int(self.tendency(observation) > 0)

    def output_space(self) -> spaces.Dict:
        return spaces.Dict(
            probabilities=spaces.Box(0, 1, (2,)),
            value=spaces.Box(-np.inf, np.inf, ()),
            candidates=spaces.Dict(actions=spaces.MultiDiscrete([2, 2]), probabilities=spaces.Box(0, 1, (2,))),
            features=spaces.Box(-np.inf, np.inf, (3,)),
        )

    def outputs(self, observation: Any, agent_id: int = 0, slot: int = 0) -> Mapping[str, Any]:
        tendency = self.tendency(observation)
        right = np.float32(1 / (1 + np.exp(-8 * tendency)))
        shares = np.array([1 - right, right], np.float32)
        order = np.argsort(-shares)
        return {
            "probabilities": shares,
            "value": 100 * abs(tendency),
            "candidates": {"actions": order, "probabilities": shares[order]},
            "features": observation[:3],
        }

    def tendency(self, observation: Any) -> float:
        return float(observation[2] + 0.35 * observation[3])


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("told") / "run"
    maze.rollout(
        "CartPole-v1",
        Balancing,
        n_episodes=3,
        max_episode_steps=60,
        seeding={"env_base_seed": 7},
        run_dir=folder,
        record_policy_outputs=True,
    )
    return folder


def names_of(run: ViewedRun, role: str) -> dict[str, int]:
    """Index of each component of a role."""
    components = run.description()["components"]
    return {each["name"]: index for index, each in enumerate(components) if each["role"] == role}


def test_numbers_are_curves_and_arrays_are_strips(run_dir: Path) -> None:
    run = ViewedRun(maze.load(run_dir))
    found = names_of(run, "output")
    assert list(found) == ["value", "probabilities", "candidates.actions", "candidates.probabilities", "features"]
    assert min(found.values()) > max(names_of(run, "action").values())
    assert run.description()["components"][found["probabilities"]]["n_values"] == 2
    told = run.recording[0].policy_outputs
    n = len(told["value"])
    value, shares = run.episode(0).curves([str(found["value"]), str(found["probabilities"])], 0, n, 1000)
    assert value["values"].tolist() == told["value"].tolist()
    assert shares["values"].tolist() == told["probabilities"].tolist()
    assert shares["steps"].tolist() == list(range(n))


def test_a_record_has_what_was_told_of_its_step(run_dir: Path) -> None:
    run = ViewedRun(maze.load(run_dir))
    told = run.recording[1].policy_outputs
    for step, record in enumerate(run.episode(1).records(0)["records"][:20]):
        entries = dict(record["outputs"]["entries"])
        assert entries["value"] == told["value"][step]
        assert entries["probabilities"]["data"].tolist() == told["probabilities"][step].tolist()


def test_decisions_of_which_nothing_was_told_have_none(tmp_path: Path) -> None:
    policy = DefaultPolicy(
        {
            "offer_0": RandomPolicy(Trade.action_spaces),
            "offer_1": Thinking(n_actions=5),
            "accept": RandomPolicy(Trade.action_spaces),
        }
    )
    maze.rollout(Trade, policy, n_episodes=1, run_dir=tmp_path / "run", record_policy_outputs=True)
    run = ViewedRun(maze.load(tmp_path / "run"))
    told = run.recording[0].policy_outputs_of("offer")
    view, found = run.episode(0), names_of(run, "output")
    chance, seen = view.curves([str(found["chance"]), str(found["seen"])], 0, 6, 100)
    assert (chance["steps"].tolist(), chance["values"].tolist()) == ([1, 4], told["chance"].tolist())
    assert (seen["steps"].tolist(), seen["values"].tolist()) == ([1, 4], told["seen"].tolist())
    records = view.records(0)["records"][:6]
    assert [record["outputs"] is None for record in records] == [True, False, True] * 2
    assert dict(records[4]["outputs"]["entries"])["n"] == 2


def test_a_report_has_them(run_dir: Path, tmp_path: Path) -> None:
    written = write_report(ViewedRun(maze.load(run_dir)), tmp_path / "report.html", ReportSettings())
    assert "every step of 3" in written


def until(page: Any, expression: str) -> None:
    """Wait for what the page's own policy forbids Playwright to wait for."""
    deadline = time.monotonic() + 20
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(20)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_draws_and_lists_them(
    run_dir: Path, view: Callable[..., str], open_page: Callable[..., Any], scheme: str
) -> None:
    page = open_page(view(run_dir) + "#episode=2&step=17", color_scheme=scheme)
    told = maze.load(run_dir)[2].policy_outputs
    strip = page.get_by_role("img", name="probabilities over the steps")
    strip.wait_for()
    for name in ("value", "features"):
        page.get_by_role("img", name=f"{name} over the steps").wait_for()
    best = int(told["probabilities"][17].argmax())
    until(page, f"[...document.querySelectorAll('.mz-read')].some((read) => read.innerText.startsWith('{best}: 0.'))")
    shades = "canvas => new Set(canvas.getContext('2d').getImageData(0, 8, canvas.width, 1).data).size"
    assert strip.evaluate(shades) > 9

    record = page.locator(".mz-record-body")
    page.get_by_role("heading", name="Policy", exact=True).wait_for()
    shares = page.locator(".mz-shares").filter(has_text="probabilities")
    assert [row.split("\n")[0] for row in shares.locator("li").all_inner_texts()] == ["0", "1"]
    assert shares.locator(".mz-taken").get_attribute("title") == "taken"
    assert f"{told['value'][17]:.5f}"[:5] in record.inner_text()
    candidates = page.locator(".mz-shares").filter(has_text="candidates").locator("li").all_inner_texts()
    assert candidates[0].split("\n")[0] == str(best)

    page.get_by_role("button", name="Curves").click()
    page.get_by_label("Find a number").fill("candidates")
    page.get_by_label("candidates.probabilities").check()
    page.get_by_role("img", name="probabilities over the steps").nth(1).wait_for()
