"""Schelling diagrams: who cooperates, payoffs that follow by hand, conditions, and the signs of the known dilemmas."""

import numpy as np
import pytest
from social import SETTINGS, write_good

from sorrelsim.errors import ConfigError
from sorrelsim.experiments.mixtures import stage_of
from sorrelsim.experiments.players import player_of
from sorrelsim.experiments.schelling import Diagram, compositions, default_players, diagram, spans


def of(cooperate, defect, spread=0.0):
    """A diagram whose episodes are so far above and below given means."""
    n = len(cooperate)

    def around(mean):
        return mean + spread * np.array([-1.0, 1.0] * 8)

    # With k cooperators in all, each has k - 1 others and each defector k.
    everybody = [((k * cooperate[k - 1] if k else 0) + ((n - k) * defect[k] if k < n else 0)) / n for k in range(n + 1)]
    curves = (tuple(map(around, curve)) for curve in (cooperate, defect, everybody))
    return Diagram("game", "A", "B", *curves)


def holds(found):
    return [condition.holds for condition in found.conditions]


def test_compositions():
    who = compositions(3, 6, seed=1)
    assert who.shape == (4, 6, 3)
    assert who.sum(2).tolist() == [[k] * 6 for k in range(4)]
    assert who.sum(1).tolist() == [[0] * 3, [2] * 3, [4] * 3, [6] * 3]  # every slot as often as the others
    assert (who[:-1] <= who[1:]).all()  # one more never sends another away
    assert np.array_equal(who, compositions(3, 6, seed=1))


def test_the_public_good(tmp_path, monkeypatch):
    """Each gift brings all 1 and costs its giver 2, over four steps: C(l) = 4 (l + 1 - 2), D(l) = 4 l."""
    monkeypatch.chdir(tmp_path)
    write_good(tmp_path)
    names = default_players("good", None, None)
    assert names == ("good_cooperator", "good_defector")
    found = diagram(stage_of("good", SETTINGS), *map(player_of, names), episodes=4, seed=0)
    assert [curve.tolist() for curve in found.cooperate] == [[-4.0] * 4, [0.0] * 4, [4.0] * 4]
    assert [curve.tolist() for curve in found.defect] == [[0.0] * 4, [4.0] * 4, [8.0] * 4]
    # Together: n gifts bring n to each of 3, less 2 n in all: 4 (3 n - 2 n) / 3 each.
    assert np.allclose([curve.mean() for curve in found.everybody], [0, 4 / 3, 8 / 3, 4])
    assert holds(found) == [True, True, True, True]
    assert found.dilemma is True
    assert found.optimum == [3]
    assert found.tempting == [0, 1, 2]
    assert found.verdict()[-1] == "this is a social dilemma, by fear and greed"
    row = found.rows()[1]
    assert (row["other_cooperators"], row["cooperate"], row["defect"], row["average_low"]) == (
        1,
        0,
        4,
        pytest.approx(4 / 3),
    )


@pytest.mark.parametrize(
    ("cooperate", "defect", "fear", "greed", "dilemma"),
    [
        ([0, 3], [1, 5], True, True, True),  # prisoners' dilemma
        ([0, 4], [2, 2], True, False, True),  # stag hunt
        ([2, 3], [0, 5], False, True, True),  # chicken
        ([2, 4], [1, 3], False, False, False),  # harmony
        ([0, 1], [2, 3], True, True, False),  # mutual cooperation is the worse: deadlock
    ],
)
def test_conditions_of_the_classic_games(cooperate, defect, fear, greed, dilemma):
    found = of(cooperate, defect, spread=0.1)
    assert holds(found)[2:] == [fear, greed]
    assert found.dilemma is dilemma
    assert (found.verdict()[-1].startswith("this is a social dilemma")) == dilemma


def test_what_cannot_be_told_is_said():
    found = of([0, 3], [1, 5], spread=6.0)
    assert holds(found) == [None, None, None, None]
    assert found.dilemma is None
    assert found.verdict()[-1] == "this may or may not be a social dilemma"
    assert "fear: cannot be told" in found.verdict()[2]
    # Fear is certain and greed is not: whether it is a dilemma does not hang on greed.
    assert of([-50, 3], [1, 5], spread=5.0).dilemma is None  # that mutual cooperation is preferred is not known
    assert of([-50, 13], [1, 15], spread=3.0).dilemma is True


def test_the_best_for_all():
    # Nine of ten cooperators is what defectors live off: three players, best with two cooperators.
    found = of([0, 1, 2], [0, 2, 9])
    assert found.optimum == [2]  # (2 x 1 + 9) / 3 > 2
    assert spans([0, 1, 2, 5]) == "0-2, 5"


def test_mistakes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"there is no cooperator for tag, such as agents/tag_cooperator\.py"):
        default_players("tag", None, "random")
    assert default_players("matrix_game", None, "x") == ("matrix_cooperator", "x")
    write_good(tmp_path)
    with pytest.raises(ConfigError, match="has one agent; a dilemma needs two"):
        diagram(stage_of("good", [*SETTINGS, "n_agents=1"]), player_of("random"), player_of("random"), 2)


def test_coins_in_short():
    stage = stage_of("coins", ["coin_probability=0.02", "min_size=5", "max_size=5", "compiled=false"]).lasting(80)
    found = diagram(stage, player_of("coins_cooperator"), player_of("coins_defector"), episodes=8)
    assert holds(found)[:2] == [True, True]
    assert found.dilemma is True


# What is asked of each: mutual cooperation pays, exploitation hurts, fear, greed; None is not asked.
SIGNS = {
    "cleanup": ("cleanup", (), 1000, [True, True, None, True]),
    "harvest": ("harvest", (), 1000, [True, True, True, None]),
    "harvest in the short run": ("harvest", (), 300, [True, True, True, True]),
    "coins": ("coins", (), 1000, [True, True, True, True]),
    "stag hunt": ("matrix_game", ("preset=stag_hunt_arena",), 1000, [True, True, True, False]),
    "prisoners' dilemma": ("matrix_game", ("preset=prisoners_dilemma_arena",), 1000, [True, True, True, True]),
    "chicken": ("matrix_game", ("preset=chicken_arena",), 1000, [True, True, False, True]),
}


@pytest.mark.slow
@pytest.mark.parametrize("game", SIGNS)
def test_signs_of_the_dilemmas(game):
    world, changes, steps, signs = SIGNS[game]
    players = map(player_of, default_players(world, None, None))
    found = diagram(stage_of(world, changes).lasting(steps), *players, episodes=16)
    for condition, sign in zip(found.conditions, signs, strict=True):
        assert sign is None or condition.holds is sign, (game, condition)
    assert found.dilemma is True
