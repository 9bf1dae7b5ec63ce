"""Watching, both ways: agents that play live, what went on in them, and a log that leads to what happened."""

import time

import numpy as np
import pytest

from sorrelsim.agents.learners.ppo import PPO
from sorrelsim.models.agent import Agent
from sorrelsim.models.playing import play_step
from sorrelsim.play.live import Live
from sorrelsim.play.minds import Minds, NotAtHand, minds_of
from sorrelsim.play.opponents import partners_of, seat_opponents
from sorrelsim.play.replay_log import ACTIONS
from sorrelsim.play.session import Session
from sorrelsim.recordings import Recorder, WorldSpec, load_recording, state_hash

pytestmark = pytest.mark.usefixtures("dummy")

MAP = "WWWWWWWWW\nWPHFAP BW\nW PH  P W\nWP B P  W\nWWWWWWWWW"
SPEC = WorldSpec("cleanup", 5, {"map": MAP, "n_agents": 3, "max_steps": 12})


def learner(world):
    return PPO.from_config(world.observations, world.action_names, 0, {"recurrent": "gru", "recurrent_size": 8}, 4)


def live_of(others=None):
    world = SPEC.make()
    if others is None:
        agents, labels = [Agent(world, range(3), learner(world), learn=False)], ["PPO"] * 3
    else:
        agents, labels = seat_opponents(world, others, 1)
    return Live(Session(world, agents, labels), SPEC, "a run")


def window_on(recording, playing=False, **options):
    from sorrelsim.play.replay_window import ReplayWindow

    window = ReplayWindow(recording, size=(1280, 900), **options)
    assert window.playing == isinstance(recording, Live)  # who plays live does so at once
    window.playing = playing
    return window


def recorded(path, others="cleanup_cooperator", turns=40, partners=True):
    """A session of bots, as ``play`` keeps it."""
    world = SPEC.make()
    agents, labels = seat_opponents(world, others, 1)
    told = partners_of(agents, others, 3) if partners else []
    session = Session(world, agents, labels, (), Recorder(path, SPEC, world, labels, [], None, told))
    for turn in range(turns):
        session.step({})
        if turn == 17:
            session.restart()
    session.close()
    return load_recording(path)


def press(window, *names):
    import pygame

    for name in names:
        code = pygame.key.key_code(name)
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code, mod=0, unicode="", scancode=0))
        pygame.event.post(pygame.event.Event(pygame.KEYUP, key=code, mod=0, unicode="", scancode=0))
        window.dirty = True
        window.spin()


def click(window, what, at=None):
    import pygame

    window.show(time.perf_counter())
    found = [rect for rect, kind, value in window.panel._spots if kind == what and at in (None, value)]
    place = found[0].move(window.areas()[1].topleft).center
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=place, button=1))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONUP, pos=place, button=1))
    window.dirty = True
    window.spin()


def test_agents_that_play_live_are_gone_through_both_ways():
    """What is shown of every turn is what it was when it was played, over ends of episodes too."""
    plain, hashes = SPEC.make(), []
    agents = [Agent(plain, range(3), learner(plain), learn=False)]
    hashes.append(state_hash(plain))
    for _ in range(31):
        play_step(plain, agents)
        hashes.append(state_hash(plain))
    window = window_on(live_of())

    def at():
        return window.turn, state_hash(window.replay.world)

    press(window, "right", "right", "right")
    assert at() == (3, hashes[3])
    press(window, "left", "left")
    assert at() == (1, hashes[1])
    assert len(window.recording) == 3
    press(window, "page down", "page down", "page down")  # the agents play on
    assert len(window.recording) == 31
    assert at() == (31, hashes[31])
    press(window, "left")
    assert at() == (30, hashes[30])
    press(window, "home")
    assert at() == (0, hashes[0])
    press(window, "end")
    assert window.turn == 31
    assert window.recording.ends.nonzero()[0].tolist() == [11, 23]
    window.close()


def test_live_playing_goes_on_by_itself_and_stops_where_an_episode_ends():
    window = window_on(live_of("random"), speed=60, playing=True)
    end = time.perf_counter() + 10
    while window.playing and time.perf_counter() < end:
        window.spin()
    assert (window.turn, window.playing) == (12, False)
    assert "The episode is over" in window.message
    assert window.info().players[0].score == pytest.approx(float(window.recording.rewards[:12, 0].sum()))
    press(window, "home", "space")  # what was seen before is played through
    window.pace.turned = 0
    window.spin()
    assert window.turn == 1
    window.close()


def test_what_agents_do_live_is_kept(tmp_path):
    world = SPEC.make()
    agents, labels = seat_opponents(world, "random", 1)
    recorder = Recorder(tmp_path / "a.jsonl", SPEC, world, labels, [])
    window = window_on(Live(Session(world, agents, labels, [], recorder), SPEC, "a run"))
    press(window, "page down", "home")
    window.close()
    kept = load_recording(tmp_path / "a.jsonl")
    np.testing.assert_array_equal(kept.actions, window.recording.actions)
    kept.replay().go(len(kept))


def test_minds_tell_of_any_turn_what_the_model_made_of_it_then():
    live = live_of()
    live.grow(20)
    world = SPEC.make()
    agent = Agent(world, range(3), learner(world), learn=False)
    then = []
    for turn in range(21):  # the same model with the same memory, asked as it goes
        then.append(agent.explain(world, 2).value)
        if turn < 20:
            agent.transition(world)
            for slot in range(3):
                agent.overrule(slot, int(live.actions[turn, slot]))
            world.step(live.actions[None, turn])
            agent.remember(world)
    minds = minds_of(live, live.replay())
    for turn in (20, 3, 17, 16, 0, 12, 20):
        assert minds.explain(turn, 2).value == pytest.approx(then[turn], abs=1e-6)
    live.session.close()


@pytest.mark.parametrize("others", ["random", "cleanup_cooperator", None])
def test_looking_into_heads_changes_nothing_of_what_is_played(others):
    played = []
    for looking in (False, True):
        live = live_of(others)
        minds = minds_of(live, live.replay())
        for turn in range(1, 20):
            live.grow(turn)
            if looking and turn % 3 == 0:
                minds.explain(turn, 1)
                minds.explain(turn // 2, 0)
        played.append(live.actions.tolist())
        live.session.close()
    assert played[0] == played[1]


def test_the_viewer_shows_what_went_on_in_bots_that_are_at_hand(tmp_path):
    window = window_on(recorded(tmp_path / "a.jsonl"))
    press(window, "h")
    assert window.info().head.phrase in ("cleans the river", "goes to eat", "looks about")
    press(window, "end")
    assert window.turn == 40
    click(window, "player", 2)
    assert (window.info().head.slot, window.info().log) == (2, "agent 2")
    goal = window.head.told(40).goal
    assert (window.scene().goal is None) == (goal is None)
    press(window, "h")
    assert window.info().head is None
    window.close()


def test_models_that_are_not_at_hand_are_told_so(tmp_path):
    recording = recorded(tmp_path / "a.jsonl", partners=False)
    window = window_on(recording)
    press(window, "h")
    assert window.info().head.phrase == "cannot tell: the recording does not say who exactly played"
    window.show(time.perf_counter())
    window.close()
    recording.header["partners"] = ["runs/gone-001 PPO weights 0123456789ab"] * 3
    with pytest.raises(NotAtHand, match="the run runs/gone-001 is not at hand"):
        minds_of(recording, recording.replay())
    recording.header["partners"] = ["__main__.Mine"] * 3
    with pytest.raises(NotAtHand, match=r"__main__\.Mine is not at hand"):
        minds_of(recording, recording.replay())


def test_a_click_on_an_event_goes_there(tmp_path):
    window = window_on(recorded(tmp_path / "a.jsonl"))
    press(window, "end", "home")
    events = window.info().events  # all of them are yet to come
    assert (len(events), window.turn) == (window.info().ahead, 0)
    first = events[0]
    click(window, "event", first)
    assert window.turn == first.turn
    assert window.info().events[-window.info().ahead - 1].turn == first.turn  # now it is the newest of what has been
    press(window, "right")
    assert window.turn == first.turn + 1
    click(window, "event", first)
    assert (window.turn, window.playing) == (first.turn, False)
    window.close()


def test_the_viewers_log_is_limited_to_an_agent_or_a_kind(tmp_path):
    window = window_on(recorded(tmp_path / "a.jsonl"))
    press(window, "end")
    everything = window.info().events
    kinds = {entry.kind for entry in everything}
    press(window, "a", "a")
    assert window.info().log == "agent 1"
    assert all(1 in (entry.slot, entry.whom) for entry in window.info().events)
    press(window, "a", "a")
    assert window.info().events == everything
    press(window, "k")
    assert {entry.kind for entry in window.info().events} <= {window.log.kinds[0]}
    assert kinds <= set(window.log.kinds)
    while window.log.kind != ACTIONS:
        click(window, "log")
    names = [name.replace("_", " ") for name in window.recording.header["actions"]]
    did = {entry.slot: entry.text for entry in window.info().events}
    assert did == {slot: names[action] for slot, action in enumerate(window.recording.actions[-1])}
    press(window, "f10")
    assert window.legend
    window.show(time.perf_counter())
    window.close()


def test_minds_wait_until_their_models_are_free():
    live = live_of()
    live.grow(3)
    waited = []
    minds = minds_of(live, live.replay())
    other = Minds(minds.replay, minds.agents, lambda: waited.append(1))
    other.explain(2, 0)
    assert waited == [1]
    live.session.close()


def test_a_film_shows_a_head_below_its_pictures(tmp_path):
    from PIL import Image
    from typer.testing import CliRunner

    from sorrelsim.cli.app import app

    recorded(tmp_path / "a.jsonl", turns=5)
    given = ["watch", str(tmp_path / "a.jsonl"), "--export", str(tmp_path / "a.gif")]
    sizes = []
    for more in ([], ["--head", "1"]):
        assert CliRunner().invoke(app, [*given, *more]).exit_code == 0
        with Image.open(tmp_path / "a.gif") as film:
            sizes.append((film.size, film.n_frames))
    (width, height), frames = sizes[0]
    # A line of 22 pixels, one of 16 for each of nine actions, and 40 for the trace.
    assert sizes[1] == ((width, height + 22 + 9 * 16 + 40), frames)
    wrong = CliRunner().invoke(app, [*given, "--head", "7"])
    assert (wrong.exit_code, str(wrong.exception)) == (1, "--head 7: no such slot; allowed: 0 to 2")
    no_film = CliRunner().invoke(app, [*given[:-1], str(tmp_path / "a.csv"), "--head", "1"])
    assert "--head is of a film" in str(no_film.exception)


def test_bars_of_a_film_are_as_long_as_what_they_stand_for():
    from sorrelsim.pictures.heads import head_strip

    rows = [("left", "50%", 0.5, True), ("right", "0%", 0.0, False)]
    strip = head_strip(400, "1  eats", rows, [0.0, 1.0], 2, (1, 2, 3))
    assert strip.shape == (22 + 2 * 16 + 40, 400, 3)
    # Tracks lie from 30 to 76 hundredths of 400 pixels, 120 to 304; half of it is 92 pixels, both ends drawn.
    lit = (strip[30] == (86, 180, 233)).all(1)
    assert lit.nonzero()[0][[0, -1]].tolist() == [120, 212]
    assert not (strip[46] == (86, 180, 233)).all(1).any()
