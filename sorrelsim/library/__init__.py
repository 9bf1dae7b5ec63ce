"""Worlds and models by name: finding files, making worlds, listing them, writing new ones."""
