"""Contracts of worlds and models: what ``sorrelsim check`` runs, and what a new file's first test calls."""

from sorrelsim.testing.check import check_file, check_model, check_world
from sorrelsim.testing.failures import CheckFailed

__all__ = ["CheckFailed", "check_file", "check_model", "check_world"]
