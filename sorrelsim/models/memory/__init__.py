"""What learners remember: a replay ring and an on-policy rollout."""
