"""Statistics: what the episodes of a run say together."""
