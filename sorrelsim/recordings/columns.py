"""The columns of the tables that a recording becomes, each with its type, unit and meaning; and their codebook."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class Column(NamedTuple):
    """A column: the type of its values, their unit, and what they mean. Empty cells are said where there may be any."""

    type: type
    meaning: str
    unit: str = ""


SESSION = {
    "participant": Column(str, "Who played, as --participant says; empty where nothing was said"),
    "condition": Column(str, "Condition of the study, as --condition says; empty where nothing was said"),
    "session": Column(int, "Number of the session, as --session says; empty where nothing was said"),
    "world": Column(str, "Name or file of the world"),
    "world_version": Column(int, "Version of the world's rules"),
    "seed": Column(int, "Seed of the world"),
    "started": Column(str, "When the recording began, ISO 8601 with time zone"),
}
"""Of the session, the same in every row; a study's own fields, as --field says, come behind them as texts."""

PLAYER = {
    "slot": Column(int, "The agent, from 0"),
    "player": Column(str, "Who played it: person, a bot's name, or a model's"),
    "partner": Column(str, "Exactly who, where nobody did in person: a bot, or run, seat and hash of weights"),
    "human": Column(bool, "Whether a person played it"),
}

TURNS = SESSION | {
    "turn": Column(int, "Turn of the session, from 1"),
    "episode": Column(int, "Episode of the session, from 1; a restart by hand begins one as well"),
    "step": Column(int, "Turn of the episode, from 1"),
    "ms": Column(float, "When the turn was taken, since the session began", "ms"),
    "shown_ms": Column(float, "When the picture before it reached the screen; empty where none did", "ms"),
    **PLAYER,
    "since": Column(int, "First turn in which the player sat there"),
    "action": Column(int, "Index of the action taken"),
    "action_name": Column(str, "Its name"),
    "key_ms": Column(float, "When the key for it went down; empty where none did", "ms"),
    "reaction_ms": Column(
        float, "key_ms less shown_ms; empty where the key went down before the picture, or stayed down", "ms"
    ),
    "held": Column(bool, "Whether the key had been down since an earlier turn"),
    "reward": Column(float, "What the turn paid, in the world's rewards"),
    "row": Column(int, "Row before the turn, from 0 at the top; empty while out"),
    "col": Column(int, "Column before the turn, from 0 at the left; empty while out"),
    "facing": Column(str, "Direction before the turn: north, east, south, west; empty while out"),
    "out": Column(int, "Turns until it is back, before the turn; 0 while there, -1 if never"),
    "events": Column(str, "What the turn brought: name, (slot of the other) where there is one, xN if more than once"),
    "episode_ended": Column(bool, "Whether the turn ended the episode"),
}
"""One row per turn and slot."""

EPISODES = SESSION | {
    "episode": Column(int, "Episode of the session, from 1; a restart by hand begins one as well"),
    "first_turn": Column(int, "Its first turn of the session"),
    "turns": Column(int, "Turns played"),
    "seconds": Column(float, "From its first turn to its last", "s"),
    "ended": Column(bool, "Whether the world ended it; else it was restarted, or the session was over"),
    **PLAYER,
    "return": Column(float, "Sum of rewards"),
    "rank": Column(int, "Place by return, from 1; equal returns share a place"),
    "keys": Column(int, "Turns whose action a key press chose, held keys aside"),
    "reaction_ms": Column(float, "Median of reaction_ms; empty where there is none", "ms"),
}
"""One row per episode and slot; who played is who did in its last turn."""

TABLES = {"turns": TURNS, "episodes": EPISODES}


def columns_of(table: str, header: Mapping[str, Any]) -> dict[str, Column]:
    """Returns the columns of a session's table, those of the study's own fields among them."""
    fields = header.get("study", {}).get("fields", {})
    own = {name: Column(str, "A field of the study, as --field says") for name in fields}
    return {**{name: TABLES[table][name] for name in SESSION}, **own, **TABLES[table]}


def session_facts(header: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of the columns that are the same in every row."""
    study = header.get("study", {})
    known = {name: study.get(name) for name in ("participant", "condition", "session")}
    of_world = {name: header.get(name) for name in ("world", "world_version", "seed", "started")}
    return known | of_world | dict(study.get("fields", {}))


def codebook(table: str, header: Mapping[str, Any]) -> str:
    """Returns what every column means, and of what session the table is, as Markdown."""
    settings = {key: value for key, value in header["settings"].items() if key != "map" or "\n" not in str(value)}
    facts = {
        "world": f"{header['world']}, version {header['world_version']}, file {header['world_hash']}",
        "sorrelsim": header.get("sorrelsim", "unknown"), "seed": header["seed"], "map": header.get("map") or "its own",
        "settings": json.dumps(settings), "params": json.dumps(header.get("params", {})),
        "players": ", ".join(f"{slot} {name}" for slot, name in enumerate(header["players"])),
    }  # fmt: skip
    lines = [f"# Codebook: one row per {'turn' if table == 'turns' else 'episode'} and slot", ""]
    lines += ["| column | type | unit | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{name}` | {column.type.__name__} | {column.unit} | {column.meaning} |"
        for name, column in columns_of(table, header).items()
    ]
    return "\n".join([*lines, "", "## Session", "", *(f"- {name}: {value}" for name, value in facts.items()), ""])
