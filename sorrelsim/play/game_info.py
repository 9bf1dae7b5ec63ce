"""What is told of a game beside its scene, as data: panel, banner, card and summary. Knows nothing of windows.

Whoever shows a :class:`~sorrelsim.play.game.Game` asks for these after every change, and draws them as it can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sorrelsim.play.card_info import CardInfo, card_of
from sorrelsim.play.game import Game
from sorrelsim.play.keys import shown
from sorrelsim.play.panel_info import ActionRow, PanelInfo, absence_of, action_rows, gauges_of, player_rows, title_of
from sorrelsim.play.summary_info import SummaryInfo, summary_of

Printed = Mapping[str, str]
"""What is printed on keys, by their names, where it is something else."""


def panel_of(game: Game, printed: Printed | None = None) -> PanelInfo:
    """Returns what stands beside the scene: turn, scores, what happened, keys."""
    session, world, watched, own = game.session, game.session.world, game.watched, game.options.own
    recorder, summary = session.recorder, session.summary
    players = player_rows(
        world, session.players, session.score if summary is None else summary.returns, session.reward, watched,
        session.humans, over=summary is not None,
    )  # fmt: skip
    return PanelInfo(
        title=title_of(world.name),
        subtitle=_subtitle(game),
        turn=session.turn if summary is None else summary.steps,
        status=_status(game),
        tone="over" if game.over else "pause" if game.paused else "run" if game.running else "wait",
        players=tuple(row for row in players if row.watched or not own),
        gauges=gauges_of({name: world.parts[name][0, watched] for name in world.scalars}),
        events=tuple(
            entry
            for entry in session.log
            if (entry.slot in (-1, watched) or not own) and game.log.passes(entry) and session.tells(entry, watched)
        )[-40:],
        keys=actions_of(game, printed),
        foot=_foot(game, printed),
        recording=f"{recorder.turns}" if recorder is not None else "",
        log=game.log.told,
        head=game.head.info(),
        problem=f"{recorder.problem}. Nothing is lost; make room." if recorder and recorder.problem else "",
    )


def banner_of(game: Game) -> str:
    """Returns what is told for as long as it holds: why whose agent is not there, or cannot move; empty for nobody."""
    world, people = game.session.world, game.session.humans
    if len(people) < 2:
        return absence_of(world, game.watched)
    told = ((slot, absence_of(world, slot)) for slot in people)
    return "   ".join(f"{slot}: {text}" for slot, text in told if text)


def card_of_game(game: Game, foot: str = "Space begins", printed: Printed | None = None) -> CardInfo:
    """Returns what the game is about, which is its legend too; ``foot`` says what to press."""
    session = game.session
    return card_of(session.world, actions_of(game, printed), session.players, session.humans, foot)


def summary_of_game(game: Game) -> SummaryInfo | None:
    """Returns what closes an episode: who earned what, and what to press; None while one is played."""
    session = game.session
    if session.summary is None:
        return None
    only = game.watched if game.options.own else None
    return summary_of(session.summary, session.players, session.humans, words_after(game), only)


def words_after(game: Game) -> tuple[str, str]:
    """Returns what is said after an episode: its heading, and what to press."""
    rounds, played = game.options.episodes, game.session.episode - 1
    if not game.options.locked:
        return "Episode over", "Space goes on"
    if game.last:
        return "The end", "Thank you for playing. Space closes this window."
    told = f"Round {played} of {rounds} is over" if rounds else f"Round {played} is over"
    return told, "Have a break. Space begins the next round."


def actions_of(game: Game, printed: Printed | None = None) -> tuple[ActionRow, ...]:
    """Returns everybody's actions and their keys."""
    session, rows = game.session, list[ActionRow]()
    for place, slot in enumerate(session.humans):
        keys, holding, names = game.inputs.keys[place], game.inputs.holding(place), session.world.action_names
        own = slot if len(session.humans) > 1 else -1
        rows += [replace(row, slot=own) for row in action_rows(names, keys, holding, printed=printed)]
    return tuple(rows)


def _subtitle(game: Game) -> str:
    world, parts = game.session.world, []
    if len(world.maps) > 1 or world.map_name not in world.maps:
        parts.append(world.map_name)
    if world.preset:
        parts.append(world.preset)
    parts += [f"seed {world.seed}", f"episode {game.session.episode - game.over}"]
    if game.view != "map":
        parts.append({"window": "own window", "eyes": "own eyes"}[game.view])
    return "  \u00b7  ".join(parts)


def _status(game: Game) -> str:
    if game.over:
        return "over"
    if game.paused:
        return "paused"
    if game.running:
        return f"{game.pace.speed:g} turns/s"
    people = game.session.humans
    waiting = [people[place] for place in game.inputs.waiting_for()]
    return "your turn" if len(waiting) == len(people) else f"waiting for {', '.join(map(str, waiting))}"


def _foot(game: Game, printed: Printed | None) -> tuple[tuple[str, str], ...]:
    first: dict[str, str] = {}
    for key, use in game.uses.items():
        first.setdefault(use, key)
    wanted = [
        ("pause", "go on" if game.paused else "pause"),
        ("view", "view"),
        ("legend", "legend"),
        ("help", "all keys"),
    ]
    return tuple((shown(first[use], printed), meaning) for use, meaning in wanted if use in first)
