from __future__ import annotations

from multiprocessing import RawArray

from maze.core.rollout.heartbeat import Heartbeat, Phase


def test_it_names_the_episode_of_the_slot_that_is_played() -> None:
    heartbeat = Heartbeat([0] * Heartbeat.size(3))
    for slot, number in enumerate((10, 11, 12)):
        heartbeat.begin(slot, number)
    heartbeat.beats[heartbeat.position(1)] = 5
    assert (heartbeat.episode(), heartbeat.step(), heartbeat.step(1)) == (12, 0, 5)
    heartbeat.beats[0] = 1
    assert (heartbeat.episode(), heartbeat.step(), heartbeat.phase()) == (11, 5, None)


def test_it_names_no_episode_while_something_else_goes_on() -> None:
    heartbeat = Heartbeat([0] * Heartbeat.size(1))
    assert (heartbeat.phase(), heartbeat.episode()) == (Phase.IDLE, None)
    heartbeat.begin(0, 7)
    for phase in Phase:
        heartbeat.enter(phase)
        assert (heartbeat.phase(), heartbeat.episode()) == (phase, None)


def test_an_episode_begins_with_no_step() -> None:
    heartbeat = Heartbeat([0] * Heartbeat.size(1))
    heartbeat.begin(0, 7)
    heartbeat.beats[heartbeat.position(0)] = 9
    heartbeat.begin(0, 8)
    assert (heartbeat.episode(), heartbeat.step()) == (8, 0)


def test_what_one_writes_in_shared_memory_another_reads() -> None:
    array = RawArray("q", Heartbeat.size(2))
    writer, reader = Heartbeat.in_memory(array), Heartbeat.in_memory(array)
    writer.begin(1, 2**62)
    assert reader.episode() == 2**62
    before = bytes(reader.beats)
    writer.beats[writer.position(1)] = 1
    assert bytes(reader.beats) != before
