"""Wrappers: what changes the view a policy has of its environment."""
