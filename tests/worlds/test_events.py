"""Every world says what happened in it: what it counts, and of two agents both."""

import numpy as np
import pytest
from boards import act, seat

import sorrelsim
from sorrelsim.library.find import names

CROWD = "WWWWWWWW\nWPPPPPPW\nWPPPPPPW\nWPPPPPPW\nWWWWWWWW\n"
RIVER = "~~~~~~\n~    ~\n~    ~\n~~{{~~\n~~{{~~\n~~;:~~\n~ __ ~\n~ __ ~\n~    ~\n"
CROWDED = {  # small maps on which agents cannot but meet, and what makes that happen often
    "cleanup": {"map": CROWD.replace("WPPPPPPW", "WFFAAPPW", 1), "n_agents": 5, "zap_timeout": 3, "zap_cooldown": 1},
    "harvest": {"map": CROWD.replace("WPPPPPPW", "WAAAPPPW", 1), "n_agents": 5, "zap_timeout": 2},
    "allelopathic_harvest": {"map": CROWD.replace("WPPPPPPW", "W123PPPW", 1), "n_agents": 5, "zap_timeout": 3},
    "mushrooms": {"map": CROWD.replace("P", " ").replace("W      W", "WR B G W", 1), "n_agents": 4, "zap_timeout": 3},
    "territory": {
        "map": CROWD.replace("WPPPPPPW", "WRRRRRRW", 1), "n_agents": 4, "freeze_steps": 2, "mark_steps": 4,
        "zap_cooldown": 9,
    },
    "collaborative_cooking": {"map": "OCOCO\nPP#PP\nO#C#O\nPP#PP\nOCOCO\n", "n_agents": 4},
    "coins": {"map": "WWWWWWW\nW_CCC_W\nWCCCCCW\nW_CCC_W\nWWWWWWW\n", "n_agents": 4, "coin_probability": 0.2},
    "gift": {"map": CROWD.replace("P", "T").replace("TTTTTT", "PPPPTT", 1), "n_agents": 4, "token_probability": 0.2},
    "matrix_game": {
        "map": "WWWWWWWW\nW1PP12PW\nW12PP2PW\nWP12P12W\nWWWWWWWW\n", "n_agents": 4, "freeze_steps": 2, "timeout": 3,
        "resource_health": 1, "regrowth_probability": 0.5, "regrowth_delay": 1,
    },
    "predator_prey": {
        "map": "WWWWWWWW\nWXXPPAaW\nWPPXAPaW\nWXPPPAPW\nWWWWWWWW\n", "n_agents": 8, "n_predators": 3,
        "respawn_steps": 5, "apple_regrowth": 0.1,
    },
    "tag": {"map": CROWD, "n_agents": 4},
    "boat_race": {"map": RIVER, "n_agents": 4},
    "factory_commons": {"map": "WWWWWW\nWaaaaW\nW    W\nWaaaaW\nWWWWWW\n", "n_agents": 4},
    "fruit_market": {
        "map": CROWD.replace("WPPPPPPW", "WAABBPPW", 1), "n_agents": 4, "other_probability": 0.5, "ripening": 2,
    },
    "wolfpack": {"map": CROWD.replace("PPPPPPW\nWPP", "PPPP  W\nW  ", 1), "n_agents": 3},
    "level_based_foraging": {"map": CROWD.replace("PPPPPP", "2P2P2P"), "n_agents": 4, "n_food": 0},
    "iowa": {}, "treasure_hunt": {}, "tmaze": {"length": 1},
    "gathering": {"map": CROWD.replace("WPPPPPPW", "WAAAPPPW", 1), "n_agents": 3, "apple_delay": 2, "tagged_steps": 2},
    "two_keys": {},
    "paintball": {
        "map": "WWWWWWWW\nWPQPQPQW\nWPFQGPQW\nWQPQPQPW\nWWWWWWWW\n", "n_agents": 4, "health": 1, "timeout": 3,
        "spray_cooldown": 0,
    },
    "chemistry": {"map": "~~~~~~\n~abhc~\n~FxG~~\n~~~~~~\n", "n_agents": 4},
    "coop_mining": {
        "map": CROWD.replace("WPPPPPPW", "WOOOOOOW", 1), "n_agents": 5, "gold_probability": 0.2, "gold_window": 9,
        "iron_probability": 0.02,
    },
    "daycare": {
        "map": "WWWWWWW\nWPs PsW\nW Ps  W\nWs  bPW\nWWWWWWW\n", "n_agents": 4, "child_grasp": 1, "regrowth_steps": 1,
    },
    "hidden_agenda": {
        "map": CROWD.replace("P", "*").replace("W******W", "W@=@=**W", 1) + "WVVVVVDW\nWWWWWWWW\n", "tag_cooldown": 5,
        "vote_every": 9, "vote_steps": 4, "goal": 99,
    },
}  # fmt: skip


def made(name, **settings):
    return sorrelsim.make(name, **{"n_worlds": 3, "seed": 4, "compiled": False} | CROWDED[name] | settings)


def played(world, steps=90, seed=0):
    """Plays at random, each action held for a while, special ones more often; all that happened, and the counts."""
    rng = np.random.default_rng(seed)
    world.note_events()
    counts = np.zeros_like(world.event_counts)
    frames, before = [], world.event_counts.copy()
    weights = np.ones(world.n_actions) + 3 * (np.arange(world.n_actions) > 6)
    for _ in range(steps):
        world.step(rng.choice(world.n_actions, (world.n_worlds, world.n_agents), p=weights / weights.sum()))
        ended = world.info["ended"]
        after = world.event_counts
        if ended.any():
            after = np.where(ended[:, None, None], world.info["episode_events"], after)
        counts += after - before
        before = world.event_counts.copy()
        frames.append(world.happened())
    return {name: np.concatenate([frame[name] for frame in frames]) for name in frames[0].columns}, counts


def per_agent(rows, what, world, by="agent"):
    """How much of an event there was, [copy, agent]."""
    chosen, found = rows["what"] == what, np.zeros((world.n_worlds, world.n_agents))
    np.add.at(found, (rows["copy"][chosen], rows[by][chosen]), rows["amount"][chosen])
    return found


@pytest.mark.parametrize("name", names("worlds"))
def test_what_happened_adds_up_to_what_is_counted(name):
    world = made(name)
    rows, counts = played(world)
    assert counts.sum() > 0
    for k, event in enumerate(world.events):
        np.testing.assert_allclose(per_agent(rows, event, world), counts[..., k], atol=1e-9, err_msg=event)
    pairs = np.isin(rows["what"], list(world.pairs))
    assert (rows["whom"][~pairs] == -1).all()
    assert (rows["whom"][pairs] >= 0).all()
    assert (rows["whom"][pairs] != rows["agent"][pairs]).all()
    for pair in world.pairs:
        assert (rows["what"] == pair).any(), f"nothing tries {pair}"


PAIRS = (  # of each pair: whose count it must equal, by whom it did or to whom it was done
    ("cleanup", "zap", "whom", "zaps_received"),
    ("harvest", "zap", "whom", "zaps_received"),
    ("allelopathic_harvest", "zap", "whom", "zaps_received"),
    ("mushrooms", "zap", "whom", "zaps_received"),
    ("territory", "zap", "whom", "zaps_received"),
    ("gathering", "tag", "whom", "hits_taken"),
    ("paintball", "zap", "agent", "removals"),
    ("tag", "tag", "agent", "tags"),
    ("tag", "tag", "whom", "tagged"),
    ("gift", "gift", "agent", "gifts_given"),
    ("fruit_market", "trade", "agent", "trades"),
    ("fruit_market", "trade", "whom", "trades"),
    ("boat_race", "pair", "agent", "pairs_started"),
    ("boat_race", "pair", "whom", "pairs_started"),
    ("fruit_market", "hold", "agent", "holds"),
    ("factory_commons", "hold", "agent", "holds"),
    ("coins", "coin_taken", "whom", "coins_lost"),
    ("matrix_game", "interaction", "agent", "interactions"),
    ("hidden_agenda", "tag_hit", "whom", "tagged"),
    ("coop_mining", "extraction_pair", "agent", "gold_extractions"),
    ("coop_mining", "extraction_pair", "whom", "gold_extractions"),
    ("matrix_game", "interaction", "whom", "interactions"),
)


@pytest.mark.parametrize(("name", "pair", "by", "event"), PAIRS)
def test_both_agents_are_those_that_are_counted(name, pair, by, event):
    world = made(name)
    rows, counts = played(world)
    assert counts[..., world.events.index(event)].sum() > 0
    np.testing.assert_array_equal(per_agent(rows, pair, world, by), counts[..., world.events.index(event)])


@pytest.mark.parametrize("name", ["allelopathic_harvest", "gathering", "mushrooms", "territory"])
def test_a_zap_says_whether_it_removes(name):
    world = made(name)
    rows, counts = played(world)
    chosen = np.isin(rows["what"], ["zap", "tag"]) & (rows["removes"] == 1)
    keys = set(zip(*(rows[key][chosen].tolist() for key in ("copy", "turn", "whom")), strict=True))
    removed = np.zeros((world.n_worlds, world.n_agents))
    for copy, _, whom in keys:  # two zaps of one step may both send the same agent away
        removed[copy, whom] += 1
    np.testing.assert_array_equal(removed, counts[..., world.events.index("removals")])
    assert removed.sum() > 0


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "tag" else pytest.mark.slow) for name in names("worlds")]
)
def test_compiled_and_interpreted_say_the_same(name):
    (one, _), (other, _) = played(made(name)), played(made(name, compiled=True))
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], other[key], err_msg=key)


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", names("worlds"))
def test_a_trajectory_is_the_same_whether_somebody_asks_or_not(name, compiled):
    asked, silent = made(name, compiled=compiled), made(name, compiled=compiled)
    asked.note_events()
    rng = np.random.default_rng(3)
    for turn in range(60):
        actions = rng.integers(asked.n_actions, size=(3, asked.n_agents))
        for world in (asked, silent):
            world.step(actions)
        if turn == 30:
            asked.note_events(False)
        if turn == 45:
            asked.note_events()
    for key, array in silent.get_state().items():
        np.testing.assert_array_equal(asked.get_state()[key], array, err_msg=key)


# ------------------------------------------------------------------------------------------------- storyboards

YARD = "WWWWWWWWW\nWPPPPPPPW\nWPPPPPPPW\nWWWWWWWWW\n"


def told(world):
    """What happened lately, as (what, agent, whom, row, col)."""
    return [tuple(each)[4:9] for each in world.happened()]


def test_cleanup_says_who_zapped_whom_and_where():
    world = sorrelsim.make("cleanup", map=YARD, n_agents=3, compiled=False, zap_timeout=1, zap_cooldown=0)
    seat(world, (1, 2, "E"), (1, 4, "W"), (2, 6, "N"))
    world.note_events()
    # 0 and 1 face each other two cells apart: both beams land, and both are taken away only then.
    act(world, "zap", "zap", "noop")
    assert told(world) == [
        ("zap", 0, 1, 1, 4), ("zap", 1, 0, 1, 2),
        ("zaps_fired", 0, -1, 1, 2), ("zaps_received", 0, -1, 1, 2),
        ("zaps_fired", 1, -1, 1, 4), ("zaps_received", 1, -1, 1, 4),
    ]  # fmt: skip
    act(world, "noop", "noop", "noop")
    assert told(world) == []


def test_coins_name_whose_coin_was_taken_at_the_coin():
    from sorrelsim.worlds.coins import Kind

    world = sorrelsim.make("coins", map="WWWWWWW\nW_CCC_W\nWCCCCCW\nWWWWWWW\n", n_agents=2, compiled=False)
    seat(world, (1, 1, "E"), (1, 5, "W"))
    world.grid[...] = np.where(world.grid == Kind.BLUE, 0, world.grid)
    world.grid[0, 1, 2, world.codes.layer[Kind.BLUE]] = Kind.BLUE  # the colour of odd slots
    world.note_events()
    act(world, "forward", "noop")
    assert ("coin_taken", 0, 1, 1, 2) in told(world)


def test_a_gift_says_what_was_given():
    world = sorrelsim.make(
        "gift", map="WWWWWWW\nWPPPPPW\nWTTTTTW\nWWWWWWW\n", n_agents=2, compiled=False, token_probability=0.0
    )
    seat(world, (1, 1, "E"), (1, 3, "W"))
    world.copies.state["inventory"][0, 0] = [0, 2, 0]
    world.note_events()
    act(world, "gift", "noop")
    # A token of type 1 becomes five of type 2, all of which the other can hold: its capacity is 15.
    gift = next(each for each in world.happened() if each.what == "gift")
    assert (gift.agent, gift.whom, gift.row, gift.col, gift.token, gift.received) == (0, 1, 1, 3, 1.0, 5.0)


def test_an_interaction_names_both_players_and_what_each_held():
    world = sorrelsim.make(
        "matrix_game", preset="prisoners_dilemma_repeated", map="WWWWWWW\nWPP12PW\nWP1P2PW\nWWWWWWW\n", compiled=False
    )
    seat(world, (1, 1, "E"), (1, 2, "W"))
    state = world.copies.state
    state["ready"][:] = 1
    state["inventory"][0] = [[3, 1], [1, 1]]
    world.note_events()
    act(world, "interact", "noop")
    # p = (3/4, 1/4) and q = (1/2, 1/2) in the matrix ((3, 0), (5, 1)): p'Aq = (3*3 + 3*0 + 5 + 1) / 8 = 15 / 8 for the
    # row player, who fired; the column player gets (3*3 + 3*5 + 0 + 1) / 8 = 25 / 8.
    found = {each.agent: each for each in world.happened() if each.what == "interaction"}
    assert (found[0].whom, found[0].is_row, found[0].payoff, found[0].held_1, found[0].held_2) == (1, 1, 15 / 8, 3, 1)
    assert (found[1].whom, found[1].is_row, found[1].payoff, found[1].held_1, found[1].held_2) == (0, 0, 25 / 8, 1, 1)


def test_territory_says_whose_claim_was_taken_and_zapped():
    from sorrelsim.worlds.territory import Kind

    text = "WWWWWWW\nWPPRPPW\nWPPPPPW\nWWWWWWW\n"
    world = sorrelsim.make("territory", map=text, n_agents=2, compiled=False, pay_probability=0.0)
    seat(world, (1, 2, "E"), (2, 5, "W"))
    world.note_events()
    act(world, "noop", "noop")  # agent 0 faces the resource at (1, 3), which nobody owned
    assert told(world) == [("claims", 0, -1, 1, 2)]
    seat(world, (2, 1, "N"), (1, 4, "W"))
    act(world, "noop", "zap")  # agent 1 zaps it while it is 0's, then claims it by facing it
    assert [each for each in told(world) if each[0].startswith("claim_")] == [
        ("claim_zapped", 1, 0, 1, 3), ("claim_taken", 1, 0, 1, 3),
    ]  # fmt: skip
    assert world.grid[0, 1, 3, world.codes.layer[Kind.RESOURCE]] == Kind.CRACKED
