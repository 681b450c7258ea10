"""Who acts in a structured environment, whose the rewards are, and who is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import Any, NamedTuple, SupportsFloat, TypeAlias, get_args

from maze.core.env.actor_id import FLAT_ACTOR, ActorID, Departure
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.segment import Segment
from maze.core.wrappers.member_owner import owner_of

Settle: TypeAlias = Callable[[ActorID, SupportsFloat], None]

ANSWERS = ("actor_id", "time", "actor_rewards", "is_actor_done", "departed_actors", "final_observations")
"""What a structured environment may say about its turns, and a flat one does not."""

HOW_ACTORS_DEPART: tuple[Departure, ...] = get_args(Departure)


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

    __slots__ = ("_clock", "_credits", "_departures", "_next_actor", "actor", "time")

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
        splitting = owner_of(env, "actor_rewards")
        self._credits = None if splitting is None else _Credits(splitting.actor_rewards)
        self._departures = _Departures(owner_of(env, "is_actor_done"), owner_of(env, "departed_actors"))

    def begin(self, segment: Segment) -> Stretch:
        """Go on in a new segment."""
        segment.actors, segment.times = [], []
        settlers: list[Settle] = []
        if self._credits is not None:
            segment.credits = self._credits.begin()
            settlers.append(self._credits.add)
        self._departures.begin(segment)
        if self._departures.has_to_be_asked:
            settlers.append(self._departures.add)
        return Stretch(segment.actors, segment.times, _all_of(settlers), self._next_actor, self._clock)

    def end(self, segment: Segment, final: Mapping[ActorID, Any]) -> None:
        """Add what each actor observes at the end, what it has earned that is not credited yet, and how it ended.

        Args:
            segment: The last one.
            final: What is observed.

        Raises:
            ValueError: If somebody has earned something that there is no place for.
        """
        actors = [ActorID(*actor) for actor in final]
        if self._credits is not None:
            self._credits.add_final(actors)
        self._departures.add_final(actors, "terminated" if segment.terminated else "truncated")
        segment.observations.extend(final.values())
        segment.actors += actors  # type: ignore[operator]
        segment.times += [self.time] * len(actors)  # type: ignore[operator]


def turns_of(env: StructuredEnv) -> Turns | None:
    """The turns of an episode that begins; None where there is nothing to ask, for every step is the only actor's."""
    is_flat = list(env.observation_spaces) == [FLAT_ACTOR.step_key] and not any(owner_of(env, name) for name in ANSWERS)
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


class _Departures:
    """Who has left, noted at the latest decision of each.

    As with credits, where that is too far back it is noted beside the final observation.
    """

    __slots__ = ("_departed_actors", "_earlier", "_gone", "_is_actor_done", "_late", "_latest", "_told_by")

    def __init__(self, retiring: StructuredEnv | None, leaving: StructuredEnv | None) -> None:
        self._is_actor_done = None if retiring is None else retiring.is_actor_done
        self._departed_actors = None if leaving is None else leaving.departed_actors
        telling = {"is_actor_done()": retiring, "departed_actors()": leaving}
        self._told_by = " or ".join(name for name, env in telling.items() if env is not None)
        self._gone: set[ActorID] = set()
        self._late: dict[ActorID, Departure] = {}
        self._latest = self._earlier = Segment(0)

    @property
    def has_to_be_asked(self) -> bool:
        """Whether the environment tells who leaves before the end."""
        return bool(self._told_by)

    def begin(self, segment: Segment) -> None:
        """Go on in a new segment; what is noted in the one before it may still change."""
        self._earlier, self._latest = self._latest, segment

    def add(self, actor: ActorID, reward: SupportsFloat) -> None:
        """Note who has left with the decision that was just carried out."""
        if actor in self._gone:
            raise ValueError(
                f"{tuple(actor)} acts again, though {self._told_by} has said that it is done: say so only when its "
                "last decision is carried out, and name another actor from then on"
            )
        if self._is_actor_done is not None and self._is_actor_done():
            self._note(actor, "terminated")
        for leaver, how in self._departed_actors().items() if self._departed_actors is not None else ():
            if how not in HOW_ACTORS_DEPART:
                raise ValueError(
                    f"departed_actors() says that {tuple(leaver)} was {how!r}: say 'terminated' or 'truncated'"
                )
            self._note(ActorID(*leaver), how)

    def add_final(self, actors: Sequence[ActorID], how: Departure) -> None:
        """Note how the episode ended for everybody who is still there.

        Args:
            actors: Of the final observations.
            how: The episode ended.
        """
        segments, gone = (self._latest, self._earlier), self._gone.copy()
        for segment in segments:
            n = len(segment.actions)
            for actor, row in dict(zip(segment.actors or (), range(n), strict=False)).items():
                if actor not in gone:
                    segment.departures[row] = how
                    gone.add(actor)
        for row, actor in enumerate(actors, len(self._latest.actions)):
            if actor in self._late or actor not in gone:
                self._latest.departures[row] = self._late.get(actor, how)

    def _note(self, actor: ActorID, how: Departure) -> None:
        if actor in self._gone:
            return
        self._gone.add(actor)
        for segment in (self._latest, self._earlier):
            row = _last_row(segment, actor)
            if row is not None:
                segment.departures[row] = how
                return
        self._late[actor] = how


def _last_row(segment: Segment, actor: ActorID) -> int | None:
    """The latest decision of an actor."""
    for row in range(len(segment.rewards) - 1, -1, -1):
        if segment.actors is not None and segment.actors[row] == actor:
            return row
    return None


def _all_of(settlers: Sequence[Settle]) -> Settle | None:
    if len(settlers) < 2:  # noqa: PLR2004 - more than one
        return settlers[0] if settlers else None

    def settle(actor: ActorID, reward: SupportsFloat) -> None:
        for each in settlers:
            each(actor, reward)

    return settle


def _as_actor_ids(actor_id: Callable[[], Any]) -> Callable[[], ActorID]:
    return lambda: ActorID(*actor_id())
