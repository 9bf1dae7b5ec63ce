"""What ``sorrelsim watch RUN`` does: a window on the agents of a run, who play on while they are watched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sorrelsim.recordings import Recorder, Recording, WorldSpec


def watch_live(
    spec: WorldSpec, run: str, kept: Path | None, shown: tuple[float, tuple[int, int] | None, bool, bool]
) -> None:
    """Opens a window on the agents of a run, who play as long as it goes on.

    Args:
        spec: How the world is made.
        run: The run's folder.
        kept: Where what they do is recorded, if it is.
        shown: Speed, size and full screen of the window, and whether Python files of the run may be run.
    """
    from sorrelsim.play.base_window import open_display
    from sorrelsim.play.live import Live
    from sorrelsim.play.opponents import partners_of, seat_opponents
    from sorrelsim.play.replay_window import ReplayWindow
    from sorrelsim.play.session import Session
    from sorrelsim.recordings import Recorder

    speed, size, full_screen, trust = shown
    world = spec.make()
    agents, labels = seat_opponents(world, run, spec.seed, [], trust)
    open_display()  # before the recording is begun: without a window there is nothing to keep
    recorder = None
    if kept is not None:
        recorder = Recorder(kept, spec, world, labels, [], None, partners_of(agents, run, world.n_agents))
    live = Live(Session(world, agents, labels, [], recorder), spec, run)
    try:
        ReplayWindow(live, True, speed, size, full_screen, trust).run()
    finally:
        tell_kept(recorder)


def tell_kept(recorder: Recorder | None) -> None:
    """Says where a session is kept, if it is."""
    if recorder is not None:
        typer.echo(f"kept {recorder.turns} turns in {recorder.path}; see them with: sorrelsim watch {recorder.path}")


def film(
    recording: Recording, path: Path, speed: float, turns: tuple[int, int | None], check: bool, trust: bool,
    head: int | None,
) -> None:  # fmt: skip
    """Writes a film of a recording.

    Args:
        recording: The recording.
        path: The file.
        speed: Turns a second.
        turns: The first turn, and the last or None.
        check: Whether to compare what is played over.
        trust: Whether Python files may be run that it names.
        head: The slot whose agent's head is shown below; None for nobody's.

    Raises:
        ValueError: If there is no such slot, or its model is not at hand.
    """
    from sorrelsim.play.replay_head import ReplayHead
    from sorrelsim.recordings.film import save_film

    below = None
    if head is not None:
        if head >= recording.header["n_agents"]:
            raise ValueError(f"--head {head}: no such slot; allowed: 0 to {recording.header['n_agents'] - 1}")
        shown = ReplayHead(recording, trust)
        shown.shown, shown.slot, below = True, head, shown.strip
    save_film(recording, path, speed, *turns, check=check, trust=trust, below=below)
