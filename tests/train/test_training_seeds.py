from __future__ import annotations

from maze.core.rollout.seeding import Seeding
from maze.train.training_seeds import TrainingSeeds


def test_episodes_for_different_ends_have_different_seeds() -> None:
    seeding = Seeding(env_base_seed=1, agent_base_seed=1)
    seeds = TrainingSeeds(seeding)
    drawn = [*seeds.training(0, 50), *seeds.evaluation(50), *seeding.specs(range(50))]
    assert len({spec.env_seed for spec in drawn}) == 150
    assert len({spec.agent_seed for spec in drawn}) == 150
    assert len({seeds.model, seeds.learning}) == 2


def test_the_policys_seeds_leave_the_environments_alone() -> None:
    one, other = (TrainingSeeds(Seeding(env_base_seed=1, agent_base_seed=agent)) for agent in (2, 3))
    assert [spec.env_seed for spec in one.training(0, 5)] == [spec.env_seed for spec in other.training(0, 5)]
    assert one.model != other.model
