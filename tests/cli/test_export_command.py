"""`maze export` and `maze import`: what is typed reaches the formats, which have tests of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from tests.cli.recorded_runs import cart_pole

from maze import load
from maze.cli.maze import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    cart_pole(tmp_path)
    return tmp_path


def test_that_a_folder_is_named_as_the_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form, made in (("csv", "run-csv"), ("hf", "run-hf"), ("lerobot", "run-lerobot")):
        assert main(["export", "run", "--to", form]) == 0
        assert (here / made).is_dir()
        assert capsys.readouterr().out.startswith(f"{made}: ")


def test_that_episodes_can_be_chosen(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "--to", "csv", "-o", "two", "--episode", "4", "--episode", "1"]) == 0
    assert pd.read_csv("two/steps.csv").episode.unique().tolist() == [4, 1]
    longest = max(load("run").episodes["length"].to_pylist())
    assert main(["export", "run", "--to", "csv", "-o", "one", "--where", f"length == {longest}"]) == 0
    assert pd.read_csv("one/episodes.csv").length.unique().tolist() == [longest]
    capsys.readouterr()


def test_that_an_episode_becomes_a_gif(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "--to", "gif", "--episode", "2", "-o", "a.gif", "--width", "150"]) == 0
    n = load("run")[2].n_decisions or 0
    assert capsys.readouterr().out == f"a.gif: {n + 1} frames\n"
    with Image.open("a.gif") as image:
        assert image.size == (150, 100)


def test_that_a_minari_dataset_comes_back(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("minari")
    assert main(["export", "run", "--to", "minari", "-o", "cartpole-random-v0"]) == 0
    assert main(["import", "minari:cartpole-random-v0", "-o", "back"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "6 episodes recorded in back"
    assert load("back").content_hash == load("run").content_hash
    assert main(["replay", "back"]) == 0
    assert main(["import", "minari:cartpole-random-v0", "-o", "back"]) == 2
    assert "back holds a run already" in capsys.readouterr().err
