"""Experiments: a config becomes a world with agents (``seating``), is trained (``loop``) and kept (``run``)."""
