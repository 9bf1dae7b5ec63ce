"""Which key does what: sensible keys for any world's actions, several people at one keyboard, and how to remap them.

What is decided here goes to :mod:`sorrelsim.play.inputs`, which turns pressed keys into actions, and to the panel,
which shows them.

Keys go by the names that SDL gives those of a US keyboard: ``w``, ``space``, ``left``, ``return``, ``right shift``,
``f1``, ``[4]`` (on the keypad); see :mod:`sorrelsim.play.keyboard`. Nothing here needs pygame.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sorrelsim.errors import unknown

IDLE_NAMES = ("noop", "stay", "wait", "none", "idle", "nothing", "no_op")
"""Names of the action that is taken when nobody presses a key."""


@dataclass(frozen=True)
class KeySet:
    """The keys of one person: for each of these uses the first free key is taken, and all the free ones work."""

    up: tuple[str, ...]
    down: tuple[str, ...]
    left: tuple[str, ...]
    right: tuple[str, ...]
    turn_left: tuple[str, ...]
    turn_right: tuple[str, ...]
    idle: tuple[str, ...]
    specials: tuple[str, ...]
    numbers: tuple[str, ...]


LEFT_HAND = KeySet(
    ("w",), ("s",), ("a",), ("d",), ("q",), ("e",), ("x",), ("space", "f", "c", "v", "g", "z"), tuple("12345")
)
RIGHT_HAND = KeySet(
    ("up",), ("down",), (",",), (".",), ("left",), ("right",), ("/",),
    ("return", "right shift", "right ctrl", "'", ";", "\\"), tuple("67890"),
)  # fmt: skip
MIDDLE = KeySet(("i",), ("k",), ("j",), ("l",), ("u",), ("o",), ("m",), ("h", "y", "b", "t", "n"), ())
KEYPAD = KeySet(
    ("[8]",), ("[5]",), ("[4]",), ("[6]",), ("[7]",), ("[9]",), ("[.]",), ("[0]", "[1]", "[3]", "[2]", "[+]", "[-]"), ()
)
MORE_SPECIALS = "rtyuhjnbmkiol"
"""Further keys of one person alone, for worlds with more specials than those keys and the number row serve."""
SETS = (LEFT_HAND, RIGHT_HAND, MIDDLE, KEYPAD)

WINDOW_KEYS: dict[str, tuple[str, ...]] = {
    "pause": ("p", "pause"),
    "step": ("f3",),
    "restart": ("f2",),
    "slower": ("f4", "["),
    "faster": ("f5", "]"),
    "mode": ("f8",),
    "view": ("tab",),
    "slot": ("f6",),
    "zoom in": ("=", "[+]"),
    "zoom out": ("-", "[-]"),
    "labels": ("f7",),
    "screenshot": ("f9",),
    "full screen": ("f11",),
    "legend": ("f10",),
    "heads": ("f12",),
    "log agent": ("page up",),
    "log kind": ("page down",),
    "help": ("f1",),
    "quit": ("escape",),
}
"""What the window itself listens to, in the order of its help. A key that chooses an action is never one of these."""

LOCKED = ("zoom in", "zoom out", "full screen", "quit")
"""What a locked window listens to: nothing of it changes the game, or what is seen of it."""

MEANINGS = {
    "pause": "pause and go on", "step": "one turn", "restart": "start the episode anew", "slower": "slower",
    "faster": "faster", "mode": "real time, or the world waits", "view": "map, own window, own eyes",
    "slot": "another slot", "zoom in": "zoom in (or the wheel)", "zoom out": "zoom out",
    "labels": "numbers on the agents", "screenshot": "keep a picture", "full screen": "full screen",
    "legend": "what everything is", "heads": "what goes on in an agent", "log agent": "events of one agent (or click)",
    "log kind": "events of one kind (or click)", "help": "this", "quit": "leave",
}  # fmt: skip
"""What these uses are called in the help."""


def idle_action(actions: Sequence[str]) -> int | None:
    """Returns the action that stands for doing nothing, if the world has one."""
    return next((k for k, name in enumerate(actions) if name in IDLE_NAMES), None)


def _uses(actions: Sequence[str]) -> dict[str, list[str]]:
    """Returns for each action the uses of a key set that it claims, best first."""
    absolute = "up" in actions
    named = {
        "forward": ["up"], "up": ["up"], "north": ["up"], "backward": ["down"], "down": ["down"], "south": ["down"],
        "step_left": ["left"], "step_right": ["right"], "left": ["left"], "west": ["left"], "right": ["right"],
        "east": ["right"], "turn_left": ["turn_left"], "turn_right": ["turn_right"],
    }  # fmt: skip
    if not absolute and "step_left" not in actions and "left" not in actions:
        named |= {"turn_left": ["turn_left", "left"], "turn_right": ["turn_right", "right"]}
    return {name: named.get(name, []) for name in actions}


def default_keys(actions: Sequence[str], people: int = 1) -> list[dict[str, int]]:
    """Returns the keys of each person: key name to action.

    One person alone has both hands: WASD and the arrows. Two have one set each: WASD with Q, E and space, and the
    arrows with return; the third has IJKL, the fourth the keypad.

    Args:
        actions: The world's actions.
        people: How many play.

    Raises:
        ValueError: If there are more people than key sets.
    """
    if people > len(SETS):
        raise ValueError(f"{people} people at one keyboard; there are keys for {len(SETS)}")
    everybody = [_set_keys(actions, SETS[person]) for person in range(people)]
    if people == 1:
        arrows = {
            key: action
            for key, action in _set_keys(actions, RIGHT_HAND).items()
            if key in ("up", "down", "left", "right")
        }
        everybody[0] = arrows | everybody[0]
        specials = specials_of(actions)
        for k, key in enumerate("6789"):  # the number row goes on for worlds with many specials
            if k + 5 < len(specials):
                everybody[0].setdefault(key, specials[k + 5])
        free = (key for key in MORE_SPECIALS if key not in everybody[0])
        everybody[0].update(zip(free, [k for k in specials if k not in everybody[0].values()], strict=False))
    return everybody


def moves_of(actions: Sequence[str]) -> list[int]:
    """Returns the actions that walk."""
    return [k for k, (name, uses) in enumerate(_uses(actions).items()) if uses and not name.startswith("turn_")]


def rotations_of(actions: Sequence[str]) -> list[int]:
    """Returns the actions that rotate an agent where it stands."""
    return [k for k, name in enumerate(actions) if name in ("turn_left", "turn_right")]


def specials_of(actions: Sequence[str]) -> list[int]:
    """Returns the actions that are neither moves nor doing nothing."""
    uses, idle = _uses(actions), idle_action(actions)
    return [k for k, name in enumerate(actions) if not uses[name] and k != idle]


def _set_keys(actions: Sequence[str], keys: KeySet) -> dict[str, int]:
    uses, idle = _uses(actions), idle_action(actions)
    turning = any("turn_left" in claimed for claimed in uses.values())
    bound: dict[str, int] = {}
    for k, name in enumerate(actions):
        for use in uses[name]:
            bound.update(dict.fromkeys(getattr(keys, use), k))
    if not turning:
        # Without turning, the keys for it move (arrows) or are free for specials (Q and E).
        for name, use in (("left", "turn_left"), ("right", "turn_right")):
            claimed = [k for k, action in enumerate(actions) if name in uses[action]]
            if keys is RIGHT_HAND and claimed:
                bound.update(dict.fromkeys(getattr(keys, use), claimed[0]))
    if idle is not None:
        bound.update(dict.fromkeys(keys.idle, idle))
    spare = list(keys.specials)
    if not turning and keys is not RIGHT_HAND:
        spare[1:1] = [*keys.turn_right, *keys.turn_left]
    for place, k in enumerate(specials_of(actions)):
        if place < len(keys.numbers):
            bound[keys.numbers[place]] = k
        if spare:
            bound[spare.pop(0)] = k
    return bound


def remap(
    keys: list[dict[str, int]], given: Mapping[str, Any], actions: Sequence[str], known: Collection[str] = ()
) -> tuple[list[dict[str, int]], dict[str, tuple[str, ...]]]:
    """Lays people's own choice of keys over the defaults.

    Args:
        keys: From :func:`default_keys`.
        given: ``players``: a list of action name to key or keys, one entry per person; or, for one person, action names
            at the top. ``window``: what the window does to key or keys, as in :data:`WINDOW_KEYS`.
        actions: The world's actions.
        known: Names of all keys that there are; where it is empty, any name will do.

    Returns:
        The keys of each person, and of the window.

    Raises:
        ValueError: On an unknown action, use or key, or a key that is given twice.
    """
    people = given.get("players", [{k: v for k, v in given.items() if k not in ("players", "window")}])
    if not isinstance(people, list) or not all(isinstance(person, Mapping) for person in people):
        raise ValueError("keys: 'players' is a list, one mapping of action to keys for each person")
    if len(people) > len(keys):
        raise ValueError(f"keys for {len(people)} people, but {len(keys)} play")
    everybody = [dict(person) for person in keys]
    chosen: dict[str, str] = {}
    for place, person in enumerate(people):
        for name, wanted in person.items():
            if name not in actions:
                raise ValueError(unknown("action", name, actions, "keys"))
            action = list(actions).index(name)
            for key in keys_of(everybody[place], action):
                del everybody[place][key]
            for key in _names(wanted, known):
                if key in chosen:
                    raise ValueError(f"keys: {key!r} is given to {chosen[key]} and to {name}")
                chosen[key] = name
                for other in everybody:
                    other.pop(key, None)
                everybody[place][key] = action
    window = dict(WINDOW_KEYS)
    for use, wanted in given.get("window", {}).items():
        if use not in window:
            raise ValueError(unknown("use of a window key", use, window, "keys"))
        window[use] = _names(wanted, known)
    return everybody, window


def _names(wanted: Any, known: Collection[str]) -> tuple[str, ...]:
    names = tuple(str(name).lower() for name in (wanted if isinstance(wanted, list | tuple) else [wanted]))
    for name in names:
        if known and name not in known:
            raise ValueError(unknown("key", name, known, "keys"))
    return names


def uses_of(keys: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Returns key to use, from the keys of each use as in :data:`WINDOW_KEYS`."""
    return {key: use for use, several in keys.items() for key in several}


def keys_of(bound: Mapping[str, int], action: int) -> tuple[str, ...]:
    """Returns the keys that choose an action: letters before arrows before digits."""
    keys = [key for key, chosen in bound.items() if chosen == action]
    return tuple(sorted(keys, key=lambda key: (key.isdigit(), len(key) > 1 and key != "space")))


def shown(key: str, printed: Mapping[str, str] | None = None) -> str:
    """Returns a key as it is drawn on a key cap; ``printed`` says where a keyboard has other marks than a US one."""
    key = (printed or {}).get(key, key)
    marks = {
        "up": "\u2191", "down": "\u2193", "left": "\u2190", "right": "\u2192", "return": "Enter", "escape": "Esc",
        "right shift": "R Shift", "right ctrl": "R Ctrl", "=": "+",
    }  # fmt: skip
    if key.startswith("[") and len(key) == 3:
        return f"Pad {key[1]}"
    return marks.get(key, key.upper() if len(key) <= 2 or key[1:].isdigit() else key.capitalize())
