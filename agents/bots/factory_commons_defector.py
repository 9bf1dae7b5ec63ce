"""Factory of the Commons' defector: burns cubes, which pays two apples each, until there are none."""

from __future__ import annotations

from sorrelsim.agents.bots.factory_commons_cooperator import FactoryCommonsCooperator


class FactoryCommonsDefector(FactoryCommonsCooperator):
    """Does as the cooperator does, at the machines that burn cubes."""

    belt = "burn_belt"
