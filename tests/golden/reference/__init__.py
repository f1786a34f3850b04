"""References for the golden values: each module yields cases from cases()."""
