"""Neural policies: models, the policy that decides by one, and how it learns."""
