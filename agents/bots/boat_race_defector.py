"""Boat race's defector: flails in every step, which asks nothing of its partner and costs one who rows."""

from __future__ import annotations

from sorrelsim.agents.bots.boat_race_cooperator import BoatRaceCooperator


class BoatRaceDefector(BoatRaceCooperator):
    """Does as the cooperator does, but flails."""

    stroke, every = "flail", 1
