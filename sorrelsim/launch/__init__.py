"""Processes and clusters: runs side by side (``launcher``), each in a process of its own (``worker``)."""
