"""How much better decisions were than expected: the generalised advantage estimate, for decisions of several actors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torchrl.objectives.value.functional import generalized_advantage_estimate

from maze.train.collected_episode import CollectedEpisode, Decisions


def estimated_advantages(
    collected: Sequence[tuple[CollectedEpisode, Decisions]], values: np.ndarray, gamma: float, gae_lambda: float
) -> np.ndarray:
    """Advantages of all decisions, and 0 for final observations, (n,) float32.

    Decisions follow each other in chains: those of one actor where the environment says whose the rewards are, else
    those of all actors, for then the rewards are everybody's. A chain ends with the episode, or where its actor is
    done; an episode that was cut goes on with the value of the final observation, or, for an actor that has none, with
    that of its last one.

    Args:
        collected: Episodes, and their decisions with the final observations behind them; together n rows.
        values: What the critics expect from each row on, (n,).
        gamma: Discount of a round; within a round nothing is discounted.
        gae_lambda: Weight of longer estimates (https://arxiv.org/abs/1506.02438); within a round it is 1.
    """
    decisions = [of_episode for _, of_episode in collected]
    is_decision, times, credits_ = (
        np.concatenate([getattr(each, name) for each in decisions]) for name in ("is_decision", "times", "credits")
    )
    # Rewards of everybody go on when one of the actors is done, or cut.
    is_over = np.concatenate(
        [each.actors_done & each.splits_rewards | bool(episode.row.terminated) for episode, each in collected]
    )
    is_cut = np.concatenate([each.actors_cut & each.splits_rewards for each in decisions])
    chains = _chains(decisions)
    order = np.argsort(chains, kind="stable")  # chain by chain, each in order
    ordered, decided = chains[order], is_decision[order]
    rows, is_next = order[decided], np.append(ordered[1:] == ordered[:-1], False)[decided]
    following = np.append(order[1:], order[-1])[decided]
    goes_on = is_next & is_decision[following]
    # What came too late for the last decision stands beside the final observation.
    rewards = credits_[rows] + np.where(is_next & ~goes_on, credits_[following], 0.0)
    is_terminated = ~goes_on & (is_over[rows] | (is_next & is_over[following]))
    is_terminated &= ~(is_cut[rows] | (is_next & is_cut[following]))
    elapsed = np.where(is_next, times[following] - times[rows], 1)
    advantages = np.zeros(len(values), np.float32)
    advantages[rows] = _estimate(
        chains[rows],
        {
            "gamma": gamma**elapsed,
            "lmbda": gae_lambda**elapsed,
            "state_value": values[rows],
            "next_state_value": np.where(is_next, values[following], values[rows]),
            "reward": rewards,
        },
        {"done": ~goes_on, "terminated": is_terminated},
    )
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
