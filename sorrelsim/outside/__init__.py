"""Environments of other libraries as worlds of ours. What answers a config's ``gym:`` and ``pettingzoo:`` is here."""
