"""What plays and learns: ``base`` of all models, the ``agent`` that seats one, reward transforms, memories, learners.

It meets the engine only at ``observations``, and never imports it.
"""
