"""The commands, and what they show on a terminal. Each imports what it needs when it runs."""
