"""Whether a policy keeps the rules that make its decisions reproducible, whatever is decided beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import cloudpickle

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.env_wrapping import WrappersLike
from maze.core.rollout.recipes import EnvLike, EnvRecipe, PolicyLike, PolicyRecipe
from maze.core.rollout.rollout_worker import one_torch_thread
from maze.testing.checked_decisions import CheckedDecisions
from maze.testing.conformance import ConformanceError, Moment, check_signature, first_difference

FEWEST_SLOTS, MOST_SLOTS = 3, 8


def check_policy(
    policy: PolicyLike,
    env: EnvLike,
    wrappers: WrappersLike = None,
    *,
    n_steps: int = 50,
    seed: int = 0,
    deterministic: bool = False,
) -> None:
    """Let a policy decide in an environment, and see that it keeps every rule that rollouts rely on.

    Args:
        policy: As `maze.rollout` takes it: a config with a `_target_`, a policy class or a policy, or a function from
            observation to action.
        env: An environment that passes `check_env`, given as there, but no environment object.
        wrappers: gymnasium wrappers from the inside out, as configs or as functions of the environment.
        n_steps: Decisions of each episode.
        seed: Of the first slot's environment and policy; the ones behind it have the next.
        deterministic: Whether the policy shall decide without chance, if it can.

    Raises:
        ConformanceError: If it breaks a rule; the message says which one, where, and what to do.
        ConfigurationError: If there is no such policy or environment.

    Example:
        >>> from maze.core.agent.random_policy import RandomPolicy
        >>> check_policy(RandomPolicy, "CartPole-v1")
    """
    env_recipe, policy_recipe = EnvRecipe(env, wrappers).for_workers(), PolicyRecipe(policy, deterministic)
    env_recipe.check()
    policy_recipe.check()
    with one_torch_thread():
        _Check(env_recipe, _pickled(policy_recipe), n_steps, seed).run()


def _pickled(recipe: PolicyRecipe) -> bytes:
    try:
        pickled: bytes = cloudpickle.dumps(recipe)
        cloudpickle.loads(pickled)
    except Exception as error:
        raise ConformanceError(
            f"the policy does not survive cloudpickle ({type(error).__name__}: {error}): "
            "worker processes need it, so keep open files, locks and the like out of it"
        ) from error
    return pickled


class _Check:
    """The same episodes, decided alone, again, in turns, and in batches."""

    def __init__(self, env: EnvRecipe, pickled_policy: bytes, n_steps: int, seed: int) -> None:
        self._env, self._pickled_policy, self._n_steps, self._seed = env, pickled_policy, n_steps, seed
        self._asks_outputs = False

    def run(self) -> None:
        with self._prepared([0]) as (policy, decisions):
            check_signature(policy.reset, "reset(seed, slot)", 0, 0)
            check_signature(policy.act, "act(observation, actor_id, slot)", None, None, 0)
            n_slots = min(max(FEWEST_SLOTS, policy.n_envs), MOST_SLOTS)
            alone = self._play_alone_in_turn(decisions[0], n_slots)
            again = _play_alone(decisions[0], self._seed, self._n_steps)
        self._compare(
            {0: alone[0]},
            {0: again},
            "a policy that was used decides otherwise after the same reset(seed)",
            "let reset forget the last episode and seed all that is random",
        )
        with self._prepared([0]) as (_, decisions):
            fresh = _play_alone(decisions[0], self._seed, self._n_steps)
        self._compare(
            {0: alone[0]},
            {0: fresh},
            "another policy object decides otherwise after the same reset(seed)",
            "draw only from generators that reset seeds",
        )
        slots = range(n_slots)
        with self._prepared(slots) as (_, decisions):
            in_turns = self._play_in_turns(decisions)
        self._compare(
            dict(zip(slots, alone, strict=True)),
            in_turns,
            "a slot's decisions depend on what the other slots do",
            "keep random and recurrent state by slot",
        )
        self._asks_outputs = decisions[0].has_outputs
        if self._asks_outputs:
            with self._prepared([0]) as (_, decisions):
                asked = self._play_alone_in_turn(decisions[0], n_slots)
            self._compare(
                dict(zip(slots, alone, strict=True)),
                dict(zip(slots, asked, strict=True)),
                "a policy decides otherwise when it is asked for its outputs",
                "let outputs() draw nothing and remember nothing",
            )
            alone = asked
        with self._prepared(slots) as (policy, decisions):
            in_batches = self._play_in_batches(policy, decisions)
        self._compare(
            dict(zip(slots, alone, strict=True)),
            in_batches,
            "act_batch decides otherwise in a batch than alone",
            "give for each slot what it would get alone, in the order given",
        )

    @contextmanager
    def _prepared(self, slots: Sequence[int]) -> Iterator[tuple[StructuredPolicy, list[CheckedDecisions]]]:
        """A new policy, attached to new environments."""
        with ExitStack() as stack:
            envs: list[StructuredEnv] = []
            for _ in slots:
                envs.append(env := self._env())
                stack.callback(self._env.close, env)
            recipe: PolicyRecipe = cloudpickle.loads(self._pickled_policy)
            policy = recipe(envs[0])
            for slot in slots:
                policy.attach(envs[slot], slot)
            asks = self._asks_outputs
            yield policy, [CheckedDecisions(policy, envs[slot], slot, asks_outputs=asks) for slot in slots]

    def _play_alone_in_turn(self, decisions: CheckedDecisions, n: int) -> list[list[Moment]]:
        return [_play_alone(decisions, self._seed + number, self._n_steps) for number in range(n)]

    def _play_in_turns(self, decisions: Sequence[CheckedDecisions]) -> dict[int, list[Moment]]:
        for slot, each in enumerate(decisions):
            each.begin(self._seed + slot)
        for step in range(self._n_steps):
            # To and fro, so that no slot is always behind the same one.
            for each in decisions if step % 2 else reversed(decisions):
                each.decide()
        return {slot: each.moments for slot, each in enumerate(decisions)}

    def _play_in_batches(
        self, policy: StructuredPolicy, decisions: Sequence[CheckedDecisions]
    ) -> dict[int, list[Moment]]:
        for slot, each in enumerate(decisions):
            each.begin(self._seed + slot)
        for step in range(self._n_steps):
            waiting = [each for each in decisions if not each.is_over]
            waiting = waiting if step % 2 else waiting[::-1]
            if not waiting:
                break
            slots = [each.slot for each in waiting]
            before = [each.frozen_observation() for each in waiting]
            actions: Any = policy.act_batch(
                [each.observation for each in waiting], [each.actor for each in waiting], slots
            )
            if not isinstance(actions, list) or len(actions) != len(slots):
                raise ConformanceError(
                    f"act_batch gave {len(actions)} actions as a {type(actions).__name__} for {len(slots)} slots: "
                    "return a list with one for each"
                )
            told: Any = [None] * len(slots)
            if self._asks_outputs:
                told = policy.outputs_batch(
                    [each.observation for each in waiting], [each.actor for each in waiting], slots
                )
            for each, action, frozen, outputs in zip(waiting, actions, before, told, strict=True):
                each.take(action, frozen, "act_batch", outputs)
        return {slot: each.moments for slot, each in enumerate(decisions)}

    def _compare(
        self, one: Mapping[int, list[Moment]], other: Mapping[int, list[Moment]], what: str, advice: str
    ) -> None:
        for slot, moments in other.items():
            difference = first_difference(one[slot], moments)
            if difference is None:
                continue
            if difference.startswith("the action"):
                raise ConformanceError(f"{what} ({difference}): {advice}")
            if difference.startswith("the answer of outputs"):
                raise ConformanceError(f"outputs_batch tells otherwise in a batch than alone ({difference}): {advice}")
            raise ConformanceError(
                f"the environment gives another episode for the same actions ({difference}): "
                "see that it passes check_env before its policies are checked"
            )


def _play_alone(decisions: CheckedDecisions, seed: int, n_steps: int) -> list[Moment]:
    decisions.begin(seed)
    for _ in range(n_steps):
        decisions.decide()
    return decisions.moments
