"""From base seeds to the seeds of every episode."""

from __future__ import annotations

import json

import numpy as np
import pytest

from maze.core.rollout.seeding import LARGEST_SEED, Seeding
from maze.factory import ConfigurationError


def test_base_seeds_give_all_seeds() -> None:
    specs = list(Seeding(1, 2).specs(range(1000)))
    assert specs == list(Seeding(1, 2).specs(range(1000)))
    assert [spec.number for spec in specs] == list(range(1000))
    assert len({spec.env_seed for spec in specs} | {spec.agent_seed for spec in specs}) == 2000
    assert all(0 <= seed < 2**31 for spec in specs for seed in spec[1:])


def test_an_episodes_seeds_do_not_depend_on_the_others() -> None:
    all_of_them = list(Seeding(1, 2).specs(range(50)))
    assert list(Seeding(1, 2).specs([31, 7])) == [all_of_them[31], all_of_them[7]]
    assert list(Seeding(1, 2).specs([])) == []


def test_env_and_agent_do_not_share_seeds_though_they_share_the_base() -> None:
    specs = list(Seeding(5, 5).specs(range(100)))
    assert not {spec.env_seed for spec in specs} & {spec.agent_seed for spec in specs}


def test_changing_one_base_leaves_the_other_domain_as_it_is() -> None:
    one, other = Seeding(1, 2).specs(range(9)), Seeding(1, 3).specs(range(9))
    assert [spec.env_seed for spec in one] == [spec.env_seed for spec in other]
    assert not {spec.agent_seed for spec in one} & {spec.agent_seed for spec in other}


def test_base_seeds_that_are_not_given_are_drawn() -> None:
    drawn = [Seeding() for _ in range(5)]
    assert len({seeding.env_base_seed for seeding in drawn}) == 5
    assert len({seeding.agent_base_seed for seeding in drawn}) == 5
    assert all(Seeding(**json.loads(json.dumps(seeding.to_json()))) == seeding for seeding in drawn)


def test_explicit_seeds_are_taken_over_again() -> None:
    specs = list(Seeding(1, 2, explicit_env_seeds=(4, 5, 6), explicit_agent_seeds=[LARGEST_SEED]).specs(range(5)))
    assert [spec.env_seed for spec in specs] == [4, 5, 6, 4, 5]
    assert {spec.agent_seed for spec in specs} == {LARGEST_SEED}


def test_one_explicit_side_leaves_the_other_as_it_is() -> None:
    specs = list(Seeding(1, 2, explicit_env_seeds=[4]).specs(range(5)))
    assert [spec.agent_seed for spec in specs] == [spec.agent_seed for spec in Seeding(1, 2).specs(range(5))]


def test_shuffled_seeds_are_the_same_seeds() -> None:
    explicit = list(range(100, 150))
    shuffled = Seeding(1, 2, explicit, explicit, shuffle_seeds=True).specs(range(100))
    env, agent = [spec.env_seed for spec in shuffled], [spec.agent_seed for spec in shuffled]
    assert sorted(env[:50]) == sorted(agent[:50]) == explicit
    assert env[:50] == env[50:]
    assert env != agent
    assert env[:50] != explicit
    assert env == [spec.env_seed for spec in Seeding(1, 9, explicit, shuffle_seeds=True).specs(range(100))]
    assert env != [spec.env_seed for spec in Seeding(7, 2, explicit, shuffle_seeds=True).specs(range(100))]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"env_base_seed": -1}, "env_base_seed: -1 is no seed: give an integer of 0 to 2**63 - 1"),
        ({"agent_base_seed": 1.5}, "agent_base_seed: 1.5 is no seed"),
        ({"agent_base_seed": True}, "agent_base_seed: True is no seed"),
        ({"env_base_seed": "1"}, "env_base_seed: '1' is no seed"),
        ({"env_base_seed": 2**63}, "env_base_seed: 9223372036854775808 is no seed"),
        ({"explicit_env_seeds": []}, "explicit_env_seeds=[]: give a list of at least one seed"),
        ({"explicit_env_seeds": "12"}, "explicit_env_seeds='12': give a list of at least one seed"),
        ({"explicit_env_seeds": 12}, "explicit_env_seeds=12: give a list of at least one seed"),
        ({"explicit_env_seeds": np.arange(2)}, "explicit_env_seeds=array([0, 1]): give a list of at least one seed"),
        ({"explicit_agent_seeds": [1, None]}, "explicit_agent_seeds: None is no seed"),
    ],
)
def test_what_is_no_seed_is_refused_in_one_line(settings: dict[str, object], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Seeding(**settings)  # type: ignore[arg-type]
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_what_happens_before_the_episodes_has_a_seed_of_the_envs() -> None:
    seed = Seeding(env_base_seed=1, agent_base_seed=2).preparation_seed
    assert Seeding(env_base_seed=1, agent_base_seed=3).preparation_seed == seed
    assert Seeding(env_base_seed=2, agent_base_seed=2).preparation_seed != seed
    explicit = [Seeding(explicit_env_seeds=seeds).preparation_seed for seeds in ([5, 6], [5, 6], [6, 5])]
    assert explicit[0] == explicit[1] != explicit[2]
