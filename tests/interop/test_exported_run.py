"""Outputs that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from gymnasium import spaces
from tests.interop.sampling_env import recorded

from maze.factory import ConfigurationError
from maze.interop.exported_run import recorded_spaces, written_whole


def test_that_an_output_appears_when_it_is_whole(tmp_path: Path) -> None:
    with written_whole(tmp_path / "out") as partial:
        partial.write_text("1")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out").read_text() == "1"
    assert len(list(tmp_path.iterdir())) == 1


def test_that_nothing_stays_of_what_breaks_off(tmp_path: Path) -> None:
    def break_off() -> None:
        with written_whole(tmp_path / "out") as partial:
            partial.mkdir()
            (partial / "file").write_text("1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_that_an_empty_folder_may_be_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with written_whole(tmp_path / "out") as partial:
        partial.mkdir()
        (partial / "file").write_text("1")
    assert (tmp_path / "out" / "file").read_text() == "1"


@pytest.mark.parametrize(("path", "line"), [("nowhere/out", "there is no folder"), (".", "is there already")])
def test_that_it_has_to_have_a_place(path: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    with pytest.raises(ConfigurationError, match=line), written_whole(tmp_path / path):
        pass


def test_that_a_run_without_trajectories_has_nothing_to_export(tmp_path: Path) -> None:
    recording = recorded(tmp_path, spaces.Discrete(2), n_episodes=1, record_trajectory=False)
    with pytest.raises(ConfigurationError, match="was recorded without trajectories"):
        recorded_spaces(recording)
