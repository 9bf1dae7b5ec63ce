"""Whether a model fits the world that it is seated in: what it is shown there, and what it can do."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from sorrelsim.models.base import BaseModel
from sorrelsim.observations.signature import listed

if TYPE_CHECKING:
    from sorrelsim.observations.playable import Playable
    from sorrelsim.observations.spec import ObservationSpec

IDENTITY = "identity"
"""The part that tells a model which of its slots it looks out of."""


def with_identity(observations: ObservationSpec, n_slots: int) -> ObservationSpec:
    """Returns the observations with a part "identity", one-hot float32 [n_slots]: which of a model's slots this is.

    Build a model with these, and the Agent that seats it fills the part in.

    Args:
        observations: What one slot observes of the world.
        n_slots: Slots that share the model.
    """
    from sorrelsim.observations.spec import Part

    part = Part(shape=(n_slots,), dtype=np.dtype(np.float32))
    return dataclasses.replace(observations, parts={**observations.parts, IDENTITY: part})


def check_fits(world: Playable, model: BaseModel, n_slots: int) -> None:
    """Raises a ValueError that lists what differs, if a model was not built for what a world shows it and lets it do.

    Args:
        world: The world.
        model: The model.
        n_slots: Slots that it is to play in.
    """
    shown = world.observations
    if IDENTITY in model.observations.parts and IDENTITY not in shown.parts:
        shown = with_identity(shown, n_slots)
    found = world.action_spec.differences(model.action_spec, "in the model", "in the world")
    found += shown.differences(model.observations, "in the model", "in the world")
    if model.kept is not None and getattr(world, "symbolic_parts", None) is None:
        found.append("the model paints of symbols, and the world has no symbolic_parts: say paints = False")
    painted = np.asarray(model.observations.looks), np.asarray(shown.looks)
    if model.kept is not None and shown.form == "rgb" and not np.array_equal(*painted):
        found.append("sprites, which the model paints with: make it anew for this world and load what it learned")
    if found:
        ours, theirs = model.action_spec, world.action_spec
        what = "other observations" if ours == theirs else f"actions {ours.told()}, not {theirs.told()}"
        raise ValueError(f"{model.name} was built for {what}; what differs:{listed(found)}")
