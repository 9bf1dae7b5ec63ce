"""Any number of threads, changed at any time, with forks and interrupts: always what one thread does."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from interrupts import InterruptAt

import sorrelsim
from sorrelsim.engine import threads
from sorrelsim.engine.turns import in_turn


@pytest.fixture(autouse=True)
def _same_threads_after():
    before = sorrelsim.get_threads()
    yield
    sorrelsim.set_threads(before)


def crew():
    return sum(thread.name.startswith("sorrelsim-") for thread in threading.enumerate())


def until(said, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not said() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert said()


def actions_for(world, n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, world.n_actions, (n, world.n_worlds, world.n_agents))


def alone(name, n, steps, seed=0, play=0, **settings):
    """The states and the sums of rewards of a world that one thread steps, after each step."""
    sorrelsim.set_threads(1)
    world = sorrelsim.make(name, n_worlds=n, seed=seed, **settings)
    found = []
    for actions in actions_for(world, steps, play):
        _, reward, *_ = world.step(actions)
        found.append((hash_of(world), reward.copy()))
    return found


def hash_of(world):
    return hash(tuple(array.tobytes() for array in world.get_state().values()))


def test_the_number_of_threads_changes_between_steps():
    """No rest between the steps, so that helpers of before are still awake; what differs once differs to the end."""
    actions = np.random.default_rng(0).integers(0, 9, (16, 256, 7))
    hashes = []
    for numbers in ((1, 1), (2, 3), (5, 2)):
        sorrelsim.set_threads(1)
        world = sorrelsim.make("cleanup", n_worlds=256)
        for turn in range(500):
            sorrelsim.set_threads(numbers[turn % 2])
            world.step(actions[turn % 16])
        hashes.append(hash_of(world))
    assert hashes[1] == hashes[2] == hashes[0]


def test_worlds_in_several_python_threads_while_the_number_changes():
    expected = {seed: alone("treasure_hunt", 40, 80, seed) for seed in range(3)}
    wrong, done = [], threading.Event()

    def play(seed):
        world = sorrelsim.make("treasure_hunt", n_worlds=40, seed=seed)
        for turn, actions in enumerate(actions_for(world, 80)):
            world.step(actions)
            if hash_of(world) != expected[seed][turn][0]:
                wrong.append((seed, turn))
                return

    def change():
        for n in itertools.cycle((2, 5, 1, 3)):
            sorrelsim.set_threads(n)
            if done.wait(0.0005):
                return

    changing = threading.Thread(target=change)
    changing.start()
    players = [threading.Thread(target=play, args=(seed,)) for seed in expected]
    for player in players:
        player.start()
    for player in players:
        player.join()
    done.set()
    changing.join()
    assert not wrong


def test_helpers_are_as_many_as_asked_for_and_go_when_the_number_falls():
    until(lambda: crew() <= max(0, sorrelsim.get_threads() - 1))
    sorrelsim.set_threads(64)
    for n in (8, 9, 16, 31, 64):
        world = sorrelsim.make("treasure_hunt", n_worlds=n)
        for actions in actions_for(world, 3):
            world.step(actions)
    until(lambda: crew() == 63)
    sorrelsim.set_threads(3)
    until(lambda: crew() == 2)
    sorrelsim.set_threads(1)
    until(lambda: crew() == 0)
    assert not threads._crew


def test_a_second_thread_in_one_world_is_told_so_and_nothing_moves():
    world = sorrelsim.make("cleanup", n_worlds=2000)
    actions = actions_for(world, 2)
    expected = alone("cleanup", 2000, 30)
    sorrelsim.set_threads(2)
    refused, found, inside = [], [], threading.Event()

    def disturb():
        other = np.zeros_like(actions[0])
        inside.wait()
        while inside.is_set():
            for act in (
                lambda: world.step(other),
                world.reset,
                world.get_state,
                lambda: world.submit([0], other[:, :1]),
                lambda: world.set_state({}),
            ):
                try:
                    act()
                    moved = act != world.get_state
                    assert not moved or not inside.is_set()
                except RuntimeError as error:
                    refused.append(str(error))
                except ValueError:
                    pass

    # The first thread never lets the world go between its steps: what it does is one turn.
    def play(_):
        inside.set()
        for each in actions_for(world, 30):
            world._step(each)
        found.append(hash(tuple(array.tobytes() for array in world.copies.saved().values())))
        inside.clear()  # from here on the other may move the world

    other = threading.Thread(target=disturb)
    other.start()
    in_turn(world, play, None)
    other.join()
    assert found == [expected[-1][0]]
    assert refused
    assert "'MainThread' is in the middle of a step of this world" in refused[0]


def test_a_turn_that_an_interrupt_lost_is_found_again():
    world = sorrelsim.make("treasure_hunt", n_worlds=2)
    world._alone.clear()
    world.step(np.zeros((2, 2), int))
    world._alone.clear()
    world.reset()
    world._alone.clear()
    world.get_state()
    world.step(np.zeros((2, 2), int))
    assert world._alone == [None]


def test_two_threads_step_one_world_and_each_step_is_whole():
    """Whoever gets a turn, the steps that were not refused add up to a trajectory of as many steps."""
    sorrelsim.set_threads(2)
    world = sorrelsim.make("treasure_hunt", n_worlds=64, max_steps=10**6)
    actions = actions_for(world, 1)[0]
    stepped, refused = [], []

    def play():
        for _ in range(300):
            try:
                world.step(actions)
                stepped.append(1)
            except RuntimeError:
                refused.append(1)

    players = [threading.Thread(target=play) for _ in range(3)]
    for player in players:
        player.start()
    for player in players:
        player.join()
    sorrelsim.set_threads(1)
    expected = sorrelsim.make("treasure_hunt", n_worlds=64, max_steps=10**6)
    for _ in stepped:
        expected.step(actions)
    assert hash_of(world) == hash_of(expected)
    world.step(actions)  # and goes on


@pytest.mark.parametrize(
    ("n", "n_threads", "settings"),
    [(1, 1, {}), (16, 2, {}), (1, 1, {"compiled": False}), (9, 3, {"observation": "ascii"})],
    ids=["one copy", "helpers", "interpreted", "converted"],
)
def test_an_interrupt_at_any_instruction_leaves_the_state_before_or_after(n, n_threads, settings):
    sorrelsim.set_threads(n_threads)
    name = "treasure_hunt"
    world = sorrelsim.make(name, n_worlds=n, max_steps=7, **settings)
    other = sorrelsim.make(name, n_worlds=n, max_steps=7, **settings)
    every = 1013 if settings.get("compiled", True) is False else 1 + 2 * (n == 9)
    fired, at, turn = 0, 1, 0
    for actions in itertools.cycle(actions_for(world, 50)):
        before, after = hash_of(other), None
        if turn % 2:
            sorrelsim.set_threads(1)  # so that helpers come and go
            sorrelsim.set_threads(n_threads)
        with InterruptAt(at) as interrupt:
            world.step(actions)
        obs, *_ = other.step(actions)
        after = hash_of(other)
        assert hash_of(world) in (before, after), f"instruction {at}"
        if hash_of(world) == before != after:
            world.step(actions)
        elif settings.get("compiled", True):
            np.testing.assert_array_equal(world.obs, obs)
            np.testing.assert_array_equal(world.reward, other.reward)
            assert world.info.keys() == other.info.keys()
        assert hash_of(world) == after, f"instruction {at}"
        if not interrupt.fired:
            break
        fired, at, turn = fired + 1, at + every, turn + 1
    assert fired > 10


@pytest.mark.parametrize(
    ("n", "n_threads", "settings"), [(1, 1, {}), (16, 2, {}), (1, 1, {"compiled": False})], ids=["one", "two", "plain"]
)
@pytest.mark.parametrize("work", ["reset", "set_state"])
def test_an_interrupted_reset_or_set_state_has_happened_whole_or_not_at_all(work, n, n_threads, settings):
    sorrelsim.set_threads(n_threads)
    world = sorrelsim.make("treasure_hunt", n_worlds=n, max_steps=7, **settings)
    states = [world.get_state()]
    for actions in actions_for(world, 5):
        world.step(actions)
    states.append(world.get_state())
    answers = [world.reset(3).copy()]
    hashes = [hash_of(world)]
    world.set_state(states[1])
    obs, hashes = world.obs.copy(), [*hashes, hash_of(world)]  # of the reset, of the state gone back to
    with InterruptAt(10**9) as counting:
        world.reset(3) if work == "reset" else world.set_state(states[1])
    fired, at, every = 0, 1, (10**9 - counting.left) // 150
    while True:
        world.reset(0)
        world.set_state(states[1])
        before = hashes[1]
        if work == "set_state":
            world.set_state(states[0])
            before, obs = hash_of(world), world.obs.copy()
        world.submit([0], np.zeros((n, 1), int))
        with InterruptAt(at) as interrupt:
            world.reset(3) if work == "reset" else world.set_state(states[1])
        after = hashes[work == "set_state"]
        assert hash_of(world) in (before, after), f"instruction {at}"
        if hash_of(world) == before:
            np.testing.assert_array_equal(world.obs, obs)
            assert world._slots_chosen == {0}
            assert world.seed == 0
        elif work == "reset":
            np.testing.assert_array_equal(world.obs, answers[0])
        if not interrupt.fired:
            break
        fired, at = fired + 1, at + every
    assert fired > 50
    assert hash_of(world) == after


def test_an_error_of_a_rule_in_a_reset_leaves_the_world_as_it_was(monkeypatch):
    world = sorrelsim.make("treasure_hunt", n_worlds=2, compiled=False)
    world.step(next(iter(actions_for(world, 1))))
    before, obs, reward = hash_of(world), world.obs.copy(), world.reward.copy()
    monkeypatch.setattr(world._runner, "run", lambda mode, answer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        world.reset(5)
    assert hash_of(world) == before
    assert world.seed == 0
    np.testing.assert_array_equal(world.obs, obs)
    np.testing.assert_array_equal(world.reward, reward)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # one that fell into a weak reference
def test_interrupts_by_signals_again_and_again():
    expected = alone("treasure_hunt", 64, 400)
    sorrelsim.set_threads(3)
    world = sorrelsim.make("treasure_hunt", n_worlds=64)
    hits = 0
    hashes = [hash_of(sorrelsim.make("treasure_hunt", n_worlds=64)), *(each for each, _ in expected)]

    awaited = [False]  # a signal that another thread took may be told of after its timer was stopped

    def interrupt(*_):
        if awaited[0]:
            raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    rng = np.random.default_rng(0)
    try:
        turn = 0
        actions = actions_for(world, 400)
        while turn < 400:
            try:
                awaited[0] = True
                signal.setitimer(signal.ITIMER_REAL, float(rng.uniform(2e-6, 3e-4)))
                world.step(actions[turn])
                awaited[0] = False
            except KeyboardInterrupt:
                awaited[0] = False
                hits += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            now = hash_of(world)
            assert now in hashes[turn : turn + 2]
            turn += now == hashes[turn + 1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert hits > 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.12 and later say that threads and forks do not mix
def test_a_fork_while_another_thread_steps():
    expected = {seed: alone("treasure_hunt", 40, 200, seed) for seed in range(2)}
    sorrelsim.set_threads(3)
    mine, others = (sorrelsim.make("treasure_hunt", n_worlds=40, seed=seed) for seed in range(2))
    actions = actions_for(mine, 200)
    stop, wrong = threading.Event(), []

    def play():
        while not stop.is_set():
            others.reset(1)
            for turn in range(200):
                others.step(actions[turn])
                if hash_of(others) != expected[1][turn][0]:
                    wrong.append(turn)

    player = threading.Thread(target=play)
    player.start()
    children = []
    for turn in range(40):
        mine.step(actions[turn])
        if turn % 4 == 0:
            child = os.fork()
            if child == 0:
                code = 1
                with contextlib.suppress(BaseException):
                    signal.alarm(60)
                    for later in range(turn + 1, 200):
                        mine.step(actions[later])
                    right = hash_of(mine) == expected[0][-1][0] and crew() <= 2
                    with contextlib.suppress(RuntimeError):  # it may have been cut in two by the fork
                        others.step(actions[0])
                    code = 0 if right else 2
                os._exit(code)
            children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    stop.set()
    player.join()
    assert codes == [0] * 10
    assert not wrong
    assert hash_of(mine) == expected[0][39][0]


def test_a_rule_that_raises_leaves_an_interpreted_world_as_it_was(monkeypatch):
    world = sorrelsim.make("treasure_hunt", compiled=False, n_worlds=3)
    before = hash_of(world)
    step_copy, calls = world._runner.step_copy, itertools.count()

    def breaks(*given):
        ended = step_copy(*given)
        if next(calls) == 1:
            raise ZeroDivisionError
        return ended

    monkeypatch.setattr(world._runner, "step_copy", breaks)
    with pytest.raises(ZeroDivisionError):
        world.step(np.zeros((3, 2), int))
    assert hash_of(world) == before


def storm(seconds, seed):
    """Several worlds in several Python threads, changing numbers of threads, forks and interrupts, all at once.

    Every step of every world is compared with what one thread did.
    """
    steps, sizes = 120, (64, 33, 9, 200)
    expected = {n: [each for each, _ in alone("treasure_hunt", n, steps, seed=n, play=n)] for n in sizes}
    end, wrong, count = time.monotonic() + seconds, [], {"steps": 0, "forks": 0, "interrupts": 0}

    def play(n):
        world = sorrelsim.make("treasure_hunt", n_worlds=n, seed=n)
        actions = actions_for(world, steps, n)
        while time.monotonic() < end and not wrong:
            world.reset(n)
            for turn in range(steps):
                world.step(actions[turn])
                if hash_of(world) != expected[n][turn]:
                    wrong.append((n, turn))
                count["steps"] += 1

    def in_child(world, actions, turn):
        signal.alarm(60)
        for later in range(turn, steps):
            sorrelsim.set_threads(1 + later % 4)
            world.step(actions[later])
            if hash_of(world) != expected[sizes[0]][later]:
                return 2
        return 0 if crew() <= 3 else 3

    awaited = [False]  # a signal that another thread took may be told of after its timer was stopped

    def interrupt(*_):
        if awaited[0]:
            raise KeyboardInterrupt

    players = [threading.Thread(target=play, args=(n,)) for n in sizes[1:]]
    world = sorrelsim.make("treasure_hunt", n_worlds=sizes[0], seed=sizes[0])
    start, actions = world.get_state(), actions_for(world, steps, sizes[0])
    hashes = [hash_of(world), *expected[sizes[0]]]
    rng, turn, children = np.random.default_rng(seed), 0, []
    old = signal.signal(signal.SIGALRM, interrupt)
    for player in players:
        player.start()
    try:
        while time.monotonic() < end and not wrong:
            if turn == steps:
                world.set_state(start)
                turn = 0
            try:
                awaited[0] = True
                signal.setitimer(signal.ITIMER_REAL, float(rng.uniform(1e-6, 2e-3)))
                if rng.integers(3) == 0:
                    sorrelsim.set_threads(int(rng.integers(1, 9)))
                world.step(actions[turn])
                awaited[0] = False
            except KeyboardInterrupt:
                awaited[0] = False
                count["interrupts"] += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            now = hash_of(world)
            assert now in hashes[turn : turn + 2]
            turn += now == hashes[turn + 1]
            if rng.integers(40) == 0:
                count["forks"] += 1
                child = os.fork()
                if child == 0:
                    code = 1
                    with contextlib.suppress(BaseException):
                        signal.signal(signal.SIGALRM, signal.SIG_DFL)
                        code = in_child(world, actions, turn)
                    os._exit(code)
                children.append(child)
                if len(children) > 3:
                    assert os.waitstatus_to_exitcode(os.waitpid(children.pop(0), 0)[1]) == 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
        for player in players:
            player.join()
    assert not wrong
    assert all(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 for child in children)
    assert min(count.values()) > 3, count
    sorrelsim.set_threads(2)
    until(lambda: crew() <= 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # one that fell into a weak reference
def test_everything_at_once_for_some_seconds():
    storm(5, 0)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # one that fell into a weak reference
def test_everything_at_once_for_two_minutes():
    for seed in range(4):
        storm(30, seed)


COMPILE = """
import _thread, sys, threading, time, signal, numpy as np, sorrelsim
def interrupt(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
hits = 0
while True:
    signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1]) * (1 + hits))
    try:
        world = sorrelsim.make("treasure_hunt", n_worlds=16)
        break
    except KeyboardInterrupt:
        hits += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
other = sorrelsim.make("treasure_hunt", n_worlds=16, compiled=False)
for actions in np.random.default_rng(0).integers(0, 4, (60, 16, 2)):
    world.step(actions), other.step(actions)
same = all((a == other.get_state()[name]).all() for name, a in world.get_state().items())
print(hits, same)
"""


def test_interrupts_while_a_world_is_compiled(tmp_path):
    env = os.environ | {"SORRELSIM_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE, "0.3"], env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    hits, same = done.stdout.split()
    assert int(hits) >= 1
    assert same == "True"
