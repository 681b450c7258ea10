"""A run as the page asks for it; reads again what a running one has committed meanwhile."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import RLock
from typing import Any

from maze.core.env.action_masks import ActionMask, masks_of
from maze.core.recording.recording import Recording
from maze.core.recording.run_directory import is_being_written
from maze.core.recording.space_json import space_from_json
from maze.viewer.column_bundle import pack
from maze.viewer.component import Component, components
from maze.viewer.episode_table import episode_columns
from maze.viewer.episode_view import EpisodeView

_EPISODES_IN_MEMORY = 4


class ViewedRun:
    """A run directory to look at. Methods may be called from any thread.

    Args:
        recording: The run, which nobody else reads from here on.
    """

    def __init__(self, recording: Recording) -> None:
        """See what there is."""
        self.recording = recording
        self.lock = RLock()
        self._packed: bytes | None = None
        self._views: OrderedDict[int, EpisodeView] = OrderedDict()
        self._forget()

    @property
    def run_dir(self) -> Path:
        """Where it is."""
        return self.recording.run_dir

    @property
    def status(self) -> str:
        """As `run.json` has it; "cut off" where that says running, and no process writes it."""
        status = str(self.recording.metadata["status"])
        return "cut off" if status == "running" and not is_being_written(self.run_dir) else status

    def description(self) -> dict[str, Any]:
        """What the page says above the episodes."""
        metadata, schema = self.recording.metadata, self.recording.schema
        return {
            "name": self.run_dir.absolute().name,
            "status": self.status,
            "created": metadata.get("created"),
            "env": (metadata.get("env") or {}).get("name", "environment"),
            "env_class": (metadata.get("env") or {}).get("class"),
            "policy": metadata.get("policy"),
            "command": metadata.get("command", []),
            "versions": list(metadata.get("versions", {}).items()),
            "hash": metadata.get("hash"),
            "reproducible": metadata.get("reproducible"),
            "stopped_because": metadata.get("stopped_because"),
            "n_requested": metadata.get("n_episodes_requested"),
            "n_episodes": len(self.recording.episodes),
            "n_failed": len(self.recording.episodes) - len(self.recording),
            "has_trajectories": metadata["record_trajectory"],
            "has_events": metadata["record_event_logs"],
            "is_flat": schema.flat,
            "components": [
                {
                    "role": component.role,
                    "name": component.name,
                    "step_key": None if schema.flat else schema.names[component.step_key],
                    "is_choice": component.is_choice,
                    "n_values": component.n_values,
                }
                for component in self._components
            ],
            "problems": self.recording.damaged_parts,
        }

    def episodes(self) -> bytes:
        """The columns of all episodes, packed; they are packed again only where episodes were added."""
        with self.lock:
            if self._packed is None:
                self._packed = pack(episode_columns(self.recording.episodes))
            return self._packed

    def refresh(self) -> None:
        """See what was committed since."""
        with self.lock:
            n, status = len(self.recording.episodes), self.recording.metadata["status"]
            self.recording.refresh()
            if (len(self.recording.episodes), self.recording.metadata["status"]) != (n, status):
                self._forget()

    def episode(self, number: int) -> EpisodeView:
        """One episode.

        Raises:
            KeyError: If there is no such episode; the message says which there are.
        """
        with self.lock:
            if number not in self._views:
                episode = self.recording[number]
                self._views[number] = EpisodeView(self.recording, episode, self._components, self._masks)
                if len(self._views) > _EPISODES_IN_MEMORY:
                    self._views.popitem(last=False)
            self._views.move_to_end(number)
            return self._views[number]

    def damage(self) -> list[str]:
        """What is missing or damaged; reads every file, from a thread of its own, without keeping others waiting."""
        return Recording(self.run_dir).damaged

    def _forget(self) -> None:
        """Begin anew after reading."""
        self._packed = None
        self._views.clear()
        metadata, schema = self.recording.metadata, self.recording.schema
        action_spaces = [space_from_json(space) for _, space in metadata["action_spaces"]]
        observation_spaces = [space_from_json(space) for _, space in metadata["observation_spaces"]]
        self._components: list[Component] = components(
            schema, {"observation": observation_spaces, "action": action_spaces}
        )
        declared = {key: dict(masks) for key, masks in metadata.get("action_masks", [])}
        self._masks: list[list[ActionMask]] = [
            masks_of(declared, key, space) for key, space in zip(schema.step_keys, action_spaces, strict=True)
        ]
