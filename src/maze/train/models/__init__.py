"""Neural networks that decide, built from the spaces of an environment."""
