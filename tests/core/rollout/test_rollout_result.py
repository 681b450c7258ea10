"""What a rollout gives back."""

from __future__ import annotations

from pathlib import Path

from tests.core.rollout.sample_envs import Walk

from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner


def test_a_result_has_the_episodes_and_what_they_say(tmp_path: Path) -> None:
    result = SequentialRolloutRunner(n_episodes=4).run_with(Walk, run_dir=tmp_path / "run")
    assert len(result) == 4
    assert [episode.number for episode in result] == [episode.number for episode in result] == [0, 1, 2, 3]
    assert result.recording is result.recording
    assert result.recording.statistics == result.statistics
    assert (result.status, result.exit_code, result.reproducible) == ("completed", 0, True)
    assert (result.failures, result.missing, result.stopped_because) == ([], [], None)
    assert result.run_dir == tmp_path / "run"
    assert result.n_steps == result.statistics.length.mean * 4  # type: ignore[operator]
    where, mean = str(tmp_path / "run"), result.statistics.episode_return.mean
    assert repr(result) == f"RolloutResult(run_dir={where!r}, status='completed', n_episodes=4, mean_return={mean!r})"
    assert repr(result.recording) == f"Recording({where!r}, n_episodes=4)"


def test_failed_episodes_are_no_part_of_it(tmp_path: Path) -> None:
    class Failing(Walk):
        def draw(self) -> float:
            if self.place > 2:
                raise ValueError("too far")
            return super().draw()

    result = SequentialRolloutRunner(n_episodes=20, max_attempts=1).run_with(
        Failing, run_dir=tmp_path / "run", seeding={"env_base_seed": 1, "agent_base_seed": 1}
    )
    assert 0 < len(result.failures) < 20
    assert len(result) + len(result.failures) == 20
    assert {episode.number for episode in result}.isdisjoint(row.number for row in result.failures)
    assert result.statistics.length.n == len(result)
    assert repr(result).endswith(f", n_failed={len(result.failures)})")
