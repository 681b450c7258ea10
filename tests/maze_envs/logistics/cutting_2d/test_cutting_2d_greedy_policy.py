from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tests.maze_envs.logistics.cutting_2d.variants import GREEDY, VARIANTS, env_config, make

import maze
from maze.core.rollout.recipes import EnvRecipe
from maze.factory import ConfigurationError
from maze.testing import check_policy
from maze_envs.logistics.cutting_2d.cutting_2d_greedy_policy import (
    Cutting2DGreedyPolicy,
    Spaces,
    cut_that_leaves_most,
    smallest_that_fits,
)
from maze_envs.logistics.cutting_2d.guillotine_cut import CutOrder, Size, remains_of

WRAPPERS = "maze.core.wrappers"
RANDOM = "maze.core.agent.random_policy.RandomPolicy"
LARGER: dict[str, gymnasium.Space[Any]] = {
    "piece_idx": spaces.Discrete(7),
    "rotation": spaces.Discrete(2),
    "order": spaces.Discrete(2),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_keeps_every_rule(variant: str) -> None:
    check_policy({"_target_": GREEDY}, env_config(variant), n_steps=40)


@pytest.mark.parametrize(
    ("pieces", "ordered", "slot"),
    [
        ([[4, 3], [3, 2], [1, 2], [0, 0]], (2, 1), 2),
        ([[4, 3], [3, 2], [2, 3], [0, 0]], (2, 3), 1),  # the oldest of two
        ([[4, 3], [3, 1], [2, 1], [0, 0]], (2, 2), 0),
        ([[4, 3], [2, 2], [4, 1], [0, 0]], (4, 1), 2),
    ],
)
def test_chooses_the_smallest_piece_that_fits(pieces: list[list[int]], ordered: tuple[int, int], slot: int) -> None:
    assert smallest_that_fits(pieces, Size(*ordered)) == slot


def test_a_stock_without_a_raw_piece_is_named() -> None:
    with pytest.raises(ValueError, match="2×2 fits into no piece"):
        smallest_that_fits([[1, 2], [0, 0]], Size(2, 2))


@pytest.mark.parametrize(
    ("piece", "ordered", "choice"),
    [
        ((4, 3), (1, 2), (0, 0)),  # leaves 3×3
        ((4, 3), (3, 1), (1, 0)),  # rotated it leaves 3×3
        ((3, 3), (2, 2), (0, 0)),  # all four leave 1×3
        ((4, 1), (1, 2), (1, 0)),  # fits only rotated
        ((2, 3), (2, 1), (0, 0)),  # leaves 2×2 either way
        ((2, 2), (2, 2), (0, 0)),  # leaves nothing
    ],
)
def test_chooses_the_cut_that_leaves_most(
    piece: tuple[int, int], ordered: tuple[int, int], choice: tuple[int, int]
) -> None:
    assert cut_that_leaves_most(Size(*piece), Size(*ordered)) == choice


def test_no_other_cut_leaves_more() -> None:
    for width, height in np.ndindex(5, 5):
        piece, ordered = Size(5, 4), Size(width + 1, height + 1)
        if not ordered.fits_somehow_into(piece):
            continue
        largest = {}
        for rotation, part in enumerate((ordered, ordered.rotated())):
            for order in CutOrder if part.fits_into(piece) else ():
                largest[rotation, int(order)] = max((w * h for w, h in remains_of(piece, part, order)), default=0)
        assert largest[cut_that_leaves_most(piece, ordered)] == max(largest.values())


@pytest.mark.parametrize("variant", VARIANTS)
def test_uses_far_less_material_than_random_decisions(variant: str, tmp_path: Path) -> None:
    results = [
        maze.rollout(
            env_config(variant),
            {"_target_": target},
            n_episodes=5,
            max_episode_steps=200,
            seeding={"env_base_seed": 1},
            run_dir=tmp_path / target,
        ).statistics
        for target in (RANDOM, GREEDY)
    ]
    ours, random = results[1], results[0]
    mean, random_mean = ours.episode_return.mean, random.episode_return.mean
    assert mean is not None
    assert random_mean is not None
    assert mean > 0.75 * random_mean  # both are negative
    if not variant.endswith("masked"):
        assert mean > 0.2 * random_mean
    ratio = ours.kpis["raw_pieces_per_step"].mean
    assert ratio is not None
    assert ratio <= 0.2
    assert ours.metrics["ValidCut.count"].run_value == 200


def test_wastes_nothing_on_the_tutorial(tmp_path: Path) -> None:
    """Six orders take just the area of one raw piece."""
    result = maze.rollout(
        env_config("tutorial_cutting_2d_flat"),
        {"_target_": GREEDY},
        n_episodes=1,
        max_episode_steps=180,
        run_dir=tmp_path / "run",
    )
    assert result.statistics.episode_return.mean == -30


# What it can read ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrapper",
    [
        {"_target_": f"{WRAPPERS}.time_limit_wrapper.TimeLimitWrapper", "max_episode_steps": 9},
        {"_target_": f"{WRAPPERS}.reward_scaling_wrapper.RewardScalingWrapper", "scale": 0.1},
        {"_target_": f"{WRAPPERS}.random_reset_wrapper.RandomResetWrapper", "max_rounds": 5},
    ],
)
@pytest.mark.parametrize("variant", VARIANTS[:3])
def test_works_under_wrappers_that_leave_observations_alone(
    variant: str, wrapper: dict[str, Any], tmp_path: Path
) -> None:
    result = maze.rollout(
        env_config(variant),
        {"_target_": GREEDY},
        [wrapper],
        n_episodes=2,
        max_episode_steps=12,
        run_dir=tmp_path / "run",
    )
    assert (result.status, len(result.failures)) == ("completed", 0)
    if "random_reset" not in wrapper["_target_"]:  # which acts at random itself, before the policy does
        assert not any(name.startswith("Invalid") for name in result.statistics.metrics)


@pytest.mark.parametrize(
    ("wrapper", "message"),
    [
        (
            {
                "_target_": f"{WRAPPERS}.observation_normalization_wrapper.ObservationNormalizationWrapper",
                "n_samples": 20,
            },
            r"the observation 'inventory' is Box\(",
        ),
        (
            {"_target_": f"{WRAPPERS}.observation_stacking_wrapper.ObservationStackingWrapper", "stack_size": 2},
            "the observation 'inventory' is Box",
        ),
    ],
)
@pytest.mark.parametrize("variant", ["tutorial_cutting_2d_flat", "cutting_2d_struct_masked"])
def test_refuses_what_wrappers_have_changed_before_it_acts(variant: str, wrapper: dict[str, Any], message: str) -> None:
    env = EnvRecipe(env_config(variant), [wrapper])()
    with pytest.raises(ConfigurationError, match=f"cannot read this environment, for .*({message}).*: take") as caught:
        Cutting2DGreedyPolicy(env.observation_spaces, env.action_spaces)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("step_keys", [("piece", "cut"), (0, 1)])
def test_refuses_sub_steps_that_a_wrapper_has_made(step_keys: tuple[Any, Any]) -> None:
    split = {
        "_target_": f"{WRAPPERS}.action_splitting_wrapper.ActionSplittingWrapper",
        "sub_steps": dict(zip(step_keys, (["piece_idx"], ["rotation", "order"]), strict=True)),
    }
    env = EnvRecipe(env_config("tutorial_cutting_2d_flat"), [split])()
    with pytest.raises(ConfigurationError, match=r"the step keys are|there is no observation 'chosen_piece'"):
        Cutting2DGreedyPolicy(env.observation_spaces, env.action_spaces)


def changed(space: Any, **children: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
    return spaces.Dict({**space.spaces, **children})


@pytest.mark.parametrize(
    ("key", "space"),
    [
        ("inventory", spaces.Box(0.0, 1.0, (6, 2), np.float32)),
        ("inventory", spaces.Box(-1, 4, (6, 2), np.int32)),
        ("inventory", spaces.Box(0, 5, (6, 2), np.int32)),  # orders have sides up to 4
        ("inventory", spaces.Box(0, 4, (12,), np.int32)),
        ("inventory", spaces.Box(0, 4, (6, 3), np.int32)),
        ("inventory", spaces.MultiDiscrete(np.full((6, 2), 5))),
        ("ordered_piece", spaces.Box(0.0, 1.0, (2,), np.float32)),
        ("ordered_piece", spaces.Box(0, 4, (2,), np.int32)),
        ("ordered_piece", spaces.Box(1, 4, (2, 2), np.int32)),
    ],
)
def test_refuses_other_observations(key: str, space: gymnasium.Space[Any]) -> None:
    env = make("tutorial_cutting_2d_flat")
    observation_spaces: Spaces = {0: changed(env.observation_spaces[0], **{key: space})}
    with pytest.raises(ConfigurationError, match="cannot read this environment, for the observation "):
        Cutting2DGreedyPolicy(observation_spaces, env.action_spaces)


@pytest.mark.parametrize(
    "action_space",
    [spaces.Discrete(24), spaces.MultiDiscrete([6, 2, 2]), spaces.Dict(LARGER)],
)
def test_refuses_other_actions(action_space: gymnasium.Space[Any]) -> None:
    env = make("tutorial_cutting_2d_flat")
    with pytest.raises(ConfigurationError, match="for the action is"):
        Cutting2DGreedyPolicy(env.observation_spaces, {0: action_space})


def test_refuses_another_problem() -> None:
    env = EnvRecipe("CartPole-v1")()
    with pytest.raises(ConfigurationError, match="there is no observation 'inventory'"):
        Cutting2DGreedyPolicy(env.observation_spaces, env.action_spaces)


def test_reads_what_a_wrapper_has_only_added_to() -> None:
    env = make("tutorial_cutting_2d_flat")
    observation_spaces: Spaces = {0: changed(env.observation_spaces[0], weather=spaces.Discrete(3))}
    policy = Cutting2DGreedyPolicy(observation_spaces, env.action_spaces)
    observation, _ = env.reset(seed=0)
    assert policy.act(observation | {"weather": 2}, env.actor_id()) == {"piece_idx": 0, "rotation": 0, "order": 0}
