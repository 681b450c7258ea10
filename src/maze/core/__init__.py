"""The spine: environments, policies, rollouts, recordings, statistics."""
