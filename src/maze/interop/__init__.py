"""Environments and data of other libraries."""
