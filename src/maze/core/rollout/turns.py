"""Who acts in a structured environment, whose the rewards are, and who is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import Any, NamedTuple, SupportsFloat, TypeAlias

from maze.core.env.actor_id import FLAT_ACTOR, ActorID
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.segment import Segment
from maze.core.wrappers.member_owner import owner_of

Settle: TypeAlias = Callable[[ActorID, SupportsFloat], None]


class Stretch(NamedTuple):
    """What the episode loop needs for the decisions of one segment."""

    actors: list[ActorID]
    times: list[int]

    settle: Settle | None
    """To be called with actor and reward of each decision; None: there is nothing to settle."""

    next_actor: Callable[[], ActorID]

    clock: StructuredEnv | None
    """Whose `time` counts the rounds; None: every decision is one."""


class Turns:
    """The turns of an episode: asks the environment what it has an answer of its own to, and nothing else.

    Args:
        env: After its reset.
    """

    __slots__ = ("_clock", "_credits", "_done", "_next_actor", "actor", "splits_rewards", "time")

    def __init__(self, env: StructuredEnv) -> None:
        """See what the environment answers, and ask who acts first."""
        self._next_actor: Callable[[], ActorID] = (owner_of(env, "actor_id") or env).actor_id
        actor = self._next_actor()
        if not isinstance(actor, ActorID):  # but a plain tuple
            self._next_actor = _as_actor_ids(self._next_actor)
        self.actor = ActorID(*actor)
        clock = owner_of(env, "time")
        self._clock = None if clock is None or clock.time is None else clock
        self.time: int = 0 if self._clock is None else self._clock.time  # type: ignore[assignment]
        splitting, retiring = owner_of(env, "actor_rewards"), owner_of(env, "is_actor_done")
        self._credits = None if splitting is None else _Credits(splitting.actor_rewards)
        self._done = None if retiring is None else _Done(retiring.is_actor_done)
        self.splits_rewards = splitting is not None

    def begin(self, segment: Segment) -> Stretch:
        """Go on in a new segment."""
        segment.actors, segment.times = [], []
        settlers: list[Settle] = []
        if self._credits is not None:
            segment.credits = self._credits.begin()
            settlers.append(self._credits.add)
        if self._done is not None:
            segment.actors_done = self._done.begin()
            settlers.append(self._done.add)
        return Stretch(segment.actors, segment.times, _all_of(settlers), self._next_actor, self._clock)

    def add_final_observations(self, segment: Segment, final: Mapping[ActorID, Any]) -> None:
        """Add what each actor observes at the end, and what it has earned that is not credited yet.

        Raises:
            ValueError: If somebody has earned something that there is no place for.
        """
        actors = [ActorID(*actor) for actor in final]
        if self._credits is not None:
            self._credits.add_final(actors)
        segment.observations.extend(final.values())
        segment.actors += actors  # type: ignore[operator]
        segment.times += [self.time] * len(actors)  # type: ignore[operator]


def turns_of(env: StructuredEnv) -> Turns | None:
    """The turns of an episode that begins; None where there is nothing to ask, for every step is the only actor's."""
    answers = ("actor_id", "time", "actor_rewards", "is_actor_done", "final_observations")
    is_flat = list(env.observation_spaces) == [FLAT_ACTOR.step_key] and not any(owner_of(env, name) for name in answers)
    return None if is_flat else Turns(env)


class _Credits:
    """Whose the rewards are: each share goes to its earner's latest decision.

    Decisions stay here until the segment behind theirs is handed over. What is earned by an actor whose latest
    decision is further back waits for its next one, and at the end goes beside its final observation. So nothing that
    is earned is ever lost, and memory stays bounded.
    """

    __slots__ = ("_actor_rewards", "_credits", "_earlier", "_earlier_credits", "_latest", "_waiting")

    def __init__(self, actor_rewards: Callable[[], Mapping[ActorID, float] | None]) -> None:
        self._actor_rewards = actor_rewards
        self._waiting: dict[ActorID, float] = {}
        self._latest: dict[ActorID, int] = {}
        self._credits: list[float] = []

    def begin(self) -> list[float]:
        """The list of the next segment's credits; those of the one before it may still change."""
        self._earlier, self._earlier_credits = self._latest, self._credits
        self._latest, self._credits = {}, []
        return self._credits

    def add(self, actor: ActorID, reward: SupportsFloat) -> None:
        """Credit the decision that was just carried out, and earlier ones."""
        latest, credits_ = self._latest, self._credits
        latest[actor] = len(credits_)
        shares = self._actor_rewards()
        credits_.append(float(reward) if shares is None else 0.0)
        if actor in self._waiting:
            credits_[-1] += self._waiting.pop(actor)
        for earner, share in shares.items() if shares else ():
            if earner in latest:
                credits_[latest[earner]] += share
            elif earner in self._earlier:
                self._earlier_credits[self._earlier[earner]] += share
            elif share:
                self._waiting[earner] = self._waiting.get(earner, 0.0) + share

    def add_final(self, actors: Sequence[ActorID]) -> None:
        """Put what is still waiting beside the final observations of its earners."""
        if not self._waiting:
            return
        self._credits += [self._waiting.pop(actor, nan) for actor in actors]
        for earner, share in self._waiting.items():
            raise ValueError(
                f"actor_rewards() gave {share:g} to {tuple(earner)}, which has made no decision to credit with it, nor "
                "has a final observation: return one for it from final_observations(), or give its share to another"
            )


class _Done:
    """Who will not act again."""

    __slots__ = ("_flags", "_gone", "_is_actor_done")

    def __init__(self, is_actor_done: Callable[[], bool]) -> None:
        self._is_actor_done = is_actor_done
        self._gone: set[ActorID] = set()

    def begin(self) -> list[bool]:
        self._flags: list[bool] = []
        return self._flags

    def add(self, actor: ActorID, reward: SupportsFloat) -> None:
        if self._gone and actor in self._gone:
            raise ValueError(
                f"{tuple(actor)} acts again, though is_actor_done() has said that it is done: say so only when its "
                "last decision is carried out, and name another actor from then on"
            )
        is_done = self._is_actor_done()
        self._flags.append(is_done)
        if is_done:
            self._gone.add(actor)


def _all_of(settlers: Sequence[Settle]) -> Settle | None:
    if len(settlers) < 2:  # noqa: PLR2004 - more than one
        return settlers[0] if settlers else None

    def settle(actor: ActorID, reward: SupportsFloat) -> None:
        for each in settlers:
            each(actor, reward)

    return settle


def _as_actor_ids(actor_id: Callable[[], Any]) -> Callable[[], ActorID]:
    return lambda: ActorID(*actor_id())
