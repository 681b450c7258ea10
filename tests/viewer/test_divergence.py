from pathlib import Path

import numpy as np

import maze
from maze.viewer.divergence import first_divergence


def test_an_episode_does_not_differ_from_itself(runs: Path) -> None:
    recording = maze.load(runs / "talking")
    episode = next(iter(recording))
    assert set(first_divergence(episode, episode).values()) == {None}


def test_the_first_step_of_each_difference(runs: Path) -> None:
    recordings = [maze.load(runs / name) for name in ("careful", "careless")]
    number = next(number for number in range(12) if recordings[0][number].length != recordings[1][number].length)
    one, other = (recording[number] for recording in recordings)
    n = min(len(one.actions), len(other.actions))
    found = first_divergence(one, other)
    assert found["action"] == np.argmax(one.actions[:n] != other.actions[:n])
    assert found["observation"] == np.argmax((one.observations[:n] != other.observations[:n]).any(axis=1))
    assert found["observation"] == int(np.argmax(one.actions[:n] != other.actions[:n])) + 1
    assert found["reward"] == n  # each step of either gives 1, until one ends
    assert found["first"] == found["action"]
