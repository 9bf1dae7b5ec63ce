"""A window to play and to watch in: people beside trained agents, every action kept. Imports pygame only when used."""
