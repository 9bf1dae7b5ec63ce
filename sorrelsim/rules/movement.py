"""Agents on the grid: walking, rotating, being placed, taken off and brought back.

Facings are 0 north, 1 east, 2 south, 3 west. ``w.out[i]`` is 0 for an agent on the grid, the number of steps until
it returns for one that is out, and ``GONE`` for one that never returns. ``w.frozen[i]`` counts steps without moving.
"""

from __future__ import annotations

from sorrelsim.rules import draw
from sorrelsim.rules.grid import inside, is_solid, pick_free, wrapped
from sorrelsim.rules.rule import rule

EGOCENTRIC = ("noop", "forward", "backward", "step_left", "step_right", "turn_left", "turn_right")
"""Actions relative to the agent's facing, for :func:`move`."""

ABSOLUTE = ("up", "down", "left", "right")
"""Actions relative to the map, for :func:`walk` and :func:`move_on_map`."""

ROTATING = len(ABSOLUTE)  # where turn_left comes after them, and turn_right next
FORWARD, BACKWARD, STEP_LEFT, STEP_RIGHT, TURN_LEFT, TURN_RIGHT = range(1, len(EGOCENTRIC))

GONE = -1
"""``w.out`` of an agent that is off the grid for good."""


@rule
def row_step(facing):
    """Returns the row change of one step in a direction."""
    return (facing == 2) - (facing == 0)


@rule
def col_step(facing):
    """Returns the column change of one step in a direction."""
    return (facing == 1) - (facing == 3)


@rule
def ahead(w, i, direction):
    """Returns the cell (row, col) one step from agent ``i`` in a map direction; it may lie beyond the map's edge."""
    return beside(w, w.pos[i, 0], w.pos[i, 1], direction)


@rule
def beside(w, row, col, direction):
    """Returns the cell (row, col) one step from another in a map direction; it may lie beyond the map's edge."""
    row, col = row + row_step(direction), col + col_step(direction)
    if w.wrap:
        row, col = wrapped(row, w.height), wrapped(col, w.width)
    return row, col


@rule
def place(w, i, row, col):
    """Sets agent ``i`` down on a free cell; it must not stand on another."""
    w.pos[i, 0] = row
    w.pos[i, 1] = col
    w.occupant[row, col] = i
    w.grid[row, col, w.agent_layer] = look(w, i)


@rule
def lift(w, i):
    """Takes agent ``i`` off its cell."""
    row, col = w.pos[i, 0], w.pos[i, 1]
    w.occupant[row, col] = -1
    w.grid[row, col, w.agent_layer] = 0


@rule
def look(w, i):
    """Returns the id under which agent ``i`` lies in the grid."""
    code = w.agent_code + i * w.slot_stride
    if w.show_facing:
        code += w.facing[i]
    return code


@rule
def turn(w, i, facing):
    """Rotates agent ``i`` to a facing."""
    w.facing[i] = facing
    if w.show_facing and w.out[i] == 0:
        w.grid[w.pos[i, 0], w.pos[i, 1], w.agent_layer] = look(w, i)


@rule
def step(w, i, direction):
    """Walks agent ``i`` one cell in a map direction if that cell is free; returns whether it moved."""
    row = w.pos[i, 0] + row_step(direction)
    col = w.pos[i, 1] + col_step(direction)
    if w.wrap:
        row, col = wrapped(row, w.height), wrapped(col, w.width)
    elif row < 0 or row >= w.height or col < 0 or col >= w.width:
        return False
    if w.occupant[row, col] >= 0 or is_solid(w, row, col):
        return False
    lift(w, i)
    place(w, i, row, col)
    return True


@rule
def course(w, i):
    """Returns the map direction in which the :data:`EGOCENTRIC` action of agent ``i`` leads; -1 if it is no step."""
    action = w.action[i]
    if action < FORWARD or action > STEP_RIGHT:
        return -1
    return (w.facing[i] + (0, 2, 3, 1)[action - FORWARD]) & 3


@rule
def rotate(w, i):
    """Rotates agent ``i`` if its action is turn_left or turn_right of :data:`EGOCENTRIC`."""
    if w.action[i] == TURN_LEFT:
        turn(w, i, (w.facing[i] + 3) & 3)
    elif w.action[i] == TURN_RIGHT:
        turn(w, i, (w.facing[i] + 1) & 3)


@rule
def move(w):
    """Carries out the :data:`EGOCENTRIC` actions, agents in a fresh random order, on live occupancy.

    So a contested cell goes to a uniformly random claimant, following into a cell that is being left succeeds about
    half of the time, and two agents never swap.
    """
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if w.out[i] == 0 and w.frozen[i] <= 0:
            act(w, i)


@rule
def act(w, i):
    """Carries out the :data:`EGOCENTRIC` action of agent ``i``; it must be on the grid and free to move."""
    direction = course(w, i)
    if direction >= 0:
        step(w, i, direction)
    else:
        rotate(w, i)


@rule
def enters(w, i, kind):
    """Returns whether agent ``i`` walks by its :data:`EGOCENTRIC` action onto something in the layer of ``kind``.

    For ground that stops some agents only, whom a world then does not let :func:`act`.
    """
    way = course(w, i)
    if way < 0:
        return False
    row, col = ahead(w, i, way)
    return inside(w, row, col) and w.grid[row, col, w.layer[kind]] != 0


@rule
def heading(action):
    """Returns the map direction of an :data:`ABSOLUTE` action: up, down, left, right."""
    return (0, 2, 3, 1)[action]


@rule
def move_on_map(w):
    """Carries out the actions :data:`ABSOLUTE`, then turn_left and turn_right; agents in a fresh random order.

    Walking leaves the facing as it is, which directs the view and the beams.
    """
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if w.out[i] != 0 or w.frozen[i] > 0:
            continue
        action = w.action[i]
        if action < ROTATING:
            step(w, i, heading(action))
        elif action == ROTATING:
            turn(w, i, (w.facing[i] + 3) & 3)
        elif action == ROTATING + 1:
            turn(w, i, (w.facing[i] + 1) & 3)


@rule
def scatter(w):
    """Puts every agent on a site of ``spawns`` drawn without replacement, with a random facing."""
    for i in range(w.n_agents):
        spawn_at(w, i, w.spawns)


@rule
def spawn_at(w, i, cells):
    """Puts agent ``i`` on a uniformly random free cell of a site, with a random facing; False if none is free."""
    k = pick_free(w, cells)
    if k < 0:
        return False
    w.facing[i] = draw.below(w, 4)
    w.out[i] = 0
    place(w, i, cells[k, 0], cells[k, 1])
    return True


@rule
def resite(w, i, cells):
    """Moves agent ``i`` to a uniformly random free cell of a site, with a random facing; it stays if none is free."""
    row, col = w.pos[i, 0], w.pos[i, 1]
    lift(w, i)
    if not spawn_at(w, i, cells):
        place(w, i, row, col)


@rule
def remove(w, i, steps):
    """Takes agent ``i`` off the grid for ``steps`` steps, or for good with :data:`GONE`.

    Removed in step t with :func:`respawn` later in the same step, it is back at the end of step t + steps, so
    ``steps`` observations miss it.
    """
    lift(w, i)
    w.out[i] = steps + 1 if steps >= 0 else steps


@rule
def send_off(w, marks, steps):
    """Takes every marked agent out for ``steps`` steps (0: to a random spawn at once) and wipes the marks.

    Called after all beams, so that mutual zaps both land. The step itself does not count as one of a time out: with
    :func:`respawn` later in it, ``steps + 1`` observations miss who is out. ``marks`` is state of the world's own,
    ``int[agent]``. Source: Melting Pot 2.
    """
    for i in range(w.n_agents):
        if marks[i] != 0:
            marks[i] = 0
            if steps > 0:
                remove(w, i, steps + 1)
            else:
                resite(w, i, w.spawns)


@rule
def send_off_zapped(w):
    """Takes out for ``w.p.zap_timeout`` steps whom :func:`~sorrelsim.rules.beams.zap` marked in ``w.zapped``."""
    send_off(w, w.zapped, w.p.zap_timeout)


@rule
def respawn(w):
    """Counts down the agents that are out; each whose time is over returns to a free cell of ``spawns``, or waits."""
    for i in range(w.n_agents):
        if is_due(w, i):
            spawn_at(w, i, w.spawns)


@rule
def is_due(w, i):
    """Counts down agent ``i`` if it is out; returns whether its time is over, so that it is to come back.

    For worlds of roles, which then call :func:`spawn_at` with the spawns of its role; others use :func:`respawn`.
    """
    if w.out[i] > 1:
        w.out[i] -= 1
        return False
    return w.out[i] == 1


@rule
def thaw(w):
    """Counts down ``w.frozen``."""
    for i in range(w.n_agents):
        if w.frozen[i] > 0:
            w.frozen[i] -= 1


@rule
def unmark(w, kind):
    """Clears the layer of ``kind`` in every agent's cell: for marks that move with agents, before a move."""
    for i in range(w.n_agents):
        if w.out[i] == 0:
            w.grid[w.pos[i, 0], w.pos[i, 1], w.layer[kind]] = 0


@rule
def near(w, i):
    """Returns a uniformly random cell (row, col) of that of agent ``i`` and the four next to it that are not solid."""
    chosen_row, chosen_col = w.pos[i, 0], w.pos[i, 1]
    seen = 1
    for direction in range(4):
        row, col = ahead(w, i, direction)
        if inside(w, row, col) and not is_solid(w, row, col):
            seen += 1
            if draw.below(w, seen) == 0:
                chosen_row, chosen_col = row, col
    return chosen_row, chosen_col


@rule
def has_in_window(w, i, j, forward, back, left, right):
    """Returns whether agent ``j`` stands in a window of so many cells around agent ``i``, turned to its facing."""
    ahead_of, right_of = w.facing[i], (w.facing[i] + 1) & 3
    rows, cols = w.pos[j, 0] - w.pos[i, 0], w.pos[j, 1] - w.pos[i, 1]
    far = rows * row_step(ahead_of) + cols * col_step(ahead_of)
    aside = rows * row_step(right_of) + cols * col_step(right_of)
    return far <= forward and -far <= back and aside <= right and -aside <= left


@rule
def faces_wall(w, i, direction):
    """Returns whether something solid, or the map's edge, keeps agent ``i`` from a step; agents do not count."""
    row, col = ahead(w, i, direction)
    return not inside(w, row, col) or is_solid(w, row, col)


@rule
def walk(w, i):
    """Walks agent ``i`` by its :data:`ABSOLUTE` action; returns whether it moved.

    Walking into a wall pays ``bump_value``, a param; an agent in the way costs nothing.
    """
    direction = heading(w.action[i])
    if step(w, i, direction):
        return True
    if faces_wall(w, i, direction):
        w.reward[i] += w.p.bump_value
    return False


@rule
def walk_all(w):
    """Walks all agents by their :data:`ABSOLUTE` actions, in a fresh random order; other actions move nobody."""
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if w.action[i] < ROTATING and w.out[i] == 0 and w.frozen[i] == 0:
            walk(w, i)


@rule
def n_present(w):
    """Returns how many agents are on the grid."""
    present = 0
    for i in range(w.n_agents):
        if w.out[i] == 0:
            present += 1
    return present
