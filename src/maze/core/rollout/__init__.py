"""Rollouts: from seeds to episodes, in this process or in many."""
