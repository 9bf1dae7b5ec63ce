"""Models that learn: one file each."""
