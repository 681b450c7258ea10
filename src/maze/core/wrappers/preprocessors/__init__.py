"""Preprocessors: conversions of one observation, or of one entry of it."""
