from __future__ import annotations

import math

import pytest

from maze.core.statistics.running_statistics import RunningStatistics


def test_figures_follow_the_episodes() -> None:
    now = [50.0]
    running = RunningStatistics(clock=lambda: now[0])
    assert (running.n_done, running.n_failed, running.n_steps, running.mean_return) == (0, 0, 0, None)
    assert running.steps_per_second() == 0.0
    for length, episode_return in ((10, 1.0), (20, 2.0), (30, 6.0)):
        running.add_episode(length, episode_return)
    running.add_failure()
    now[0] = 54.0
    assert (running.n_done, running.n_failed, running.n_steps) == (3, 1, 60)
    assert running.mean_return == pytest.approx(3.0)
    assert running.steps_per_second() == 15.0


def test_mean_return_keeps_its_digits_far_from_zero() -> None:
    running = RunningStatistics(clock=lambda: 0.0)
    for index in range(1000):
        running.add_episode(1, 1e15 + index % 2)
    assert running.mean_return == pytest.approx(1e15 + 0.5, abs=0.26)


def test_a_return_that_is_not_finite_leaves_the_mean_alone() -> None:
    running = RunningStatistics(clock=lambda: 0.0)
    for episode_return in (math.nan, 4.0, math.inf):
        running.add_episode(1, episode_return)
    assert (running.n_done, running.mean_return) == (3, 4.0)
