"""Environments of other libraries, adapted."""
