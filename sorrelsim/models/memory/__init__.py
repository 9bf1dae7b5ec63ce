"""What learners remember: a replay memory (``replay``, kept in a ring) and an on-policy rollout (``rollout``)."""
