"""PettingZoo environments as structured ones: exact records of small ones, and real ones through the runners."""

from __future__ import annotations

import json
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from gymnasium import spaces
from tests.interop.sample_agents import Hunt, Race

from maze.core.agent.default_policy import DefaultPolicy
from maze.core.agent.flat_policy import FlatPolicy
from maze.core.agent.masked_random_policy import MaskedRandomPolicy
from maze.core.env.actor_id import ActorID
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.recipes import EnvRecipe
from maze.core.rollout.rollout_result import RolloutResult
from maze.core.rollout.rollout_runner import RolloutRunner
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError
from maze.interop.pettingzoo_env import PettingZooEnv, check_pettingzoo_env, make_pettingzoo_env
from maze.testing import ConformanceWarning, check_env

SEEDING = {"env_base_seed": 11, "agent_base_seed": 22}
PISTONBALL = {"n_pistons": 3, "max_cycles": 6}
REAL: dict[str, dict[str, Any]] = {
    "masks": {"name": "classic/connect_four_v3"},
    "at once": {"name": "butterfly/pistonball_v6", "parallel": True, "kwargs": PISTONBALL},
    "in order": {"name": "classic/rps_v2", "kwargs": {"max_cycles": 9}},
    "agents that die": {
        "name": "butterfly/knights_archers_zombies_v11",
        "kwargs": {"max_cycles": 150, "spawn_delay": 2},
    },
}


class Fixed(FlatPolicy):
    def __init__(self, actions: list[int]) -> None:
        self.actions = actions

    def reset(self, seed: int, slot: int = 0) -> None:
        self.left = list(self.actions)

    def act(self, observation: Any, agent_id: int = 0, slot: int = 0) -> Any:
        return self.left.pop(0)


def hunt() -> PettingZooEnv:
    return PettingZooEnv(Hunt())


def race() -> PettingZooEnv:
    return PettingZooEnv(Race())


def roll_out(runner: RolloutRunner, env: Any, agent: Any, run_dir: Path) -> RolloutResult:
    result = runner.run_with(env, None, agent, seeding=SEEDING, run_dir=run_dir)
    assert (result.status, result.stopped_because) == ("completed", None)
    return result


def made(**arguments: Any) -> dict[str, Any]:
    return {"_target_": "maze.interop.pettingzoo_env.make_pettingzoo_env", **arguments}


@pytest.mark.parametrize("env", [hunt, race])
def test_small_environments_keep_the_rules(env: Any) -> None:
    check_env(env)


def test_agents_that_come_and_go_in_order(tmp_path: Path) -> None:
    foxes, hen = Fixed([1, 1, 3, 2, 1, 3, 1, 1, 1, 1]), Fixed([2, 1, 1])
    runner = SequentialRolloutRunner(n_episodes=1)
    (episode,) = roll_out(runner, hunt, DefaultPolicy({"fox": foxes, "hen": hen}), tmp_path / "run")
    fox = [ActorID("fox", number) for number in range(3)]
    chicken = ActorID("hen", 7)
    assert episode.actor_ids == [*fox, *fox, chicken, *fox[:2], chicken, *fox[:2], chicken]
    assert episode.times.tolist() == [0] * 3 + [1] * 4 + [2] * 3 + [3] * 3
    assert episode.observations_of("fox")["observation"][:4].tolist() == [[0, 0], [0, 0], [0, 0], [1, 1]]
    assert episode.observations_of("fox")["action_mask"][:4, 0].tolist() == [0, 0, 0, 1]
    assert episode.observations_of("hen")["action_mask"][:, 0].tolist() == [0, 1, 1]
    # What an agent bites is its own; for each bite the others that are there lose half of it.
    assert episode.rewards.tolist() == [0, 0, 0, -1, -0.5, -1.5, 0, 0, 0, 0, 0, 0.5, 0.5]
    # The hen has lost 3 before its first bite, of 2, and 1 before its second.
    assert episode.credits[episode.actor_ids.index(chicken)] == 2 - 3 - 1
    # Two foxes have eaten enough in time; one of them and the hen are cut with the episode.
    assert episode.terminations.tolist() == [n in {5, 10} for n in range(13)]
    assert episode.truncations.tolist() == [n in {11, 12} for n in range(13)]
    assert (episode.truncated_by, episode.terminated, episode.length) == ("env", False, 4)
    assert episode.final_observations.keys() == {*fox, chicken}
    assert episode.final_observations[fox[2]]["observation"].tolist() == [6, 1]
    assert sum(episode.actor_returns.values()) == pytest.approx(episode.episode_return)
    assert episode.actor_returns.keys() == {"fox_0", "fox_1", "fox_2", "hen_7"}
    assert episode.info == {"fox_0.eaten": 5, "fox_1.eaten": 4, "fox_2.eaten": 6, "hen_7.eaten": 4}


def test_agents_that_act_at_once(tmp_path: Path) -> None:
    agent = DefaultPolicy({"runner_0": Fixed([2, 2]), "runner_1": Fixed([1] * 4), "late": Fixed([1] * 4)})
    (episode,) = roll_out(SequentialRolloutRunner(n_episodes=1), race, agent, tmp_path / "run")
    first, second, late = ActorID("runner", 0), ActorID("runner", 1), ActorID("late", 0)
    assert episode.actor_ids == [first, second, first, second, second, late, second, late, late, late]
    assert episode.times.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 5]
    assert episode.rewards.tolist() == [0, 3, 0, 3, 0, 2, 0, 2, 1, 1]
    assert episode.credits.tolist() == [2, 1, 2, 1, 1, 1, 1, 1, 1, 1]
    assert episode.actor_returns == {"runner_0": 4, "runner_1": 4, "late_0": 4}
    assert (episode.length, episode.terminated, episode.truncated) == (6, True, False)
    # The first has left with the step of the second, in which all of them acted.
    assert episode.terminations.tolist() == [n in {2, 6, 9} for n in range(10)]
    assert not episode.truncations.any()
    assert [episode.final_observations[actor]["place"].tolist() for actor in (first, second, late)] == [
        [4, 2, 0],
        [4, 4, 2],
        [4, 4, 4],
    ]


def test_a_cut_behind_a_round_leaves_everybody_with_an_observation(tmp_path: Path) -> None:
    runner = SequentialRolloutRunner(n_episodes=1, max_episode_steps=2)
    (episode,) = roll_out(runner, hunt, None, tmp_path / "run")
    assert (episode.length, episode.truncated_by) == (2, "runner")
    assert len(episode.final_observations) == 4
    assert [episode.actor_ids[row].step_key for row in np.flatnonzero(episode.truncations)] == ["fox"] * 3 + ["hen"]


def test_who_is_killed_has_ended_with_its_latest_decision(tmp_path: Path) -> None:
    """Zombies kill in the step of whoever acts last in a round."""
    result = roll_out(SequentialRolloutRunner(n_episodes=3), made(**REAL["agents that die"]), None, tmp_path / "run")
    n_killed = 0
    for episode in result:
        actors = episode.actor_ids
        latest = {actor: row for row, actor in enumerate(actors)}
        has_ended = np.flatnonzero(episode.terminations | episode.truncations)
        assert sorted(latest.values()) == has_ended.tolist()
        n_killed += sum(latest[actor] < len(actors) - 4 for actor in latest)
        assert episode.final_observations.keys() == latest.keys()
    assert n_killed > 0


def test_per_agent_statistics(tmp_path: Path) -> None:
    result = roll_out(SequentialRolloutRunner(n_episodes=20), hunt, None, tmp_path / "run")
    returns = result.statistics.actor_returns
    assert list(returns) == ["fox_0", "fox_1", "fox_2", "hen_7"]
    assert sum(summary.mean or 0 for summary in returns.values()) == pytest.approx(
        result.statistics.episode_return.mean
    )
    saved = json.loads((result.run_dir / "statistics.json").read_text())
    assert saved["actor_returns"]["hen_7"]["mean"] == returns["hen_7"].mean
    assert list(result.statistics.info) == ["fox_0.eaten", "fox_1.eaten", "fox_2.eaten", "hen_7.eaten"]


@pytest.mark.parametrize("kind", REAL)
def test_real_environments_through_the_runners(kind: str, tmp_path: Path) -> None:
    env = made(**REAL[kind])
    agent = MaskedRandomPolicy if kind == "masks" else None
    alone = roll_out(SequentialRolloutRunner(n_episodes=4), env, agent, tmp_path / "alone")
    together = roll_out(ParallelRolloutRunner(n_processes=2, n_episodes=4), env, agent, tmp_path / "together")
    assert alone.hash == together.hash
    assert alone.statistics == together.statistics
    assert alone.reproducible
    assert all(len(episode.final_observations) >= 2 for episode in alone)
    assert {episode.truncated_by for episode in alone} <= {"env", None}
    saved = json.loads((together.run_dir / "run.json").read_text())
    assert saved["env"]["name"] == REAL[kind]["name"]
    assert saved["action_masks"] == ([["player", [[None, "action_mask"]]]] if kind == "masks" else [])


def test_connect_four_is_played_by_its_rules(tmp_path: Path) -> None:
    runner = SequentialRolloutRunner(n_episodes=30)
    result = roll_out(runner, made(name="classic/connect_four_v3"), None, tmp_path / "run")
    for episode in result:
        assert episode.terminated
        assert [actor.agent_id for actor in episode.actor_ids] == [n % 2 for n in range(len(episode.actor_ids))]
        observations, actions = episode.observations_of("player"), episode.actions_of("player")
        masks: Any = observations["action_mask"]
        assert masks[np.arange(len(masks)), np.asarray(actions)].all()
        first, second = episode.actor_returns["player_0"], episode.actor_returns["player_1"]
        assert (first, second) in [(1, -1), (-1, 1), (0, 0)]
        assert episode.length == (len(episode.actor_ids) + 1) // 2
        assert np.asarray(episode.credits)[-1] == max(first, second)


# Knights, archers and zombies play otherwise once they were used: rollouts build that environment anew each time.
@pytest.mark.parametrize("kind", ["masks", "at once", "in order"])
def test_real_environments_keep_the_rules(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConformanceWarning)  # in some of them nothing is random
        # Pistonball draws what it observes only with a render mode.
        check_env(made(**REAL[kind]), n_steps=30, render=kind != "at once")


def test_it_shows_itself() -> None:
    env = EnvRecipe(made(name="classic/connect_four_v3", kwargs={"screen_scaling": 2}), render_mode="rgb_array")()
    env.reset(seed=1)
    picture: Any = env.render()
    env.close()
    env.close()
    assert picture.shape == (172, 198, 3)
    assert make_pettingzoo_env("classic/rps_v2", {"render_mode": "rgb_array"}).render_mode == "rgb_array"


def test_an_environment_that_is_handed_over_is_made_again_in_other_processes(tmp_path: Path) -> None:
    env = make_pettingzoo_env("classic/rps_v2", {"max_cycles": 3})
    runner = ParallelRolloutRunner(n_processes=2, n_episodes=2)
    assert [episode.length for episode in roll_out(runner, env, None, tmp_path / "run")] == [3, 3]
    with pytest.raises(ConfigurationError, match="cannot be made again, for it has no spec"):
        EnvRecipe(hunt()).for_workers()


def test_a_function_that_makes_one() -> None:
    env = make_pettingzoo_env("pettingzoo.classic.rps.rps:raw_env", {"num_actions": 5})
    assert env.action_spaces == {"player": spaces.Discrete(5)}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"name": "classic/conect_four_v3"}, "in PettingZoo: did you mean 'classic/connect_four_v3'?"),
        ({"name": "classic/connect_four"}, "in PettingZoo: did you mean 'classic/connect_four_v3'?"),
        ({"name": "zzzzzzzzz"}, "in PettingZoo: name one such as 'classic/connect_four_v3', or module:function"),
        ({"name": "classic/connect_four_v3", "parallel": True}, "cannot act at once: leave `parallel` null"),
        (
            {"name": "classic/rps_v2", "kwargs": {"max_cycle": 3}},
            "has no argument 'max_cycle': did you mean 'max_cycles'?",
        ),
        ({"name": "atari/pong_v3"}, "atari/pong_v3 cannot be made, No module named 'multi_agent_ale_py': pip install"),
        ({"name": "not_there_at_all:env"}, "cannot be made, No module named 'not_there_at_all': install it"),
        (
            {"name": "pettingzoo.classic.rps.rps:raw_emv"},
            "there is no function 'raw_emv' in pettingzoo.classic.rps.rps",
        ),
    ],
)
def test_what_there_is_not_is_refused_in_one_line(arguments: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_pettingzoo_env(**arguments)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_environment_has_to_say_which_agents_there_can_be() -> None:
    class Nameless(Hunt):
        possible_agents: list[str] = []  # noqa: RUF012

    with pytest.raises(ConfigurationError, match="hunt_v0 does not say by possible_agents which agents there can be"):
        PettingZooEnv(Nameless())

    class Incomplete(Hunt):
        possible_agents = Hunt.possible_agents[:3]

        def appear(self, agent: str) -> None:
            self.eaten[agent] = 0
            super().appear(agent)

    env = PettingZooEnv(Incomplete())
    env.reset(seed=1)
    env.step(1)
    env.step(1)
    env.step(1)
    for _ in range(2):
        env.step(1)
    with pytest.raises(ValueError, match="has an agent 'hen_7' that its possible_agents do not have"):
        env.step(1)


def test_recipes_of_environments_travel() -> None:
    recipe = cloudpickle.loads(cloudpickle.dumps(EnvRecipe(partial(make_pettingzoo_env, "classic/tictactoe_v3"))))
    assert list(recipe().observation_spaces) == ["player"]
