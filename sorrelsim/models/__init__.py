"""What plays and learns: the base of models, the Agent that seats one, rewards, memories. Never imports ``engine``."""
