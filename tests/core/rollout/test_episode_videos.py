"""Videos of episodes, without a runner; with one they are tested in test_sequential_rollout_runner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.core.rollout.sample_envs import Walk

from maze.core.env.gym_env import GymEnv
from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.episode_videos import EpisodeVideos, check_videos
from maze.factory import ConfigurationError


class Showing(Walk):
    def __init__(self, picture: Any, render_mode: str | None = "rgb_array") -> None:
        super().__init__(render_mode)
        self.picture = picture

    def render(self) -> Any:
        return self.picture


def test_a_video_keeps_the_colours_and_the_speed(tmp_path: Path) -> None:
    picture = np.zeros((64, 48, 3), np.uint8)
    picture[:32, :, 0] = 200
    picture[32:, :, 2] = 200
    videos = EpisodeVideos(tmp_path, lambda line: None)
    small, large = GymEnv(Showing(np.zeros((2, 3, 3), np.uint8))), GymEnv(Showing(picture))
    for env, number in [(small, 7), (large, 8)]:
        for _ in range(5):
            videos(env, EpisodeSpec(number, 1, 2))
    videos.close()
    videos.close()
    with av.open(str(tmp_path / "videos" / "episode-000008.mp4")) as container:
        assert container.streams.video[0].average_rate == 10
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert np.abs(frames[-1].astype(int) - picture).mean() < 12


@pytest.mark.parametrize(
    "env", [Showing(None), Showing("text"), Showing(np.zeros((4, 4))), Showing(np.zeros((4, 4, 3), np.uint8), "ansi")]
)
def test_what_is_no_picture_is_refused_in_one_line(env: Showing, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"it needs the render mode 'rgb_array'"):
        EpisodeVideos(tmp_path, lambda line: None)(GymEnv(env), EpisodeSpec(0, 1, 2))
    assert list(tmp_path.iterdir()) == []


def test_pyav_is_here() -> None:
    check_videos()
