"""Environments from logistics."""
