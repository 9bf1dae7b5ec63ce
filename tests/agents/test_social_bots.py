"""The scripted players of the dilemmas, and tit for tat: each does what it is named for."""

import numpy as np
import pytest
from boards import seat

import sorrelsim
from sorrelsim.experiments.mixtures import mix, play_mixture, stage_of
from sorrelsim.experiments.players import player_of
from sorrelsim.library.find import find_class
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.testing import check_model

WORLDS = (
    "gift", "mushrooms", "territory", "allelopathic_harvest", "fruit_market", "factory_commons", "coop_mining",
    "daycare", "boat_race",
)  # fmt: skip


def played(world, changes, *names, episodes=2, steps=150):
    """Events by name and returns, float64 [slots], of players in the slots of a world: the last in all the rest."""
    stage = stage_of(world, ["compiled=false", *changes]).lasting(steps)
    n = stage.make(1, 0).n_agents
    seats = [([slot], player_of(name)) for slot, name in enumerate(names[:-1])]
    seats.append((list(range(len(names) - 1, n)), player_of(names[-1])))
    found = play_mixture(stage, mix(seats, n), episodes, 3).episodes
    return dict(zip(found.event_names, found.events.mean(0).T, strict=True)), found.returns.mean(0)


@pytest.mark.parametrize("name", [f"{world}_{who}" for world in WORLDS for who in ("cooperator", "defector")])
def test_keeps_the_contract(name):
    check_model(name, name.rpartition("_")[0], steps=12)


@pytest.mark.parametrize(("name", "world"), [("coins_tit_for_tat", "coins"), ("matrix_tit_for_tat", "matrix_game")])
def test_tit_for_tat_keeps_the_contract(name, world):
    check_model(name, world, steps=12)


ROOM = "WWWWWWW\nWTTTTTW\nWTP PTW\nWTTTTTW\nWWWWWWW"


def test_givers_refine_and_takers_do_not():
    settings = ['map="' + ROOM.replace("\n", "\\n") + '"', "n_agents=2", "token_probability=0.005"]
    given, returns = played("gift", settings, "gift_cooperator")
    assert given["gifts_given"].min() > 3
    assert given["tokens_received"].min() >= given["gifts_given"].min()
    kept, poor = played("gift", settings, "gift_defector")
    assert kept["gifts_given"].sum() == 0
    # Without gifts a token is worth 1, which is what its taker consumes; refined twice it is worth 25.
    assert np.array_equal(poor, kept["tokens_consumed"])
    assert (kept["tokens_consumed"] <= kept["tokens_collected"]).all()
    assert returns.sum() > 2 * poor.sum()


def test_mushrooms_are_chosen_by_whom_they_pay():
    eaten, _ = played("mushrooms", [], "mushrooms_cooperator", episodes=1, steps=100)
    assert eaten["red_eaten"].sum() == eaten["orange_eaten"].sum() == 0
    assert eaten["blue_eaten"].sum() + eaten["green_eaten"].sum() >= 3
    eaten, _ = played("mushrooms", [], "mushrooms_defector", episodes=1, steps=100)
    assert eaten["red_eaten"].sum() >= 1
    assert eaten["blue_eaten"].sum() == eaten["green_eaten"].sum() == eaten["orange_eaten"].sum() == 0


def test_the_peaceful_claim_what_is_free_and_invaders_everything():
    claimed, _ = played("territory", [], "territory_cooperator", episodes=1, steps=60)
    assert claimed["zaps_fired"].sum() == claimed["resources_destroyed"].sum() == 0
    assert claimed["claims"].sum() > 15
    fought, _ = played("territory", [], "territory_defector", "territory_cooperator", episodes=1, steps=60)
    assert fought["zaps_fired"][0] > 0
    assert fought["zaps_fired"][1:].sum() == 0


def test_an_invader_leaves_its_own_walls_alone():
    world = sorrelsim.make("territory", map="WWWWWWW\nW,,R,,W\nW,,P,,W\nW,,,,,W\nWWWWWWW", n_agents=1, compiled=False)
    model = find_class("territory_defector", "agents", BaseModel).to_play(world.observations, world.action_names)
    agent = Agent(world, [0], model, learn=False)
    claims = []
    for _ in range(60):
        agent.transition(world)
        world.step()
        agent.remember(world)
        claims.append(world.event_counts[0, 0, 0])
    assert claims[-1] == 1  # the only wall, once
    assert agent.seat.carry["colour"][0] == world.codes.names.index("claim_0")
    free = world.pos[0, 0].tolist()
    assert free != [2, 3]  # and it goes on looking for others


def test_planters_make_one_colour_of_the_field_and_free_riders_do_not():
    berries = {}
    for who in ("cooperator", "defector"):
        stage = stage_of("allelopathic_harvest", ["compiled=false"]).lasting(10_000)
        world = stage.make(1, 2)
        model = find_class(f"allelopathic_harvest_{who}", "agents", BaseModel)
        agent = Agent(world, range(16), model.to_play(world.observations, world.action_names, 16), learn=False)
        for _ in range(100):
            agent.transition(world)
            world.step()
            agent.remember(world)
        berries[who] = world.copies.state["berries"][0].tolist(), world.event_counts[0, :, 3].sum()
    (red, green, blue), planted = berries["cooperator"]
    assert red > 0.6 * (red + green + blue)
    assert planted > 60
    assert berries["defector"][1] == 0


def test_gold_miners_find_each_other_and_iron_miners_leave_gold():
    settings = ["iron_probability=0.002", "gold_probability=0.002"]
    mined, rich = played("coop_mining", settings, "coop_mining_cooperator", episodes=1)
    assert mined["gold_extractions"].sum() >= 6
    assert mined["iron_hits"].sum() == 0
    mined, poor = played("coop_mining", settings, "coop_mining_defector", episodes=1)
    assert mined["iron_hits"].sum() > 20
    assert mined["gold_hits"].sum() == 0
    assert rich.sum() > poor.sum()


def test_who_is_understood_is_fed():
    fed, (child, parent) = played("daycare", [], "daycare_cooperator", "daycare_cooperator", episodes=3, steps=400)
    assert child >= 4
    assert parent == 0
    assert fed["fruit_dropped"][1] >= 4
    assert fed["failed_grasps"][0] > 50
    starved, (child, parent) = played("daycare", [], "daycare_cooperator", "daycare_defector", episodes=3, steps=400)
    assert child < 4
    assert parent > 20
    assert starved["fruit_dropped"][1] == 0
    idle, _ = played("daycare", [], "daycare_defector", "daycare_cooperator", episodes=1, steps=250)
    assert idle["failed_grasps"][0] == idle["bananas_eaten"][0] == 0


@pytest.mark.parametrize("name", ["hidden_agenda_worker", "hidden_agenda_sheep", "hidden_agenda_hunter"])
def test_players_of_hidden_agenda_keep_the_contract(name):
    check_model(name, "hidden_agenda", steps=12)


def test_workers_bring_gems_and_a_hunter_freezes_who_is_alone():
    workers = ["hidden_agenda_worker"] * 4
    brought, _ = played("hidden_agenda", [], *workers, "hidden_agenda_worker", episodes=2, steps=200)
    assert brought["deposits"].sum() > 5
    assert brought["tags"].sum() == 0
    hunted, returns = played("hidden_agenda", [], *workers, "hidden_agenda_hunter", episodes=3, steps=3000)
    assert hunted["tagged"].sum() >= 1
    assert hunted["tags"][:4].sum() == 0
    assert abs(returns[:4].sum() + 4 * returns[4]) < 1e-9
    assert hunted["ballots_cast"].sum() > 0


def test_a_worker_votes_for_the_one_whom_it_saw():
    """Slot 4 freezes slot 2, which cannot get away, before the eyes of 0 and 3; slot 1 saw nobody, and abstains."""
    room = "WWWWWWWWWW\nW        W\nW    W   W\nW   W W  W\nW        W\nW*****   W\nWVVVVVDDDW\nWWWWWWWWWW"
    world = sorrelsim.make("hidden_agenda", map=room, compiled=False, tag_cooldown=0)
    seat(world, (1, 2, "S"), (1, 8, "N"), (3, 5, "S"), (4, 8, "S"), (4, 5, "N"))
    world.step(np.zeros((1, 5), int))
    model = find_class("hidden_agenda_worker", "agents", BaseModel).to_play(world.observations, world.action_names, 4)
    agent = Agent(world, [0, 1, 2, 3], model, learn=False)
    for action in ("tag", "noop"):
        agent.transition(world)
        ballots = [world.action_names[k] for k in world.submitted[0, :4]]
        world.submit([4], np.array([[world.action_names.index(action)]]))
        world.step()
        agent.remember(world)
    assert ballots[:2] + ballots[3:] == ["vote_5", "abstain", "vote_5"]


def test_a_sheep_votes_as_most_others_do():
    """In step 3 slot 3 gets two ballots of three; in 4 the sheep joins them, and two others change to slot 0: even."""
    world = sorrelsim.make("hidden_agenda", compiled=False, vote_every=2)
    model = find_class("hidden_agenda_sheep", "agents", BaseModel).to_play(world.observations, world.action_names)
    agent = Agent(world, [0], model, learn=False)
    votes = []
    for others in (
        ["noop"] * 4,
        ["noop"] * 4,
        ["vote_2", "vote_4", "vote_4", "abstain"],
        ["vote_1"] * 2 + ["noop"] * 2,
    ):
        agent.transition(world)
        votes.append(world.action_names[world.submitted[0, 0]])
        world.submit([1, 2, 3, 4], np.array([[world.action_names.index(name) for name in others]]))
        world.step()
        agent.remember(world)
    agent.transition(world)
    votes.append(world.action_names[world.submitted[0, 0]])
    assert not votes[1].startswith("vote")
    assert votes[2:] == ["abstain", "vote_4", "vote_1"]


def test_tit_for_tat_in_coins_pays_back_and_forgives():
    settings = ["coin_probability=0.02", "min_size=6", "max_size=6"]
    taken, _ = played("coins", settings, "coins_tit_for_tat", "coins_cooperator")
    own, other = taken["own_coins_taken"].sum(), taken["other_coins_taken"].sum()
    assert other < 0.25 * own  # but for those that appear right under a player
    taken, _ = played("coins", settings, "coins_tit_for_tat", "coins_defector")
    assert taken["other_coins_taken"][0] > other
    world = sorrelsim.make("coins", compiled=False)
    model = find_class("coins_tit_for_tat", "agents", BaseModel).to_play(world.observations, world.action_names)
    agent = Agent(world, [0], model, learn=False)
    owed = []
    for reward in (-2.0, 0.0, 1.0, -4.0, 1.0, -1.0):  # -1: it took a coin and lost one
        agent.transition(world)
        world.submit([1], np.zeros((1, 1), np.int64))
        world.step()
        world.reward[:] = reward
        agent.remember(world)
        owed.append(int(agent.seat.carry["owed"][0]))
    assert owed == [1, 1, 0, 1, 0, 1]


def test_tit_for_tat_in_the_prisoners_dilemma_plays_what_it_met_last():
    world = sorrelsim.make("matrix_game", preset="prisoners_dilemma_repeated", compiled=False)
    model = find_class("matrix_tit_for_tat", "agents", BaseModel).to_play(world.observations, world.action_names)
    agent = Agent(world, [0], model, learn=False)
    wanted = []
    for reward in (0.0, 2.7, 0.5, 0.0, 1.2, 4.3):  # none, C with C, C with D, none, D with D, D with C
        agent.transition(world)
        world.submit([1], np.zeros((1, 1), np.int64))
        world.step()
        world.reward[:] = reward
        agent.remember(world)
        wanted.append(int(model.wanted(1, agent.seat)[0]))
    assert wanted == [1, 1, 2, 2, 2, 1]
    preset = ["preset=prisoners_dilemma_repeated"]
    events, _ = played("matrix_game", preset, "matrix_tit_for_tat", "matrix_defector", episodes=1, steps=350)
    assert events["played_1"][0] == 1  # once kindly, and then no more
    assert events["played_2"][0] >= 1


ORCHARDS = "WWWWWWW\nWAPAPAW\nWP P PW\nWBPBPBW\nWWWWWWW"


def test_traders_eat_what_they_like_and_the_self_sufficient_what_they_grow():
    settings = [f'map="{ORCHARDS}"'.replace("\n", "\\n"), "n_agents=4", "tree_probability=[0, 0]"]
    met, rich = played("fruit_market", settings, "fruit_market_cooperator", episodes=1)
    assert met["trades"].sum() >= 8
    own, poor = played("fruit_market", settings, "fruit_market_defector", episodes=1)
    assert own["trades"].sum() == 0
    assert own["apples_eaten"][2:].sum() + own["bananas_eaten"][:2].sum() <= 8  # by chance, in passing a tree
    assert rich.sum() > 2 * poor.sum()
    # Who wants two apples for a banana gets nothing from those who give one for one.
    two = ["fruit_market_cooperator", "fruit_market_cooperator", "fruit_market_cooperator:wants=2"]
    kept, _ = played("fruit_market", settings, *two, episodes=1)
    assert kept["trades"].sum() == 0


WORKSHOP = "WWWWWWWWWW\nW lsC lt W\nW Oj  O# W\nW  z   z W\nW Cx C x W\nW        W\nWWWWWWWWWW"


def test_keepers_keep_cubes_and_burners_burn_them():
    settings = [f'map="{WORKSHOP}"'.replace("\n", "\\n"), "n_agents=1"]
    kept, returns = played("factory_commons", settings, "factory_commons_cooperator", episodes=1, steps=300)
    assert kept["cubes_kept"].sum() >= 3
    assert kept["cubes_burnt"].sum() == 0
    assert returns.sum() >= 2
    burnt, returns = played("factory_commons", settings, "factory_commons_defector", episodes=1, steps=300)
    assert burnt["cubes_kept"].sum() == 0
    assert 1 <= burnt["cubes_burnt"].sum() <= 3  # there were three
    assert returns.sum() == 2 * burnt["cubes_burnt"].sum()


def test_rowers_cross_sooner_than_flailers():
    rowed, fast = played("boat_race", [], "boat_race_cooperator", episodes=1, steps=200)
    assert rowed["flailed"].sum() == 0
    assert rowed["finished"].sum() >= 4
    flailed, slow = played("boat_race", [], "boat_race_defector", episodes=1, steps=200)
    assert flailed["rowed"].sum() == 0
    assert flailed["flailed"].sum() > 100
    assert fast.sum() > slow.sum()


def test_rowers_keep_time_whatever_their_last_strokes_were():
    # Slot 0 can row again in 5 steps, slot 1 in 2: the first strokes of both are void, those five steps later are not.
    world = sorrelsim.make("boat_race", n_agents=2, compiled=False)
    seat(world, (25, 8, "N"), (25, 9, "N"))
    world.step([[0, 0]])
    world.copies.state["wait"][0] = 5, 2
    model = find_class("boat_race_cooperator", "agents", BaseModel).to_play(world.observations, world.action_names, 2)
    agent = Agent(world, [0, 1], model, learn=False)
    for step in range(1, 67):  # 13 cells: rows in 6, 11, .., 66
        assert world.event_counts[0, :, world.events.index("finished")].tolist() == [0, 0], step
        agent.transition(world)
        world.step()
        agent.remember(world)
    assert world.event_counts[0, :, world.events.index("finished")].tolist() == [1, 1]
