"""What each line of a recording may say: every key with its type and range, checked before anything is made of it.

``read`` asks it line by line; what a file holds may come from anybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from sorrelsim.errors import unknown
from sorrelsim.recordings.spec import FORMAT, VERSION, RecordingError

LONGEST = 4 * 2**20
"""Bytes that a line may have."""
LARGEST_MAP = 2**18
"""Letters that the map of a recording may have."""
MOST_AGENTS = 32_767
"""What an array of occupants can tell apart."""

Check = Callable[[Any], bool]


def _whole(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300


def _text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _hash(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{16}", value) is not None


def _list(each: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(each, value))


def _names(value: Any) -> bool:
    return bool(value) and _list(_text)(value) and len(set(value)) == len(value)


def _times(value: Any) -> bool:
    return isinstance(value, dict) and all(re.fullmatch("[0-9]{1,5}", key) and _finite(at) for key, at in value.items())


def _stream(value: Any) -> bool:
    """A random stream: its state, and its gamma, which is odd."""
    return _list(_whole(0, 2**64 - 1))(value) and len(value) == 2 and value[1] % 2 == 1


HEADER: dict[str, tuple[str, Check]] = {
    "format": (repr(FORMAT), lambda value: value == FORMAT),
    "version": (f"1 to {VERSION}", _whole(1, VERSION)),
    "world": ("a name or a file", lambda value: _text(value) and value != ""),
    "world_version": ("a whole number", _whole(0, 2**63)),
    "world_hash": ("hexadecimal digits", _text),
    "seed": ("a whole number from 0", _whole(0, 2**128)),
    "settings": ("a mapping of settings", lambda value: isinstance(value, dict)),
    "actions": ("names, each once", _names),
    "n_agents": (f"a whole number from 1 to {MOST_AGENTS}", _whole(1, MOST_AGENTS)),
    "players": ("a label for each slot", _list(_text)),
    "humans": ("slots, each once", _list(_whole(0, MOST_AGENTS - 1))),
    "state_hash": ("sixteen hexadecimal digits", _hash),
}
"""What a header must hold: by key, what is allowed."""
MORE: dict[str, tuple[str, Check]] = {
    "sorrelsim": ("a version", _text),
    "started": ("a time", _text),
    "map": ("a name", lambda value: value is None or _text(value)),
    "params": ("a mapping of params", lambda value: isinstance(value, dict)),
    "study": ("participant, condition, session and fields", lambda value: _study(value)),
    "partners": ("a text for each slot", _list(_text)),
}
"""What it may hold besides."""
STUDY = ("participant", "condition", "session", "fields")
"""What a study may say of a session: texts, the number of the session, and fields of its own, texts by name."""


def _study(value: Any) -> bool:
    if not isinstance(value, dict) or not set(value) <= set(STUDY):
        return False
    fields = value.get("fields", {})
    texts = [each for key, each in value.items() if key in ("participant", "condition")]
    sound = isinstance(fields, dict) and all(map(_text, [*texts, *fields, *fields.values()]))
    return sound and ("session" not in value or _whole(0, 2**31)(value["session"]))


LINES: dict[str, dict[str, tuple[bool, str, Check]]] = {
    "t": {
        "t": (True, "the number of a turn", _whole(1, 2**53)),
        "ms": (True, "milliseconds", _finite),
        "a": (True, "an action for each slot", _list(_whole(0, 2**31))),
        "r": (True, "a reward for each slot", _list(lambda value: type(value) is float or _finite(value))),
        "k": (False, "milliseconds by slot", _times),
        "s": (False, "milliseconds", _finite),
        "held": (False, "slots", _list(_whole(0, MOST_AGENTS - 1))),
        "end": (False, "true", lambda value: value is True),
        "h": (False, "sixteen hexadecimal digits", _hash),
    },
    "key": {
        "key": (True, "a key's name", _text),
        "down": (True, "true or false", lambda value: isinstance(value, bool)),
        "ms": (True, "milliseconds", _finite),
        "slot": (False, "a slot", _whole(0, MOST_AGENTS - 1)),
        "action": (False, "an action's name", lambda value: value is None or _text(value)),
    },
    "reset": {
        "reset": (True, "true", lambda value: value is True),
        "ms": (True, "milliseconds", _finite),
        "rng": (False, "a random stream", _stream),
    },
    "person": {
        "person": (True, "a person's number", _whole(0, MOST_AGENTS - 1)),
        "slot": (True, "a slot", _whole(0, MOST_AGENTS - 1)),
        "left": (True, "a slot", _whole(0, MOST_AGENTS - 1)),
        "player": (True, "a label", _text),
        "ms": (True, "milliseconds", _finite),
    },
    "note": {"note": (True, "a text", _text), "ms": (True, "milliseconds", _finite)},
    "closed": {
        "closed": (True, "true", lambda value: value is True),
        "turns": (True, "a whole number from 0", _whole(0, 2**53)),
        "hash": (True, "32 hexadecimal digits", _text),
    },
}
"""What a line may hold, by its first key: whether it must, and what is allowed."""


def parse(text: bytes) -> dict[str, Any]:
    """Returns a line as a mapping.

    Raises:
        ValueError: If it is too long, or no JSON object.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it has {len(text):,} bytes; a line has at most {LONGEST:,}")
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    if not isinstance(found, dict):
        raise ValueError(f"a mapping was expected, not {_shown(found)}")
    return found


def check_header(header: Mapping[str, Any]) -> None:
    """Checks a header.

    Raises:
        RecordingError: If it lacks a key, or a value is not allowed. The key is named.
    """
    missing = sorted(set(HEADER) - set(header))
    if missing:
        raise RecordingError(f"the header lacks {', '.join(missing)}")
    known = HEADER | MORE
    for key, value in header.items():
        if key not in known:
            raise RecordingError(unknown("key of a header", key, known))
        allowed, check = known[key]
        if not check(value):
            raise RecordingError(f"{key} is {allowed}, not {_shown(value)}")
    n, settings = header["n_agents"], header["settings"]
    if len(header["players"]) != n:
        raise RecordingError(f"players is a label for each of {n} slots, not {_shown(header['players'])}")
    if len(set(header["humans"])) != len(header["humans"]) or not all(slot < n for slot in header["humans"]):
        raise RecordingError(f"humans is slots from 0 to {n - 1}, each once, not {_shown(header['humans'])}")
    if isinstance(settings.get("map"), str) and len(settings["map"]) > LARGEST_MAP:
        raise RecordingError(f"the map has {len(settings['map']):,} letters; at most {LARGEST_MAP:,} are read")
    for key in ("n_worlds", "seed", "name"):
        if key in settings:
            raise RecordingError(f"settings hold {key!r}, which is none: a recording is of one copy")


def kind_of(line: Mapping[str, Any], n_agents: int, n_actions: int) -> str:
    """Checks a line; returns what it is by its first key.

    Raises:
        ValueError: If it is no line of a recording, or a value is not allowed. The key is named.
    """
    kind = next((key for key in LINES if key in line), None)
    if kind is None:
        raise ValueError(unknown("kind of line", next(iter(line), ""), LINES))
    known = LINES[kind]
    for key, (needed, allowed, check) in known.items():
        if key not in line:
            if needed:
                raise ValueError(f"{key} is missing")
        elif not check(line[key]):
            raise ValueError(f"{key} is {allowed}, not {_shown(line[key])}")
    for key in line:
        if key not in known:
            raise ValueError(unknown("key", key, known))
    if kind == "t":
        for key, what in (("a", "actions"), ("r", "rewards")):
            if len(line[key]) != n_agents:
                raise ValueError(f"{len(line[key])} {what} for {n_agents} agents")
        for action in line["a"]:
            if action >= n_actions:
                raise ValueError(f"an action that the world does not have: {action}; allowed: 0 to {n_actions - 1}")
        for slot in line.get("k", ()):
            if int(slot) >= n_agents:
                raise ValueError(f"a key for slot {slot}; allowed: 0 to {n_agents - 1}")
        if any(slot >= n_agents for slot in line.get("held", ())):
            raise ValueError(f"held for slots {line['held']}; allowed: 0 to {n_agents - 1}")
    return kind


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, list | dict) else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
