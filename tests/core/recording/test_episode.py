"""One episode, read back."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.core.recording.recorded_runs import Bought, Market, cart_pole, record

from maze.core.env.actor_id import FLAT_ACTOR, ActorID
from maze.core.env.event import Event
from maze.core.recording.episode_row import EpisodeRow
from maze.core.recording.recording import Recording


def test_an_episode_cannot_be_changed(tmp_path: Path) -> None:
    record(tmp_path, cart_pole(), [0])
    episode = Recording(tmp_path)[0]
    with pytest.raises(FrozenInstanceError):
        episode.row = EpisodeRow(1, 1, 1)  # type: ignore[misc]


def test_columns_are_parallel(tmp_path: Path) -> None:
    record(tmp_path / "flat", cart_pole(), [0])
    record(tmp_path / "structured", Market(), [0])
    for folder in ("flat", "structured"):
        episode = Recording(tmp_path / folder)[0]
        columns = [
            episode.actor_ids,
            episode.times,
            episode.observations,
            episode.actions,
            episode.rewards,
            episode.credits,
            episode.terminations,
            episode.truncations,
        ]
        assert {len(column) for column in columns} == {episode.n_decisions}
        assert episode.rewards.dtype == episode.credits.dtype == np.float64
        assert episode.terminations.dtype == episode.truncations.dtype == np.bool_
        assert episode.episode_return == pytest.approx(episode.rewards.sum())


def test_a_flat_episode_has_one_actor(tmp_path: Path) -> None:
    record(tmp_path, cart_pole(), [0])
    episode = Recording(tmp_path)[0]
    assert set(episode.actor_ids) == {FLAT_ACTOR}
    assert episode.final_observations.keys() == {FLAT_ACTOR}
    np.testing.assert_array_equal(episode.observations_of(0), episode.observations)
    np.testing.assert_array_equal(episode.actions_of(0), episode.actions)


def test_a_structured_episode_has_a_column_per_step_key(tmp_path: Path) -> None:
    record(tmp_path, Market(), [0])
    episode = Recording(tmp_path)[0]
    assert episode.actor_ids[:4] == [ActorID("buy", 0), ActorID("buy", 1), ActorID(1, 0), ActorID("buy", 0)]
    assert episode.observations_of("buy")["stock"].shape == (8, 2)
    assert episode.actions_of(1)["price"].shape == (4, 3)
    with pytest.raises(KeyError, match="no step key '1' in this run: it has 'buy', 1"):
        episode.observations_of("1")


def test_it_says_what_it_is(tmp_path: Path) -> None:
    record(tmp_path, Market(), [5])
    assert repr(Recording(tmp_path)[5]) == "Episode(number=5, length=4, episode_return=6.0)"


def test_events_without_their_class_have_their_fields(tmp_path: Path) -> None:
    record(tmp_path, Market(), [0])
    first = Recording(tmp_path)[0].events("Bought")[0]
    assert (first.name, first.step, first.actor_id) == ("Bought", 0, ActorID("buy", 0))
    assert isinstance(first.event, SimpleNamespace)
    assert (first.event.amount, first.event.label, first.event.path) == (0, "é", [0, 2])


def test_an_event_class_whose_fields_have_changed_is_told(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Changed(Event):
        weight: float

    Changed.__module__, Changed.__qualname__, Changed.__name__ = Bought.__module__, "Bought", "Bought"
    record(tmp_path, Market(), [0])
    with pytest.raises(ValueError, match=r"Bought has the fields \['weight'\], but recorded were"):
        Recording(tmp_path)[0].events(Changed)


def test_an_event_of_a_script_is_found_by_the_class_that_another_imports(tmp_path: Path) -> None:
    record(tmp_path, Market(), [0])
    recording = Recording(tmp_path)
    for module, n_events in (("__main__", 6), ("another", 0)):
        imported = type("Bought", (Bought,), {"__module__": module, "__qualname__": "Bought"})
        assert len(recording[0].events(imported)) == n_events
