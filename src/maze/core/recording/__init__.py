"""Recordings: episodes on disk, committed whole or not at all."""
