"""Copies of a world in memory, stepped together: interpreted as plain Python, or compiled. Never imports ``models``."""
