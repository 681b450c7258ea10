"""Runs as CSV, read back."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv_reader
import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import Thinking, Trade, Walk
from tests.interop.sampling_env import NESTED, recorded

from maze import load, rollout
from maze.factory import ConfigurationError
from maze.interop.csv_tables import export_csv


def test_that_numbers_come_back_bit_for_bit(tmp_path: Path) -> None:
    recording = recorded(tmp_path, spaces.Box(-np.inf, np.inf, (2, 2), np.float32), spaces.Box(-1, 1, (2,), np.float64))
    assert export_csv(recording, tmp_path / "out", [0, 2]) == "10 rows of 2 episodes"
    names = [f"observation.{row}.{column}" for row in range(2) for column in range(2)]
    types = csv_reader.ConvertOptions(column_types=dict.fromkeys(names, pa.float32()))
    steps = csv_reader.read_csv(tmp_path / "out" / "steps.csv", convert_options=types).to_pandas()
    for number in (0, 2):
        rows, episode = steps[steps.episode == number], recording[number]
        observed = rows[names].to_numpy(np.float32).reshape(-1, 2, 2)
        expected = np.concatenate([episode.observations, [*episode.final_observations.values()]])
        assert observed.tobytes() == expected.tobytes()
        decisions = rows[rows.reward.notna()]
        assert decisions[["action.0", "action.1"]].to_numpy().tobytes() == episode.actions.tobytes()
        assert decisions.reward.to_numpy().tobytes() == episode.rewards.tobytes()
        assert decisions.terminated.astype(bool).tolist() == episode.terminations.tolist()


def test_that_nested_spaces_are_spread_over_columns(tmp_path: Path) -> None:
    recording = recorded(tmp_path, NESTED, spaces.Discrete(3), n_episodes=1)
    export_csv(recording, tmp_path / "out", [0])
    with (tmp_path / "out" / "steps.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    observed = recording[0].observations
    assert [row["observation.word"] for row in rows[:-1]] == observed["word"]
    assert [float(row["observation.pair.1.0.1"]) for row in rows[:-1]] == pytest.approx(observed["pair"][1][:, 0, 1])
    assert [int(row["observation.flags.4"]) for row in rows[:-1]] == observed["flags"][:, 4].tolist()


def test_that_values_of_varying_size_are_json(tmp_path: Path) -> None:
    recording = recorded(
        tmp_path, spaces.Sequence(spaces.Box(0, 1, (2,), np.float64)), spaces.Discrete(3), n_episodes=1
    )
    export_csv(recording, tmp_path / "out", [0])
    cells = pd.read_csv(tmp_path / "out" / "steps.csv").observation
    for cell, sample in zip(cells, recording[0].observations, strict=False):
        assert json.loads(cell) == [item.tolist() for item in sample]


def test_that_several_actors_share_a_table(tmp_path: Path) -> None:
    run = rollout(Trade, n_episodes=1, run_dir=tmp_path / "run", seeding={"env_base_seed": 1})
    recording = load(run.run_dir)
    export_csv(recording, tmp_path / "out", [0])
    steps = pd.read_csv(tmp_path / "out" / "steps.csv")
    episode = recording[0]
    offers = steps[(steps.step_key == "offer") & steps.reward.notna()]
    assert offers["action.offer"].astype(int).tolist() == episode.actions_of("offer").tolist()
    assert offers["action.accept.0"].isna().all()
    assert steps.credit.dropna().tolist() == episode.credits.tolist()
    traded = pd.read_csv(tmp_path / "out" / "events_Traded.csv")
    assert traded.amount.tolist() == [record.event.amount for record in episode.events("Traded")]


def test_that_policy_outputs_have_columns(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    rollout(Walk, Thinking, n_episodes=1, run_dir=run_dir, record_policy_outputs=True)
    recording = load(run_dir)
    export_csv(recording, tmp_path / "out", [0])
    steps = csv_reader.read_csv(tmp_path / "out" / "steps.csv").to_pandas()
    told = recording[0].policy_outputs
    assert steps["policy_outputs.chance"].tolist()[:-1] == told["chance"].tolist()
    assert steps["policy_outputs.seen.1"].to_numpy(np.float32)[:-1].tobytes() == told["seen"][:, 1].tobytes()
    assert [json.loads(cell) for cell in steps["policy_outputs.plan"][:-1]] == [list(plan) for plan in told["plan"]]
    assert steps["policy_outputs.n"].isna().tolist() == [False] * (len(steps) - 1) + [True]


def test_that_the_episodes_have_their_figures(tmp_path: Path) -> None:
    recording = recorded(tmp_path)
    export_csv(recorded(tmp_path / "small", spaces.Discrete(3)), tmp_path / "out", [0, 1])
    episodes = pd.read_csv(tmp_path / "out" / "episodes.csv")
    assert episodes["info.n"].tolist() == [4, 4]
    assert episodes.env_seed.tolist() == [recording[0].env_seed, recording[1].env_seed]


def test_that_what_needs_too_many_columns_is_refused(tmp_path: Path) -> None:
    recording = recorded(tmp_path, spaces.Box(0, 255, (64, 64), np.uint8), n_episodes=1)
    with pytest.raises(ConfigurationError, match="CSV would need 4,096 columns for each observation"):
        export_csv(recording, tmp_path / "out", [0])
    assert not (tmp_path / "out").exists()


def test_that_two_entries_cannot_share_a_column(tmp_path: Path) -> None:
    space = spaces.Dict({"a.0": spaces.Discrete(2), "a": spaces.Box(0, 1, (1,))})
    with pytest.raises(ConfigurationError, match=r"two entries would be the column 'observation\.a\.0'"):
        export_csv(recorded(tmp_path, space, n_episodes=1), tmp_path / "out", [0])


def test_that_extended_precision_is_refused(tmp_path: Path) -> None:
    recording = recorded(tmp_path, spaces.Box(0, 1, (2,), np.longdouble), n_episodes=1)
    with pytest.raises(ConfigurationError, match="hold no numbers of"):
        export_csv(recording, tmp_path / "out", [0])


def test_that_nothing_is_written_over(tmp_path: Path) -> None:
    recording = recorded(tmp_path, spaces.Discrete(3), n_episodes=1)
    export_csv(recording, tmp_path / "out", [0])
    with pytest.raises(ConfigurationError, match="is there already"):
        export_csv(recording, tmp_path / "out", [0])
