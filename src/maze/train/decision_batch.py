"""From episodes to tensors: what was observed and done at each step key, and how much better it was than expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchrl.objectives.value.functional import generalized_advantage_estimate

from maze.core.env.actor_id import StepKey
from maze.train.collected_episode import CollectedEpisode, Decisions
from maze.train.models.actor_critic import ActorCritic

ROWS_AT_ONCE = 16384
"""Of a forward over all that was collected, so that memory stays bounded."""


@dataclass(frozen=True)
class KeyBatch:
    """The decisions of one step key, from several episodes."""

    leaves: list[Tensor]
    """The arrays of its observations, each (n, ...)."""

    actions: Tensor
    """(n, n_columns) float32."""

    advantages: Tensor
    """(n,) float32."""

    value_targets: Tensor
    """(n,) float32."""

    values: Tensor
    """(n,) float32: what the critic had expected."""

    def __len__(self) -> int:
        """Count the decisions."""
        return len(self.actions)


def decision_batch(
    episodes: Sequence[CollectedEpisode], model: ActorCritic, device: torch.device, gamma: float, gae_lambda: float
) -> dict[StepKey, KeyBatch]:
    """Put the decisions of episodes together, with their advantages.

    Args:
        episodes: With their decisions.
        model: Whose critics say what is expected.
        device: Where the tensors shall be.
        gamma: Discount of a round; within a round nothing is discounted.
        gae_lambda: Weight of longer estimates (https://arxiv.org/abs/1506.02438); within a round it is 1.
    """
    collected = [(episode, episode.decisions) for episode in episodes if episode.decisions is not None]
    decisions = [of_episode for _, of_episode in collected]
    step_keys = np.concatenate([each.step_keys for each in decisions])
    is_decision = np.concatenate([np.arange(len(each.step_keys)) < len(each.actors_done) for each in decisions])
    leaves = {key: _observations(decisions, key, device) for key in model.step_keys}
    values = np.zeros(len(step_keys), np.float32)
    for index, key in enumerate(model.step_keys):
        if leaves[key]:
            values[step_keys == index] = _values(model, key, leaves[key])
    advantages = _advantages(collected, values, is_decision, gamma, gae_lambda)
    batch = {}
    for index, key in enumerate(model.step_keys):
        of_key = step_keys == index
        its_decisions = is_decision[of_key]
        if not its_decisions.any():
            continue
        rows = torch.from_numpy(its_decisions.nonzero()[0]).to(device)
        advantage, value = (
            torch.from_numpy(column[of_key & is_decision]).to(device) for column in (advantages, values)
        )
        actions = np.concatenate([each.actions[key] for each in decisions if key in each.actions])
        batch[key] = KeyBatch(
            leaves=[leaf[rows] for leaf in leaves[key]],
            actions=torch.from_numpy(actions).to(device),
            advantages=advantage,
            value_targets=advantage + value,
            values=value,
        )
    return batch


def _observations(decisions: Sequence[Decisions], key: StepKey, device: torch.device) -> list[Tensor]:
    """The arrays of a step key's observations, in order of the episodes, final ones among them."""
    arrays = [each.observations[key] for each in decisions if key in each.observations]
    return [torch.from_numpy(np.concatenate(parts)).to(device) for parts in zip(*arrays, strict=True)]


def _values(model: ActorCritic, key: StepKey, leaves: Sequence[Tensor]) -> np.ndarray:
    with torch.no_grad():
        pieces = [
            model.values(key, [leaf[first : first + ROWS_AT_ONCE] for leaf in leaves])
            for first in range(0, len(leaves[0]), ROWS_AT_ONCE)
        ]
        values: np.ndarray = torch.cat(pieces).cpu().numpy()
        return values


def _advantages(
    collected: Sequence[tuple[CollectedEpisode, Decisions]],
    values: np.ndarray,
    is_decision: np.ndarray,
    gamma: float,
    gae_lambda: float,
) -> np.ndarray:
    """Advantages of all decisions, and 0 for final observations.

    Decisions follow each other in chains: those of one actor where the environment says whose the rewards are, else
    those of all actors, for then the rewards are everybody's. A chain ends with the episode, or where its actor is
    done; an episode that was cut goes on with the value of the final observation.
    """
    chains = _chains([of_episode for _, of_episode in collected])
    times, credits_ = (
        np.concatenate([getattr(of_episode, name) for _, of_episode in collected]) for name in ("times", "credits")
    )
    terminated = np.concatenate(
        [np.full(len(of_episode.step_keys), bool(episode.row.terminated)) for episode, of_episode in collected]
    )
    is_done = np.concatenate(
        [np.pad(each.actors_done, (0, len(each.step_keys) - len(each.actors_done))) for _, each in collected]
    )
    order = np.lexsort((np.arange(len(chains)), chains))  # chain by chain, each in order
    ordered, decided = chains[order], is_decision[order]
    rows, is_next = order[decided], np.append(ordered[1:] == ordered[:-1], False)[decided]
    following = np.append(order[1:], order[-1])[decided]
    goes_on = is_next & is_decision[following]
    # What came too late for the last decision stands beside the final observation.
    rewards = credits_[rows] + np.where(is_next & ~goes_on, credits_[following], 0.0)
    ends = ~goes_on & (terminated[rows] | is_done[rows] | ~is_next)
    elapsed = np.where(is_next, times[following] - times[rows], 1)
    next_values = np.where(ends, 0.0, values[following])
    estimated = _estimate(
        chains[rows],
        {
            "gamma": gamma**elapsed,
            "lmbda": gae_lambda**elapsed,
            "state_value": values[rows],
            "next_state_value": next_values,
            "reward": rewards,
        },
        {"done": ~goes_on, "terminated": ends},
    )
    advantages = np.zeros(len(values), np.float32)
    advantages[rows] = estimated
    return advantages


def _chains(decisions: Sequence[Decisions]) -> np.ndarray:
    """Number of the chain that each row belongs to.

    Of several final observations in a chain, the first counts.
    """
    numbers = []
    first = 0
    for each in decisions:
        if each.splits_rewards:
            actors = np.stack([each.step_keys, each.agent_ids], 1)
            _, number = np.unique(actors, axis=0, return_inverse=True)
            number = number.ravel()
        else:
            number = np.zeros(len(each.step_keys), np.int64)
        numbers.append(number + first)
        first += int(number.max(initial=0)) + 1
    return np.concatenate(numbers)


def _estimate(chains: np.ndarray, figures: Mapping[str, np.ndarray], flags: Mapping[str, np.ndarray]) -> np.ndarray:
    """The generalised advantage estimate, with the chains side by side, filled up to the longest.

    Args:
        chains: (n,) number of each decision's chain, ascending.
        figures: Arguments of the estimator, each (n,).
        flags: Likewise.
    """
    _, chain, lengths = np.unique(chains, return_inverse=True, return_counts=True)
    place = np.arange(len(chains)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    shape = (len(lengths), int(lengths.max()), 1)
    padded: dict[str, Tensor] = {}
    for name, column in figures.items():
        array = np.zeros(shape, np.float32)
        array[chain, place, 0] = column
        padded[name] = torch.from_numpy(array)
    for name, column in flags.items():
        flag = np.ones(shape, np.bool_)
        flag[chain, place, 0] = column
        padded[name] = torch.from_numpy(flag)
    advantages, _ = generalized_advantage_estimate(**padded)
    estimated: np.ndarray = advantages.numpy()[chain, place, 0]
    return estimated
