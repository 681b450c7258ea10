"""Whose turn it is in a PettingZoo environment: one agent after the other, or all at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from maze.core.env.actor_id import Departure
from maze.interop.pettingzoo_actors import Agent


class AgentTurns(ABC):
    """Lets the agents act one after the other, and says what came of it.

    Args:
        env: The PettingZoo environment.
    """

    def __init__(self, env: Any) -> None:
        """Keep the environment; there is no agent before the first reset."""
        self.env = env
        self.agent: Agent = None
        """Who acts next; after the end, who has acted last."""
        self.rewards: Mapping[Agent, float] = {}
        """What the last step earned the agents; those without a reward may be missing."""
        self.departed: dict[Agent, tuple[Any, Mapping[str, Any]]] = {}
        """Agents that will not act again, with their last observations and infos."""
        self.left: dict[Agent, Departure] = {}
        """Those of them that have left with the last step, and how."""
        self.is_round_over = False
        """Whether the last step closed a round."""
        self.is_over = False
        """Whether no agent is left to act."""
        self.terminated = False
        """Of an ended episode: whether it reached an end of its own, and was not just cut."""

    @abstractmethod
    def reset(self, seed: int | None, options: dict[str, Any] | None) -> None:
        """Begin an episode."""

    @abstractmethod
    def step(self, action: Any) -> None:
        """Carry out the action of the agent whose turn it is."""

    @property
    @abstractmethod
    def infos(self) -> Mapping[Agent, Mapping[str, Any]]:
        """What the environment says besides, by agent."""

    @abstractmethod
    def living(self) -> list[Agent]:
        """Agents that may act again."""

    @abstractmethod
    def observe(self, agent: Agent) -> tuple[Any, Mapping[str, Any]]:
        """What an agent observes at the moment, or did when it departed, and its info."""


class TurnsInOrder(AgentTurns):
    """The agents of an `AECEnv`, in the environment's own order.

    A round is over when the one who acts next has acted in it already. Agents that are done are taken out by steps
    without an action, which PettingZoo asks for and no policy sees.
    """

    def reset(self, seed: int | None, options: dict[str, Any] | None) -> None:
        """Begin an episode."""
        self.env.reset(seed=seed, options=options)
        self.departed, self.left, self._acted = {}, {}, set[Agent]()
        self.agent, self.rewards, self.is_round_over = self.env.agent_selection, {}, False
        self._pass_on()

    def step(self, action: Any) -> None:
        """Let one agent act."""
        self.env.step(action)
        self.left = {}
        self.rewards = {agent: reward for agent, reward in self.env.rewards.items() if reward}
        self._acted.add(self.agent)
        self._pass_on()
        self.is_round_over = self.is_over or self.agent in self._acted
        if self.is_round_over:
            self._acted.clear()

    @property
    def infos(self) -> Mapping[Agent, Mapping[str, Any]]:
        """What the environment says besides, by agent."""
        infos: Mapping[Agent, Mapping[str, Any]] = self.env.infos
        return infos

    def living(self) -> list[Agent]:
        """Agents that may act again."""
        env = self.env
        return [agent for agent in env.agents if not (env.terminations[agent] or env.truncations[agent])]

    def observe(self, agent: Agent) -> tuple[Any, Mapping[str, Any]]:
        """What an agent observes at the moment, or did when it departed, and its info."""
        if agent in self.departed:
            return self.departed[agent]
        return self.env.observe(agent), self.env.infos.get(agent, {})

    def _pass_on(self) -> None:
        """Note who is done, and find who acts next."""
        env = self.env
        terminations, truncations = env.terminations, env.truncations
        ended = [agent for agent in env.agents if terminations[agent] or truncations[agent]]
        if not ended:
            self.agent, self.is_over = env.agent_selection, False
            return
        for agent in ended:
            if agent not in self.departed:
                self.departed[agent] = env.observe(agent), env.infos.get(agent, {})
                self.left[agent] = "terminated" if terminations[agent] else "truncated"
        self.is_over = len(ended) == len(env.agents)
        if self.is_over:
            self.terminated = any(terminations[agent] for agent in ended)
            return
        for _ in ended:
            if env.agent_selection in self.departed:
                env.step(None)
        self.agent = env.agent_selection


class TurnsAtOnce(AgentTurns):
    """The agents of a `ParallelEnv`: each chooses by what it observed at the beginning of the round, then all act."""

    def reset(self, seed: int | None, options: dict[str, Any] | None) -> None:
        """Begin an episode."""
        self._observations, self._infos = self.env.reset(seed=seed, options=options)
        self.departed, self.left, self.rewards, self.is_round_over = {}, {}, {}, False
        self._begin_round(list(self.env.agents))

    def step(self, action: Any) -> None:
        """Keep the action of one agent; with that of the last one, all act."""
        self._actions[self.agent] = action
        self.is_round_over = len(self._actions) == len(self._order)
        if not self.is_round_over:
            self.agent, self.rewards, self.left = self._order[len(self._actions)], {}, {}
            return
        observations, self.rewards, terminations, truncations, infos = self.env.step(self._actions)
        self._observations, self._infos = observations, infos
        ended = [agent for agent in self._order if terminations.get(agent) or truncations.get(agent)]
        self.departed |= {agent: (observations[agent], infos.get(agent, {})) for agent in ended}
        self.left = {agent: "terminated" if terminations.get(agent) else "truncated" for agent in ended}
        living = [agent for agent in self.env.agents if agent not in ended]
        if living:
            self._begin_round(living)
        else:
            self.is_over, self.terminated = True, any(terminations.get(agent) for agent in ended)

    @property
    def infos(self) -> Mapping[Agent, Mapping[str, Any]]:
        """What the environment says besides, by agent."""
        infos: Mapping[Agent, Mapping[str, Any]] = self._infos
        return infos

    def living(self) -> list[Agent]:
        """Agents that may act again."""
        return [] if self.is_over else self._order

    def observe(self, agent: Agent) -> tuple[Any, Mapping[str, Any]]:
        """What an agent observes at the moment, or did when it departed, and its info."""
        if agent in self.departed:
            return self.departed[agent]
        return self._observations[agent], self._infos.get(agent, {})

    def _begin_round(self, agents: list[Agent]) -> None:
        self._order, self._actions = agents, dict[Agent, Any]()
        self.agent, self.is_over = agents[0], False
