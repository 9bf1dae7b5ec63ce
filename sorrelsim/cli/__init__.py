"""The commands, at the top of the house (``app``), and what they show on a terminal."""
