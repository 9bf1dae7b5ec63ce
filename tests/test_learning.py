"""The configs that make a claim keep it: what is learned, from three seeds each. Minutes a test, so all are slow."""

import importlib
import time
from pathlib import Path

import numpy as np
import pytest

from sorrelsim import Experiment
from sorrelsim.experiments import run_folder as runs
from sorrelsim.experiments.run import run

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("seed", [0, 1, 2])]


def trained(name, seed, tmp_path, *changes):
    path = ROOT / "configs" / f"{name}.yaml"
    return runs.read_metrics(run(Experiment(path, [f"seed={seed}", f"runs={tmp_path}", *changes])))


OF_VALUES = ["iqn", "ddqn", "dqn_apex", "qr_dqn", "rainbow"]
LEARNERS = [*OF_VALUES, "sac_discrete", "ppo", "pqn", "a2c", "a3c", "trpo", "impala"]


@pytest.mark.parametrize("learner", LEARNERS)
def test_treasure_hunters_collect(learner, seed, tmp_path):
    """Random play gets about 12; who always takes the best thing within a step gets about 180."""
    changes = "evaluation.n_worlds=100", "evaluation.ways=[greedy]"
    metrics = trained(f"treasure_hunt_{learner}", seed, tmp_path, *changes)
    own, greedy = metrics["eval_return_mean"][-1], metrics["eval_greedy_return_mean"][-1]
    print(f"{learner}, seed {seed}: {own:.1f}, greedy {greedy:.1f} after {metrics['seconds'][-1]:.0f} s")
    assert greedy >= 180
    assert own >= 170  # policies are meant to be played sampled, and now and then step aside


def test_pqn_needs_half_a_minute_of_two_cores(seed, tmp_path):
    start = time.process_time()
    metrics = trained("treasure_hunt_pqn", seed, tmp_path, "evaluation.n_worlds=100", "evaluation.ways=[greedy]")
    spent, greedy = time.process_time() - start, metrics["eval_greedy_return_mean"][-1]
    print(f"seed {seed}: greedy {greedy:.1f} in {spent:.0f} core-seconds, evaluations and files included")
    assert greedy >= 180
    assert spent <= 60


def test_pqn_lives_as_many_steps_of_clean_up_in_a_second_as_ppo(seed):
    """By the processor's time, playing and learning, the quickest of three epochs of each; the first compiles."""
    spent = {}
    for model in ("ppo", "pqn"):
        seats = [{"slots": "all", "model": model}]
        world = {"world": "cleanup", "n_worlds": 64, "seats": seats, "epochs": 4, "turns": 128, "seed": seed}
        epochs, times = Experiment(world).epochs(), []
        for _ in range(4):
            start = time.process_time()
            next(epochs)
            times.append(time.process_time() - start)
        spent[model] = min(times[1:])
    print(f"seed {seed}: " + ", ".join(f"{model} {64 * 7 * 128 / s:,.0f} agent-steps/s" for model, s in spent.items()))
    assert spent["pqn"] <= 1.05 * spent["ppo"]  # a twentieth for chance


@pytest.mark.parametrize("learner", ["dqn", "dueling", "dqn_prioritised"])
def test_presets_collect_treasure_with_the_settings_of_ddqn(learner, seed, tmp_path):
    changes = f"seats.0.model={learner}", "evaluation.n_worlds=100", "evaluation.ways=[greedy]"
    if learner != "dueling":
        changes += ("seats.0.config.target_every=null",)
    greedy = trained("treasure_hunt_ddqn", seed, tmp_path, *changes)["eval_greedy_return_mean"][-1]
    print(f"{learner}, seed {seed}: greedy {greedy:.1f}")
    assert greedy >= 175


def test_who_remembers_finds_the_door_of_the_t_maze_and_who_does_not_guesses(seed, tmp_path):
    """4 for the right door, -0.1 for the other: guessing gets 1.95 at most."""
    changes = "evaluation.n_worlds=200", "evaluation.ways=[greedy]"
    remembers = trained("tmaze_r2d2", seed, tmp_path, *changes)["eval_greedy_return_mean"][-1]
    forgets = "seats=[{model: ddqn, config: {gamma: 0.95, epsilon_steps: 60000, steps_between_updates: 16}}]"
    guesses = trained("tmaze_r2d2", seed, tmp_path, *changes, forgets)["eval_greedy_return_mean"][-1]
    print(f"seed {seed}: {remembers:.2f} with memory, {guesses:.2f} without")
    assert remembers > 3.8
    assert guesses < 2.4


@pytest.mark.parametrize("config", ["tmaze_pqn", "tmaze_ppo_gru"])
def test_a_recurrent_core_finds_the_door_of_the_t_maze_and_the_same_without_it_guesses(config, seed, tmp_path):
    """4 for the right door, -0.1 for the other: guessing gets 1.95 on average, 2.4 in 200 episodes at the very best."""
    changes = "evaluation.n_worlds=200", "evaluation.ways=[greedy]"
    remembers = trained(config, seed, tmp_path, *changes)["eval_greedy_return_mean"][-1]
    guesses = trained(config, seed, tmp_path, *changes, "seats.0.config.recurrent=none")
    guesses = guesses["eval_greedy_return_mean"][-1]
    print(f"{config}, seed {seed}: {remembers:.2f} with memory, {guesses:.2f} without")
    assert remembers > 3.8
    assert guesses < 2.4


def test_coins_is_a_dilemma(seed, tmp_path):
    """Each coin pays its taker 1 and costs the other 2 if it was of the other's colour."""
    individual = trained("coins_individual", seed, tmp_path)["eval_return_mean"][-1]
    common = trained("coins_common", seed, tmp_path)["eval_return_mean"][-1]
    print(f"seed {seed}: {individual:.1f} by individual rewards, {common:.1f} by common ones")
    assert common > 3 * max(individual, 5)


def test_individual_learners_rise_and_fall_in_harvest(seed, tmp_path):
    """Perolat et al. 2017: they first learn to eat, then eat faster than the orchard grows back."""
    returns = trained("harvest_ppo", seed, tmp_path)["return_mean"]
    returns = returns[~np.isnan(returns)]
    random_play = 30
    print(f"seed {seed}: up to {returns.max():.1f}, in the end {returns[-5:].mean():.1f}")
    assert returns.max() > 1.2 * random_play
    assert returns[-5:].mean() < 0.6 * random_play


VALUES_OF_CART_POLE = ["dqn", "ddqn", "qr_dqn", "dqn_apex", "rainbow", "r2d2", "pqn"]
CART_POLE = [*VALUES_OF_CART_POLE, "sac_discrete", "ppo", "a2c", "a3c", "trpo", "impala"]


@pytest.mark.parametrize("learner", CART_POLE)
def test_cart_pole_is_solved(learner, seed, monkeypatch):
    """475 is what Gymnasium calls solved; see the benchmark for budgets and settings.

    Ape-X solves it on the way, and may be a little below in the end. R2D2 solves it from some seeds and is only to come
    far: random play gets about 20.
    """
    solves(learner, seed, monkeypatch, {"r2d2": 250, "dqn_apex": 450}.get(learner))


FROM_MEMORY = ["ddpg", "ddpg_prioritised", "ddpg_apex", "hddpg", "td3", "sac"]
OF_PENDULUM = [*FROM_MEMORY, "a2c pendulum", "ppo pendulum", "trpo pendulum"]


@pytest.mark.parametrize("learner", OF_PENDULUM)
def test_the_pendulum_is_swung_up(learner, seed, monkeypatch):
    """-1,200 is what a pendulum at rest gets; who swings it up at once gets about -150, by where it starts."""
    solves(learner, seed, monkeypatch)


def solves(learner, seed, monkeypatch, least=None):
    """Trains for a case's budget; what is there in the end must solve it, or come to the least that is given."""
    pytest.importorskip("gymnasium")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    benchmark = importlib.import_module("beside_sb3")
    case = benchmark.CASES[learner]
    _, scores = benchmark.ours(learner, case, seed)
    print(f"{learner}, seed {seed}: {scores}")
    assert scores[-1] >= (case.solved if least is None else least)  # in the end, not the best on the way
    assert learner == "r2d2" or max(scores) >= case.solved
