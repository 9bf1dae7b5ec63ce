"""Stamina: an agent that exerts itself tires, and a tired one stands still between its moves until it has rested.

A world that uses it declares, each ``per_agent()``, the state ``stamina`` (what is left), ``efforts`` (costly steps not
yet paid for), ``strained`` (1 if the last free step was costly) and ``locked`` (steps of a lock still to come), and
orders its rules: :func:`fill` at the start, :func:`lock` before the moves, :func:`spend` once per step and agent,
:func:`~sorrelsim.rules.movement.thaw` and :func:`show` last. A lock holds an agent by ``w.frozen``: turning and walking
are void, and what else a locked agent may do is for the world to say. Its stamina stays as it is until the lock is
over, even if something else frees the agent sooner. Source: ``Stamina`` of Melting Pot 2.
"""

from __future__ import annotations

from sorrelsim.rules.rule import rule


@rule
def fill(w, i, most):
    """Gives agent ``i`` all of its stamina, and lets it move: at the start, and when it comes back."""
    w.frozen[i] = 0
    w.stamina[i] = most
    w.efforts[i] = 0
    w.strained[i] = 0
    w.locked[i] = 0


@rule
def band(w, i, yellow, green, rested):
    """Returns the band of agent ``i``: 0 red, 1 yellow, 2 green, 3 rested, each but red from the stamina given on."""
    left = w.stamina[i]
    return (left >= yellow) + (left >= green) + (left >= rested)


@rule
def lock(w, i, steps):
    """Locks agent ``i`` for ``steps`` steps, this one first, if its last free step was costly; before the moves.

    ``steps`` is what its :func:`band` brings, 0 for none. A lock takes the place of whatever else froze the agent.
    """
    if w.locked[i] > 0:
        w.locked[i] -= 1
    elif w.strained[i] > 0 and steps > 0:
        w.locked[i] = steps
        w.frozen[i] = steps


@rule
def spend(w, i, costly, rests, interval, most):
    """Takes one from the stamina of agent ``i`` for every ``interval`` costly steps, or adds one to it.

    While a lock lasts neither happens.

    Args:
        w: The copy.
        i: The agent.
        costly: Whether what it chose to do is tiring, whatever came of it.
        rests: Whether it recovers otherwise.
        interval: Costly steps that cost one of stamina.
        most: Stamina of an agent that is rested.
    """
    if w.locked[i] > 0:
        return
    w.strained[i] = 1 if costly else 0
    if costly:
        w.efforts[i] += 1
        if w.efforts[i] >= interval:
            w.efforts[i] = 0
            change(w, i, -1, most)
    elif rests:
        change(w, i, 1, most)


@rule
def change(w, i, by, most):
    """Adds ``by`` to the stamina of agent ``i``, within 0 and ``most``."""
    w.stamina[i] = min(max(w.stamina[i] + by, 0), most)


@rule
def see(w, i, most):
    """Returns the stamina of agent ``i`` as a share of ``most``; 0 while it is out."""
    return 0.0 if w.out[i] != 0 else w.stamina[i] / most


@rule
def show(w, bar, top):
    """Lays a bar over every agent whose stamina is ``top`` or less: the kind ``bar + stamina``.

    Bars that do not lie in the layer ``beam``, which vanishes by itself, are taken away before agents move by
    :func:`~sorrelsim.rules.movement.unmark`.
    """
    for i in range(w.n_agents):
        if w.out[i] == 0 and w.stamina[i] <= top:
            w.grid[w.pos[i, 0], w.pos[i, 1], w.layer[bar]] = bar + w.stamina[i]
