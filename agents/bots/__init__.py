"""Scripted players: one file each."""
