"""Environments: who acts, what happens, what it is worth."""
