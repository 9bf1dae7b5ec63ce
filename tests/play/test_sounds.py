"""Sounds: what is heard of a turn, how it is made, and that nothing depends on there being a device."""

import numpy as np
import pytest

from sorrelsim.play.session import EpisodeSummary, LogEntry, Session
from sorrelsim.play.sounds import LOUDNESS, RATE, TONES, Sounds, heard, wave

pytestmark = pytest.mark.usefixtures("dummy")


@pytest.mark.parametrize("kind", TONES)
def test_a_sound_is_as_long_as_its_tones_and_as_loud_as_all(kind):
    samples = wave(kind)
    seconds = sum(each for _, each in TONES[kind])
    assert samples.dtype == np.int16
    assert len(samples) == pytest.approx(RATE * seconds, abs=len(TONES[kind]))
    assert (samples[:, 0] == samples[:, 1]).all()
    assert np.abs(samples.astype(int)).max() == round(LOUDNESS * 32767)
    assert abs(int(samples[0, 0])) < 300  # it swells: no click
    np.testing.assert_array_equal(samples, wave(kind))


def test_the_special_action_is_a_tone_of_520_hz():
    samples = wave("special")[:, 0].astype(float)
    loudest = np.abs(np.fft.rfft(samples, RATE)).argmax()  # padded to a second: one bin is one Hz
    assert loudest == pytest.approx(520, abs=12)


@pytest.fixture
def session():
    from sorrelsim.play.opponents import seat_opponents
    from sorrelsim.recordings import WorldSpec

    world = WorldSpec("cleanup", 5, {"map": "WWWWW\nWPHPW\nWFPAW\nWWWWW", "n_agents": 3}).make()
    made = Session(world, seat_opponents(world, "random")[0], ["person"] * 3, [0, 2])
    yield made
    made.close()


def test_what_is_heard_is_what_happens_to_people(session):
    assert heard(session) == []
    zap, forward = session.world.action_names.index("zap"), session.world.action_names.index("forward")
    session.actions[:] = (forward, zap, forward)
    session.reward[:] = (0.0, -1.0, 0.0)
    session.log.append(LogEntry(0, 0, "zapped", 1))
    assert heard(session) == []  # all of it concerns slot 1, which nobody plays
    session.actions[0] = zap
    session.log.append(LogEntry(0, 1, "zapped", 2))
    session.reward[:] = (-1.0, 0.0, 2.0)
    assert heard(session) == ["special", "hit", "reward", "loss"]
    session.summary = EpisodeSummary(np.zeros(3), 7)
    assert heard(session) == ["special", "reward", "loss", "end"]  # what was logged is of another turn


@pytest.mark.parametrize(("driver", "there"), [("dummy", True), ("no-such-driver", False)])
def test_a_game_goes_on_with_or_without_a_device(monkeypatch, driver, there):
    from test_window import open_window, press

    monkeypatch.setenv("SDL_AUDIODRIVER", driver)
    window = open_window(mode="turns", sound=True)
    assert bool(window.sounds._sounds) == there
    assert window.message.startswith("No sound: ") != there  # said once
    window.message = ""
    press(window, "space")
    window.spin()
    assert (window.session.turns, window.message) == (1, "")
    window.close()


def test_it_is_quiet_unless_asked_for():
    from test_window import open_window

    window = open_window(mode="turns")
    assert window.sounds is None
    window.close()
    Sounds().close()
