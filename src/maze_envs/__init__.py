"""Environments that come with `maze` and use it exactly as a package of yours would."""
