"""Processes and clusters: the runs of a study side by side (``launcher``), each in a process of its own (``worker``)."""
