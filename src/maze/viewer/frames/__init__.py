"""Pictures of recorded episodes, made by playing them again in a process of their own."""
