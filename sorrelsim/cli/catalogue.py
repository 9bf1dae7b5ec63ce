"""The command ``list``: everything that there is, by name, in a line or a few."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import typer

from sorrelsim.errors import unknown
from sorrelsim.library.catalogue import Entry, entries, scenarios, transforms

TITLES = {
    "worlds": "Worlds", "learners": "Learners", "players": "Scripted players", "others": "Other models",
    "rewards": "Reward transforms", "scenarios": "Scenarios, for sorrelsim eval RUN --scenarios",
}  # fmt: skip
"""The parts of the list, and how each is headed."""
_COLOURS = {"worlds": "cyan", "rewards": "yellow", "scenarios": "magenta"}


def print_catalogue(what: str | None = None) -> None:
    """Prints all of the list, or one part of it.

    Raises:
        ValueError: If there is no such part.
    """
    if what is not None and what not in TITLES:
        raise ValueError(unknown("part of the list", what, TITLES))
    parts = {part: found for part, found in _parts().items() if found and what in (None, part)}
    width = min(shutil.get_terminal_size((110, 24)).columns, 160)
    names = [entry.name for part, found in parts.items() if part != "scenarios" for entry in found]
    column = max((len(name) for name in names), default=16) + 2
    for number, (part, found) in enumerate(parts.items()):
        typer.secho(("\n" if number else "") + TITLES[part], bold=True)
        for entry in found:
            name = typer.style(f"  {entry.name:<{column}}", fg=_COLOURS.get(part, "green"))
            lines = [entry.summary, *(_facts(entry) if part == "worlds" else ())]
            if part == "scenarios":  # whose names are longer than the column
                typer.echo(name)
            else:
                typer.echo(name + shorten(lines.pop(0), width - column - 2))
            for line in lines:
                typer.secho(" " * (column + 2) + shorten(line, width - column - 2), dim=True)
    typer.secho("\nsorrelsim show NAME tells more of one.", dim=True)


def _parts() -> dict[str, Sequence[Entry]]:
    """Returns the entries of each part: models by the folder in which they lie."""
    models: dict[str, list[Entry]] = {"learners": [], "players": [], "others": []}
    for entry in entries("agents"):
        models[{"learners": "learners", "bots": "players"}.get(entry.path.parent.name, "others")].append(entry)
    return {"worlds": entries("worlds"), **models, "rewards": transforms(), "scenarios": scenarios()}


def _facts(entry: Entry) -> list[str]:
    """Returns agents, actions and presets of a world, and the actions by name."""
    actions, agents = entry.attributes.get("actions", ()), entry.attributes.get("n_agents", 1)
    facts = f"{agents} agent{'s' if agents != 1 else ''}" + (f", {len(actions)} actions" if actions else "")
    if presets := entry.attributes.get("presets", ()):
        facts += f", presets {', '.join(presets)}"
    return [facts, *([" ".join(actions)] if actions else [])]


def shorten(text: str, width: int) -> str:
    """Returns a text of at most so many letters, its end left out."""
    return text if len(text) <= width else text[: max(0, width - 3)].rstrip(" ,;:") + "..."
