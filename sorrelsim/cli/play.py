"""The commands ``play`` and ``watch``. Imports nothing heavy until one of them runs."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sorrelsim.play.play_window import PlayOptions
    from sorrelsim.recordings import WorldSpec

EXPORTS = (".gif", ".mp4", ".csv", ".parquet")
"""How the files end that a recording is exported to."""

Speed = Annotated[float, typer.Option(min=0.1, max=60, help="Turns a second.")]
Size = Annotated[str | None, typer.Option(help="Size of the window, such as 1280x720.")]
Trust = Annotated[
    bool, typer.Option("--trust", help="Run Python files that a recording or run names; not a stranger's.")
]
FullScreen = Annotated[bool, typer.Option("--full-screen", help="Fill the screen.")]


def play(
    world: Annotated[str, typer.Argument(help="Name or file of a world.")],
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Settings of the world, such as zap_timeout=10."),
    ] = None,
    *,
    slot: Annotated[int, typer.Option(min=0, help="The slot that you play.")] = 0,
    humans: Annotated[str | None, typer.Option(help="Slots that people play at one keyboard, such as 0,1.")] = None,
    others: Annotated[
        str,
        typer.Option(help="Who plays the rest: random, a bot's name, or a run folder; or names with commas between."),
    ] = "random",
    mode: Annotated[str, typer.Option(help="realtime, turns (the world waits), or auto.")] = "auto",
    speed: Speed = 6,
    view: Annotated[
        str, typer.Option(help="map, window (the agent's own), or eyes (the observation as it is).")
    ] = "map",
    own: Annotated[bool, typer.Option("--own", help="Show a person only what their agent observes.")] = False,
    map: Annotated[str | None, typer.Option(help="Name or file of a map.")] = None,
    preset: Annotated[str | None, typer.Option(help="One of the world's presets.")] = None,
    agents: Annotated[int | None, typer.Option(min=1, help="Number of agents.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed; another each time by default.")] = None,
    episodes: Annotated[int, typer.Option(min=0, help="Close after so many episodes; 0 plays on.")] = 0,
    record: Annotated[bool, typer.Option("--record", help="Keep the session in recordings/.")] = False,
    out: Annotated[Path | None, typer.Option(help="Keep the session in this file, or in this folder.")] = None,
    keys: Annotated[Path | None, typer.Option(help="A YAML file with keys of your own.")] = None,
    size: Size = None,
    full_screen: FullScreen = False,
    trust: Trust = False,
    card: Annotated[bool, typer.Option(help="Show what the game is about, and wait until you begin.")] = True,
    practice: Annotated[
        bool, typer.Option("--practice", help="Practise first: walk, turn, each special action, one reward.")
    ] = False,
    sound: Annotated[
        bool, typer.Option("--sound", help="Hear rewards, losses, hits, special actions and ends.")
    ] = False,
    locked: Annotated[
        bool, typer.Option("--locked", help="Nothing but playing: no restart, speed, pause, slot or view.")
    ] = False,
    participant: Annotated[str | None, typer.Option(help="Who plays, kept in the recording.")] = None,
    condition: Annotated[str | None, typer.Option(help="Condition of a study, kept in the recording.")] = None,
    session: Annotated[int | None, typer.Option(min=0, help="Number of the session, kept in the recording.")] = None,
    field: Annotated[
        list[str] | None, typer.Option(metavar="NAME=TEXT", help="A study's own field, such as age=31; any number.")
    ] = None,
    bounds: Annotated[
        bool, typer.Option("--bounds", help="Check every index of the rules; a wrong one is told with its line.")
    ] = False,
) -> None:
    """Play a world in a window, beside bots, trained agents or other people."""
    from sorrelsim.library.find import bare
    from sorrelsim.play.play_window import PlayOptions
    from sorrelsim.recordings import WorldSpec

    people = _slots(humans, slot)
    settings = _settings(changes or [], map=map, preset=preset, n_agents=agents, bounds=bounds or None)
    if Path(others).is_dir():  # trained agents play in the world as they know it, but for what is asked for
        trained_in, known = _world_of(others, trust)
        if bare(trained_in) != bare(world):
            raise ValueError(f"the agents of {others} were trained in {trained_in!r}, not in {world!r}")
        settings = known | settings
    if seed is None:
        import secrets

        seed = secrets.randbelow(1_000_000)
    kept = _recording_path(world, record, out)
    options = PlayOptions(
        mode=mode, speed=speed, view=view, episodes=episodes, size=_size(size), full_screen=full_screen, card=card,
        locked=locked, own=own, sound=sound,
    )  # fmt: skip
    study = _study(participant, condition, session, field or [])
    if study and kept is None:
        given = ", ".join(study)
        raise ValueError(f"what a study says ({given}) is kept in a recording: add --record or --out FILE")
    _play(WorldSpec(world, seed, settings), people, others, options, kept, _keys_file(keys), trust, study, practice)


def watch(
    what: Annotated[str, typer.Argument(metavar="FILE|RUN", help="A recorded session, or a run folder.")],
    *,
    speed: Speed = 6,
    export: Annotated[
        Path | None,
        typer.Option(help="Write a .gif or .mp4, or a table (.csv, .parquet), instead of opening a window."),
    ] = None,
    table: Annotated[str, typer.Option(help="What a row of a table is of: turns or episodes.")] = "turns",
    first: Annotated[int, typer.Option(min=0, help="First turn of the film.")] = 0,
    last: Annotated[int | None, typer.Option(min=0, help="Last turn of the film.")] = None,
    head: Annotated[
        int | None, typer.Option(min=0, metavar="SLOT", help="Show in the film what goes on in the agent of a slot.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world in which a run's agents play.")] = 0,
    record: Annotated[bool, typer.Option("--record", help="Keep what a run's agents do in recordings/.")] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Replay although it was changed, or version, rewards or hashes differ.")
    ] = False,
    size: Size = None,
    full_screen: FullScreen = False,
    trust: Trust = False,
) -> None:
    """Watch a recorded session, turn by turn, or the agents of a run, live."""
    if head is not None and (export is None or export.suffix not in (".gif", ".mp4")):
        raise ValueError("--head is of a film: add --export FILE.gif or FILE.mp4; in the window press H")
    if Path(what).is_dir():
        if export is not None:
            raise ValueError("--export takes a recording; record a run's agents first: sorrelsim watch RUN --record")
        from sorrelsim.cli.watched import watch_live
        from sorrelsim.recordings import WorldSpec

        name, settings = _world_of(what, trust)
        spec = WorldSpec(name, seed, settings)
        watch_live(spec, what, _recording_path(name, record, None), (speed, _size(size), full_screen, trust))
        return
    from sorrelsim.recordings import load_recording

    if export is not None:
        _check_export(export)
    recording = load_recording(what, not unchecked)
    if recording.remark:
        typer.echo(f"{what}: {recording.remark}", err=True)
    if export is None:
        from sorrelsim.play.replay_window import ReplayWindow

        ReplayWindow(recording, not unchecked, speed, _size(size), full_screen, trust).run()
    elif export.suffix in (".csv", ".parquet"):
        recording.save_table(export, not unchecked, trust, table)  # type: ignore[arg-type]
    else:
        from sorrelsim.cli.watched import film

        film(recording, export, speed, (first, last), not unchecked, trust, head)
    if export is not None:
        typer.echo(f"wrote {export}")


def _play(
    spec: WorldSpec,
    people: list[int],
    others: str,
    options: PlayOptions,
    kept: Path | None,
    remapped: dict[str, Any],
    trust: bool,
    study: dict[str, Any] | None = None,
    practise: bool = False,
) -> None:
    """Opens a window on a session.

    Args:
        spec: How the world is made; its seed is the others', too.
        people: The slots that people play.
        others: Who plays the rest, as :func:`sorrelsim.play.opponents.seat_opponents` takes it.
        options: How it is played; the keys are filled in here, and ``auto`` becomes a mode.
        kept: Where the session is recorded, if it is.
        remapped: People's own keys, as :func:`sorrelsim.play.keys.remap` takes them.
        trust: Whether Python files may be run that a run folder brings or points to.
        study: What a study says of the session, kept in the recording.
        practise: Whether people practise first.
    """
    from sorrelsim.cli.watched import tell_kept
    from sorrelsim.errors import unknown
    from sorrelsim.play.base_window import open_display
    from sorrelsim.play.keyboard import KNOWN
    from sorrelsim.play.keys import default_keys, idle_action, remap
    from sorrelsim.play.opponents import partners_of, seat_opponents
    from sorrelsim.play.play_window import PlayWindow
    from sorrelsim.play.practice import Practice
    from sorrelsim.play.scene import VIEWS
    from sorrelsim.play.session import Session
    from sorrelsim.recordings import Recorder

    mode = options.mode
    for what, given, allowed in (("mode", mode, ("auto", "realtime", "turns")), ("view", options.view, VIEWS)):
        if given not in allowed:
            raise ValueError(unknown(what, given, allowed))
    world = spec.make()
    for slot in people:
        if slot >= world.n_agents:
            raise ValueError(f"no slot {slot} in {world.name}; allowed: 0 to {world.n_agents - 1}")
    agents, labels = seat_opponents(world, others, spec.seed, people, trust)
    usual = default_keys(world.action_names, max(1, len(people)))
    keys, window_keys = remap(usual, remapped, world.action_names, KNOWN)
    if mode == "auto":  # where nothing is not an action, a clock would make the person do something
        mode = "turns" if people and idle_action(world.action_names) is None else "realtime"
    options = dataclasses.replace(options, keys=keys if people else [], window_keys=window_keys, mode=mode)
    open_display()  # before the recording is begun: without a window there is nothing to keep
    recorder = None
    if kept is not None:
        shown = ["person" if slot in people else label for slot, label in enumerate(labels)]
        partners = partners_of(agents, others, world.n_agents)
        recorder = Recorder(kept, spec, world, shown, people, study, partners)
    session = Session(world, agents, labels, people, recorder)
    session.ready()
    practice = Practice.of(spec, people, options) if practise and people else None
    window = PlayWindow(session, options, practice)
    try:
        window.run()
    finally:
        tell_kept(recorder)


def _check_export(export: Path) -> None:
    """Checks that a file of this name can be written, before anything is played for it.

    Raises:
        ValueError: If nothing is written that ends like that, or it is a folder.
        OSError: If its folder cannot be made, or written to.
    """
    if export.suffix not in EXPORTS:
        raise ValueError(f"--export {export}: a film ends in .gif or .mp4, a table in .csv or .parquet")
    if export.is_dir():
        raise ValueError(f"--export {export} is a folder; name a file")
    export.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=export.parent):
        pass


def _slots(humans: str | None, slot: int) -> list[int]:
    """Returns the slots that people play."""
    if humans is None:
        return [slot]
    try:
        return [int(part) for part in humans.split(",") if part.strip()]
    except ValueError:
        raise ValueError(f"--humans {humans}: slots are whole numbers with commas between, such as 0,1") from None


def _study(participant: str | None, condition: str | None, session: int | None, fields: list[str]) -> dict[str, Any]:
    """Returns what a study says of a session, as far as anything was said."""
    from sorrelsim.recordings.columns import EPISODES, SESSION, TURNS

    said = {"participant": participant, "condition": condition, "session": session}
    found: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
    own: dict[str, str] = {}
    for each in fields:
        name, equals, text = each.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"--field {each}: write a name and a text, such as age=31")
        if name in own or name in {**SESSION, **TURNS, **EPISODES}:
            what = "is given twice" if name in own else "is a column that tables have already"
            raise ValueError(f"--field {each}: {name} {what}")
        own[name] = text
    return found | ({"fields": own} if own else {})


def _settings(changes: list[str], **given: Any) -> dict[str, Any]:
    from sorrelsim.settings import apply_changes

    settings = {key: value for key, value in given.items() if value is not None}
    return apply_changes(settings, changes, "the world's settings", "zap_timeout=10")


def _world_of(run: str, trust: bool) -> tuple[str, dict[str, Any]]:
    """A run's world and its settings for one copy: where a param has a value for each copy, the first."""
    from sorrelsim.experiments.run import load_run, tell_changes
    from sorrelsim.outside.make import is_outside

    tell_changes(run)
    settings = load_run(run, trust).settings(1)
    if is_outside(name := settings["name"]):
        raise ValueError(
            f"{run} was trained in {name}, which another library draws; a film: sorrelsim eval {run} --gif FILE"
        )
    return settings.pop("name"), settings


def _keys_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    import yaml

    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(f"--keys {path}: {error}") from None
    if not isinstance(given, dict):
        raise ValueError(f"--keys {path}: a mapping of action to key is expected, such as zap: space")
    return given


def _recording_path(world: str, record: bool, out: Path | None) -> Path | None:
    if out is None and not record:
        return None
    if out is None or out.is_dir() or not out.suffix:
        import datetime

        from sorrelsim.library.find import bare

        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        return (out or Path("recordings")) / f"{bare(world)}-{stamp}.jsonl"
    return out


def _size(size: str | None) -> tuple[int, int] | None:
    if size is None:
        return None
    parts = size.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() and 200 <= int(part) <= 16384 for part in parts):
        raise ValueError(f"--size {size}: width and height in pixels, such as 1280x720")
    return int(parts[0]), int(parts[1])
