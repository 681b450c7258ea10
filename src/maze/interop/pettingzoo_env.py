"""Any PettingZoo environment as a structured one."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gymnasium.envs.registration import EnvSpec

from maze.core.env.actor_id import ActorID, Departure
from maze.core.env.structured_env import StructuredEnv
from maze.factory import ConfigurationError, check_arguments, suggest
from maze.interop.pettingzoo_actors import MASK, Agent, MaskedObservations, actors_of
from maze.interop.pettingzoo_turns import AgentTurns, TurnsAtOnce, TurnsInOrder

if TYPE_CHECKING:
    from pettingzoo import AECEnv, ParallelEnv

_INSTALL = "pip install 'maze-rollouts[pettingzoo]'"
_VERSION = re.compile(r"[-_]v(\d+)$")


class PettingZooEnv(StructuredEnv):
    """The agents of a PettingZoo environment, each an actor that acts in its turn.

    Agents with equal spaces and the same name but for its number share a step key: `player_1` is the agent 1 of the
    step key `player`. In an `AECEnv` they act in its own order, and a round is over when an agent is to act that has
    acted in it. In a `ParallelEnv` each agent chooses in turn by what it observed at the beginning of the round, and
    its step is the round. The reward of a step is the sum of what the agents got, and `actor_rewards` says who got
    what. Masks under `action_mask`, in observations or infos, become `action_masks`.

    Args:
        env: The environment, of either kind; it is reset once, to see what its agents' infos have.

    Raises:
        ConfigurationError: If the environment does not say which agents there can be.

    Example:
        >>> env = make_pettingzoo_env("classic/connect_four_v3")
        >>> _ = env.reset(seed=1)
        >>> env.actor_id(), env.action_masks
        (ActorID(step_key='player', agent_id=0), {'player': {None: 'action_mask'}})
    """

    def __init__(self, env: AECEnv[Any, Any, Any] | ParallelEnv[Any, Any, Any]) -> None:
        """Identify the agents."""
        agents = getattr(env, "possible_agents", None)
        if not agents:
            raise ConfigurationError(
                f"{env} does not say by possible_agents which agents there can be, which a recording has to know"
            )
        self.env = env
        self._turns: AgentTurns = TurnsInOrder(env) if hasattr(env, "agent_iter") else TurnsAtOnce(env)
        its_spaces = {agent: (env.observation_space(agent), env.action_space(agent)) for agent in agents}
        self.actors: dict[Agent, ActorID] = actors_of(its_spaces)
        in_info = self._has_masks_in_infos()
        self._observations = {
            actor.step_key: MaskedObservations(*its_spaces[agent], in_info=in_info)
            for agent, actor in self.actors.items()
        }
        self.observation_spaces = {key: observations.space for key, observations in self._observations.items()}
        self.action_spaces = {actor.step_key: its_spaces[agent][1] for agent, actor in self.actors.items()}
        self.action_masks = {
            key: {None: MASK} for key, observations in self._observations.items() if observations.is_masked
        }
        self.metadata = env.metadata
        self.render_mode = getattr(env, "render_mode", None)
        self._actor = next(iter(self.actors.values()))
        self._n_rounds = 0
        self._is_closed = False

    def __repr__(self) -> str:
        """Show the adapted environment."""
        return f"<PettingZooEnv<{self.env}>>"

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode of all agents."""
        self._turns.reset(seed, options)
        self._n_rounds = 0
        self._actor = self._actor_of(self._turns.agent)
        return self._observe(self._turns.agent), self._infos()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Let one agent act; the infos are those of all agents, by name, of departed ones as they left with them."""
        turns = self._turns
        turns.step(action)
        self._actor = self._actor_of(turns.agent)
        self._n_rounds += turns.is_round_over
        reward = float(sum(turns.rewards.values()))
        is_cut = turns.is_over and not turns.terminated
        return self._observe(turns.agent), reward, turns.is_over and turns.terminated, is_cut, self._infos()

    def actor_id(self) -> ActorID:
        """Who acts next; after the end, who has acted last."""
        return self._actor

    @property
    def time(self) -> int:
        """Rounds completed; one that the end broke off counts."""
        return self._n_rounds

    def departed_actors(self) -> Mapping[ActorID, Departure]:
        """Who has left with the last step, be it the one that has just acted or others."""
        return {self.actors[agent]: how for agent, how in self._turns.left.items()}

    def actor_rewards(self) -> Mapping[ActorID, float]:
        """What the last step earned the agents."""
        return {self._actor_of(agent): float(reward) for agent, reward in self._turns.rewards.items() if reward}

    def final_observations(self) -> Mapping[ActorID, Any]:
        """What each agent observes at the end, or did when it departed."""
        agents = [*self._turns.departed, *self._turns.living()]
        return {self.actors[agent]: self._observe(agent) for agent in dict.fromkeys(agents)}

    def render(self) -> Any:
        """Picture of the adapted environment, as its `render_mode` has it."""
        return self.env.render()

    def close(self) -> None:
        """Close the adapted environment, once."""
        if not self._is_closed:
            self._is_closed = True
            self.env.close()

    def _observe(self, agent: Agent) -> Any:
        return self._observations[self.actors[agent].step_key](*self._turns.observe(agent))

    def _infos(self) -> dict[str, Any]:
        turns = self._turns
        departed = {str(agent): info for agent, (_, info) in turns.departed.items()}
        return departed | {str(agent): info for agent, info in turns.infos.items()}

    def _actor_of(self, agent: Agent) -> ActorID:
        try:
            return self.actors[agent]
        except KeyError:
            raise ValueError(
                f"{self.env} has an agent {agent!r} that its possible_agents do not have: let it name all of them"
            ) from None

    def _has_masks_in_infos(self) -> bool:
        """Whether agents are told by infos what is legal; those that come later, or act later, may not be told yet."""
        self._turns.reset(0, None)
        return any(MASK in info for info in self._turns.infos.values())


def make_pettingzoo_env(
    name: str, kwargs: Mapping[str, Any] | None = None, parallel: bool | None = None, render_mode: str | None = None
) -> PettingZooEnv:
    """Make a PettingZoo environment by its name.

    Those of `butterfly` that observe their screen draw it only with a render mode: give them `render_mode: rgb_array`.

    Args:
        name: One of PettingZoo's own, such as `classic/connect_four_v3`, or `module:function` for a function that makes
            one, such as `mpe2.simple_spread_v3:parallel_env`.
        kwargs: Arguments of the environment.
        parallel: Whether its agents act at once; None: only where they cannot act in order.
        render_mode: How `render` shows the environment; None: not at all.

    Raises:
        ConfigurationError: If there is no such environment, it is not of the kind that is asked for, a package is
            missing, or it does not take the arguments.

    Example:
        >>> make_pettingzoo_env("classic/rps_v2", {"max_cycles": 5}).observation_spaces
        {'player': Discrete(4)}
    """
    make = check_pettingzoo_env(name, kwargs, parallel)
    offered = {} if render_mode is None else {"render_mode": render_mode}
    try:
        env = PettingZooEnv(make(**{**(kwargs or {}), **offered}))
    except ImportError as error:
        raise ConfigurationError(f"{name} cannot be made, {error}{_advice(name)}") from error
    arguments = {"name": name, "kwargs": dict(kwargs or {}), "parallel": parallel}
    # By its name it is known in run.json, and made again in other processes.
    entry_point = f"{make_pettingzoo_env.__module__}:{make_pettingzoo_env.__name__}"
    env.spec = EnvSpec(re.sub(r"[^\w:./-]", "_", name), entry_point=entry_point, kwargs=arguments)
    return env


def check_pettingzoo_env(
    name: str, kwargs: Mapping[str, Any] | None = None, parallel: bool | None = None
) -> Callable[..., Any]:
    """Find the function that makes an environment, and see that it takes the arguments.

    Raises:
        ConfigurationError: As `make_pettingzoo_env`.

    Example:
        >>> check_pettingzoo_env("classic/conect_four_v3")
        Traceback (most recent call last):
        maze.factory.ConfigurationError: there is no environment 'classic/conect_four_v3' in PettingZoo: did you ...
    """
    entry_point = name if ":" in name else _entry_point(name, parallel)
    if callable(entry_point):
        return entry_point  # type: ignore[no-any-return]
    module_name, _, attribute = entry_point.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigurationError(f"{name} cannot be made, {error}{_advice(name)}") from error
    make = getattr(module, attribute, None)
    if not callable(make):
        hint = suggest(attribute, dir(module))
        raise ConfigurationError(f"there is no function {attribute!r} in {module_name}{hint}")
    # PettingZoo's `env` takes anything, for the environment itself to refuse it.
    check_arguments(name, getattr(module, "raw_env", make), list(kwargs or {}), ["render_mode"])
    return make  # type: ignore[no-any-return]


def _entry_point(name: str, parallel: bool | None) -> Any:
    """Where PettingZoo has the function that makes an environment."""
    try:
        from pettingzoo import aec_registry, parallel_registry
    except ImportError as error:
        raise ConfigurationError(f"{name} needs PettingZoo 1.27 or newer: {_INSTALL}") from error
    registered = _VERSION.sub(r"-v\1", name)
    kinds = [("in order", aec_registry), ("at once", parallel_registry)]
    for how, registry in kinds if parallel is None else kinds[parallel:][:1]:
        if registered in registry:
            return registry[registered].entry_point
        if parallel is not None and any(registered in other for _, other in kinds):
            raise ConfigurationError(f"the agents of {name} cannot act {how}: leave `parallel` null")
    names = [_VERSION.sub(r"_v\1", known) for known in (*aec_registry, *parallel_registry)]
    hint = suggest(name, names) or ": name one such as 'classic/connect_four_v3', or module:function"
    raise ConfigurationError(f"there is no environment {name!r} in PettingZoo{hint}")


def _advice(name: str) -> str:
    """What to install for one of PettingZoo's own environments."""
    namespace, slash, _ = name.partition("/")
    return f": pip install 'pettingzoo[{namespace}]'" if slash else ": install it"
