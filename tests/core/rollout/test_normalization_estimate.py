"""How statistics are estimated before the first episode."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.core.rollout.sample_envs import GlobalWalk, LeakyWalk, Walk
from tests.core.wrappers.market import LegalPolicy, Market

from maze.core.recording.decision_error import DecisionError
from maze.core.rollout.normalization import NORMALIZATION_FILE, normalization_content
from maze.core.rollout.normalization_estimate import estimate_normalization
from maze.core.rollout.probe import EnvTraits
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe
from maze.core.rollout.rollout_job import RolloutJob
from maze.factory import ConfigurationError

TARGET = "maze.core.wrappers.observation_normalization_wrapper.ObservationNormalizationWrapper"


def job(env: Any, *wrappers: dict[str, Any], **settings: Any) -> RolloutJob:
    configs = [{"_target_": TARGET, "n_samples": 200, **wrapper} for wrapper in wrappers]
    return RolloutJob(EnvRecipe(env, configs), PolicyRecipe(None), Path("nowhere"), **settings)


def estimate(env: Any, *wrappers: dict[str, Any], traits: EnvTraits | None = None, **settings: Any) -> Any:
    content = estimate_normalization(job(env, *wrappers, **settings), traits or EnvTraits())
    assert content == json.loads(json.dumps(content, allow_nan=False))
    return content["wrappers"] if content else None


def test_the_seed_decides() -> None:
    first = estimate("CartPole-v1", {}, preparation_seed=1)
    assert first == estimate("CartPole-v1", {}, preparation_seed=1)
    assert first != estimate("CartPole-v1", {}, preparation_seed=2)
    (((statistics,),),) = (first,)
    assert (statistics["step_key"], statistics["observation"], statistics["count"]) == (0, None, 200)


def test_statistics_are_those_of_the_samples() -> None:
    seen: list[Any] = []

    def watching(observation: Any) -> int:
        seen.append(observation)
        return len(seen) % 2

    (((statistics,),),) = (estimate("CartPole-v1", {"sampling_policy": watching}),)
    assert np.allclose(statistics["mean"], np.mean(seen[:200], axis=0))
    assert np.allclose(statistics["std"], np.std(seen[:200], axis=0))


def test_every_step_key_has_its_own_and_masks_are_kept() -> None:
    # The market raises an error where an action is illegal.
    ((buy, sell),) = estimate(Market, {"sampling_policy": LegalPolicy})
    assert (buy["step_key"], buy["observation"], sell["step_key"], sell["observation"]) == (
        "buy", "price", "sell", "stock",
    )  # fmt: skip
    assert (buy["count"], sell["count"]) == (134, 66)


def test_wrappers_outside_see_what_those_inside_have_normalised() -> None:
    inner, outer = estimate("CartPole-v1", {}, {"strategy": "range"})
    assert inner == estimate("CartPole-v1", {})[0]
    assert np.allclose(outer[0]["min"], -np.array(outer[0]["max"]), atol=3)
    assert np.max(np.abs(outer[0]["max"])) < 6
    again = estimate("CartPole-v1", {}, {"strategy": "mean_std"})[1][0]
    assert np.allclose(again["mean"], 0, atol=1e-5)
    assert np.allclose(again["std"], 1, atol=1e-5)


def test_what_is_given_by_hand_is_not_sampled() -> None:
    given = [{"mean": 0.5, "std": 2.0}]
    ((statistics,),) = estimate("CartPole-v1", {"statistics": given})
    assert statistics == {"step_key": 0, "observation": None, "count": 1, "mean": [0.5] * 4, "std": [2.0] * 4}


def test_nothing_is_estimated_where_nothing_is_normalised_or_all_is_known(tmp_path: Path) -> None:
    assert estimate("CartPole-v1") is None
    content = estimate_normalization(job("CartPole-v1", {}), EnvTraits())
    assert content is not None
    (tmp_path / NORMALIZATION_FILE).write_text(json.dumps(content))
    known = job("CartPole-v1", {})
    known = replace(known, env=replace(known.env, normalization=tmp_path / NORMALIZATION_FILE))
    assert estimate_normalization(known, EnvTraits()) is None
    (tmp_path / NORMALIZATION_FILE).write_text(json.dumps(normalization_content([[]])))
    with pytest.raises(ConfigurationError, match="has none of the observation of step key 0"):
        estimate_normalization(known, EnvTraits())


def test_peculiar_envs_are_treated_as_they_have_to_be() -> None:
    for env, traits in ((GlobalWalk, EnvTraits(seed_globals=True)), (LeakyWalk, EnvTraits(fresh=True))):
        assert estimate(env, {}, traits=traits) == estimate(env, {}, traits=traits)


def test_episodes_are_cut_where_those_of_the_run_are() -> None:
    ((statistics,),) = estimate(lambda: Walk(), {"strategy": "range"}, max_episode_steps=3)  # noqa: PLW0108
    assert statistics["max"][1] == 2


def test_an_env_that_fails_now_and_then_is_built_anew() -> None:
    built = []

    class Failing(Walk):
        def __init__(self) -> None:
            super().__init__()
            built.append(self)

        def step(self, action: Any) -> Any:
            if len(built) < 4 and self.n == 4:
                raise OSError("lost the simulator")
            return super().step(action)

    ((statistics,),) = estimate(Failing, {})
    assert statistics["count"] == 200
    assert len(built) == 4
    assert all(env.closed == 1 for env in built)


def test_an_env_that_always_fails_says_so() -> None:
    class Broken(Walk):
        def step(self, action: Any) -> Any:
            raise OSError("no simulator")

    with pytest.raises(DecisionError, match="no simulator"):
        estimate(Broken, {})


@pytest.mark.parametrize(
    ("env", "wrapper", "line"),
    [
        (
            Market,
            {"n_samples": 2, "sampling_policy": LegalPolicy},
            "the observation 'stock' of step key 'sell' did not occur in the samples: raise n_samples",
        ),
        ("CartPole-v1", {"sampling_policy": 5}, "5 is no policy: pass a config, a policy, its class, or a function"),
    ],
)
def test_what_cannot_be_estimated_is_refused_in_one_line(env: Any, wrapper: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        estimate(env, wrapper)
    assert str(caught.value).startswith(line)
