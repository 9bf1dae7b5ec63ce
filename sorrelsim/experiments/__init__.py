"""Runs: a config, who sits where, the loop, measures, evaluation, the run folder."""
