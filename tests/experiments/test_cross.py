"""Cross-play: a matrix of payoffs that follows by hand."""

import pytest
from social import SETTINGS, write_good

from sorrelsim.errors import ConfigError
from sorrelsim.experiments.cross import cross_play
from sorrelsim.experiments.mixtures import stage_of
from sorrelsim.experiments.players import player_of

NAMES = ("good_cooperator", "good_defector")


@pytest.fixture
def good(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_good(tmp_path)
    return stage_of("good", SETTINGS)


def test_payoffs(good):
    played = cross_play(good, [*map(player_of, NAMES)], NAMES, episodes=4, seed=0)
    # Each gift brings 4 to everybody in four steps, and costs 8: a giver among givers 12 - 8, among takers 4 - 8;
    # a taker among givers 8, among takers nothing.
    assert played.matrix.tolist() == [[4, -4], [8, 0]]
    assert played.others.mean(2).tolist() == [[4, 4], [0, 0]]
    rows = played.rows()
    assert [(row["focal"], row["others"]) for row in rows[:2]] == [(NAMES[0], NAMES[0]), (NAMES[0], NAMES[1])]
    assert (rows[1]["focal_return"], rows[1]["focal_low"], rows[1]["others_return"]) == (-4, -4, 4)


def test_two_focal_players(good):
    played = cross_play(good, [*map(player_of, NAMES)], NAMES, focal=[0, 2], episodes=2, seed=0)
    assert played.matrix.tolist() == [[4, 0], [4, 0]]  # two gifts: 8 - 8; two takers and one gift: 4
    for slots in ([], [0, 1, 2]):
        with pytest.raises(ConfigError, match="must leave slots to the others"):
            cross_play(good, [*map(player_of, NAMES)], NAMES, focal=slots, episodes=2)
