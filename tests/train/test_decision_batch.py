"""Advantages by hand: discounts only between rounds, chains by actor where rewards are split, values behind cuts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from maze.core.env.actor_id import Departure, StepKey
from maze.core.recording.episode_row import EpisodeRow
from maze.train.action_distribution import ActionDistribution
from maze.train.collected_episode import CollectedEpisode, Decisions
from maze.train.decision_batch import decision_batch
from maze.train.models.flatten_concat import FlattenConcat

GAMMA, LAMBDA = 0.9, 0.8
CPU = torch.device("cpu")


class Oracle(FlattenConcat):
    """Values what it observes: the observation is the value."""

    def values(self, step_key: StepKey, leaves: Any) -> torch.Tensor:
        return leaves[0][:, 0].clone()  # type: ignore[no-any-return]


def oracle(n_keys: int) -> Oracle:
    box, action = spaces.Box(-9, 9, (1,)), spaces.Discrete(2)
    return Oracle(dict.fromkeys(range(n_keys), box), dict.fromkeys(range(n_keys), action), hidden_sizes=[2])


def episode(
    actors: list[tuple[int, int]],
    times: list[int],
    values: list[float],
    credits_: list[float],
    *,
    terminated: bool,
    splits: bool = False,
    departures: Mapping[int, Departure] | None = None,
) -> CollectedEpisode:
    n = len(credits_)
    keys = np.array([key for key, _ in actors])
    departed = [(departures or {}).get(place) for place in range(len(actors))]
    decisions = Decisions(
        step_keys=keys,
        agent_ids=np.array([agent for _, agent in actors]),
        times=np.array(times),
        credits=np.array([*credits_, *[0.0] * (len(actors) - n)]),
        actors_done=np.array([how == "terminated" for how in departed]),
        actors_cut=np.array([how == "truncated" for how in departed]),
        splits_rewards=splits,
        observations={key: [np.array(values, np.float32)[keys == key][:, None]] for key in np.unique(keys).tolist()},
        actions={key: np.zeros(((keys[:n] == key).sum(), 1), np.float32) for key in np.unique(keys[:n]).tolist()},
    )
    row = EpisodeRow(0, 1, 2, terminated=terminated, truncated=not terminated)
    return CollectedEpisode(row, decisions)


def test_a_flat_episode_that_ends_has_the_textbooks_advantages() -> None:
    values, rewards = [1.0, 2.0, 3.0], [1.0, 0.0, 5.0]
    played = episode([(0, 0)] * 4, [0, 1, 2, 3], [*values, 7.0], rewards, terminated=True)
    batch = decision_batch([played], oracle(1), CPU, GAMMA, LAMBDA)[0]
    deltas = [1 + GAMMA * 2 - 1, 0 + GAMMA * 3 - 2, 5 - 3]
    last = deltas[2]
    middle = deltas[1] + GAMMA * LAMBDA * last
    expected = [deltas[0] + GAMMA * LAMBDA * middle, middle, last]
    np.testing.assert_allclose(batch.advantages.numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(batch.value_targets.numpy(), np.add(expected, values), rtol=1e-5)


def test_an_episode_that_was_cut_goes_on_with_the_value_of_its_final_observation() -> None:
    played = episode([(0, 0)] * 2, [0, 1], [1.0, 7.0], [2.0], terminated=False)
    batch = decision_batch([played], oracle(1), CPU, GAMMA, LAMBDA)[0]
    assert batch.advantages.tolist() == pytest.approx([2 + GAMMA * 7 - 1])


def test_within_a_round_nothing_is_discounted() -> None:
    """Two sub-steps a round, the reward at the end of the second; the third decision opens the next round."""
    actors = [(0, 0), (1, 0), (0, 0), (1, 0), (0, 0)]
    played = episode(actors, [0, 0, 1, 1, 2], [0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 2.0], terminated=True)
    batch = decision_batch([played], oracle(2), CPU, GAMMA, LAMBDA)
    discount = GAMMA * LAMBDA
    assert batch[0].advantages.tolist() == pytest.approx([1 + discount * 2, 2])
    assert batch[1].advantages.tolist() == pytest.approx([1 + discount * 2, 2])


def test_where_rewards_are_split_each_actor_has_a_chain_of_its_own() -> None:
    actors = [(0, 0), (0, 1), (0, 0), (0, 1), (0, 0), (0, 1)]
    played = episode(actors, [0, 0, 1, 1, 2, 2], [0.0] * 6, [1.0, 10.0, 2.0, 20.0], terminated=True, splits=True)
    batch = decision_batch([played], oracle(1), CPU, GAMMA, LAMBDA)[0]
    discount = GAMMA * LAMBDA
    assert batch.advantages.tolist() == pytest.approx([1 + discount * 2, 10 + discount * 20, 2, 20])


def test_an_actor_that_is_done_expects_nothing_more() -> None:
    actors = [(0, 0), (0, 1), (0, 1), (0, 0), (0, 1)]
    played = episode(
        actors, [0, 0, 1, 2, 2], [3.0] * 5, [1.0, 0.0, 0.0], terminated=False, splits=True, departures={0: "terminated"}
    )
    batch = decision_batch([played], oracle(1), CPU, GAMMA, LAMBDA)[0]
    last = GAMMA * 3 - 3
    assert batch.advantages.tolist() == pytest.approx([1 - 3, last + GAMMA * LAMBDA * last, last])


def test_an_actor_that_was_found_to_be_done_too_late_expects_nothing_either() -> None:
    actors = [(0, 0), (0, 1), (0, 0), (0, 1)]
    played = episode(
        actors, [0, 0, 9, 9], [3.0] * 4, [1.0, 0.0], terminated=False, splits=True, departures={2: "terminated"}
    )
    batch = decision_batch([played], oracle(1), CPU, GAMMA, LAMBDA)[0]
    assert batch.advantages.tolist() == pytest.approx([1 - 3, GAMMA**9 * 3 - 3])


@pytest.mark.parametrize("row", [0, 2])
def test_an_actor_that_was_cut_alone_goes_on_though_the_episode_terminates(row: int) -> None:
    actors = [(0, 0), (0, 1), (0, 0), (0, 1)]
    cut: dict[int, Departure] = {row: "truncated"}
    played = episode(
        actors, [0, 0, 1, 1], [3.0, 3.0, 4.0, 3.0], [1.0, 0.0], terminated=True, splits=True, departures=cut
    )
    batch = decision_batch([played], oracle(1), CPU, GAMMA, LAMBDA)[0]
    assert batch.advantages.tolist() == pytest.approx([1 + GAMMA * 4 - 3, -3])


def test_an_actor_without_a_final_observation_goes_on_with_the_value_of_its_last_one() -> None:
    actors = [(0, 0), (0, 1), (0, 1)]
    played = episode(actors, [0, 0, 1], [3.0, 5.0, 7.0], [1.0, 2.0], terminated=False, splits=True)
    batch = decision_batch([played], oracle(1), CPU, GAMMA, LAMBDA)[0]
    assert batch.advantages.tolist() == pytest.approx([1 + GAMMA * 3 - 3, 2 + GAMMA * 7 - 5])
    ended = episode(actors, [0, 0, 1], [3.0, 5.0, 7.0], [1.0, 2.0], terminated=True, splits=True)
    batch = decision_batch([ended], oracle(1), CPU, GAMMA, LAMBDA)[0]
    assert batch.advantages.tolist() == pytest.approx([1 - 3, 2 - 5])


def test_rewards_of_everybody_go_on_when_one_actor_is_done() -> None:
    actors = [(0, 0), (0, 1), (0, 0)]
    played = episode(actors, [0, 0, 1], [3.0, 5.0, 7.0], [1.0, 2.0], terminated=False, departures={1: "terminated"})
    batch = decision_batch([played], oracle(1), CPU, GAMMA, LAMBDA)[0]
    last = 2 + GAMMA * 7 - 5
    assert batch.advantages.tolist() == pytest.approx([1 + 5 - 3 + last, last])


def test_probabilities_are_those_of_the_policy_that_has_played() -> None:
    model = oracle(2)
    played = episode([(0, 0), (1, 0), (0, 0)], [0, 0, 1], [3.0, 5.0, 7.0], [1.0, 2.0], terminated=True)
    for key, of_key in decision_batch([played], model, CPU, GAMMA, LAMBDA).items():
        distribution = ActionDistribution(model.action_parameters(key, of_key.leaves), model.action_layouts[key])
        torch.testing.assert_close(of_key.log_probs, distribution.log_prob(of_key.actions))
        assert not of_key.log_probs.requires_grad


def test_what_came_too_late_counts_for_the_last_decision() -> None:
    played = episode([(0, 0)] * 2, [0, 1], [0.0, 0.0], [1.0], terminated=True, splits=True)
    assert played.decisions is not None
    played.decisions.credits[1] = 4.0
    batch = decision_batch([played], oracle(1), CPU, GAMMA, LAMBDA)[0]
    assert batch.advantages.tolist() == pytest.approx([5.0])


def test_episodes_do_not_touch_each_other() -> None:
    one = episode([(0, 0)] * 3, [0, 1, 2], [0.0, 1.0, 0.0], [1.0, 2.0], terminated=True)
    other = episode([(0, 0)] * 2, [0, 1], [5.0, 6.0], [3.0], terminated=False)
    alone = [decision_batch([each], oracle(1), CPU, GAMMA, LAMBDA)[0].advantages for each in (one, other)]
    together = decision_batch([one, other], oracle(1), CPU, GAMMA, LAMBDA)[0]
    torch.testing.assert_close(together.advantages, torch.cat(alone))
    assert [len(together), *map(len, together.leaves)] == [3, 3]
