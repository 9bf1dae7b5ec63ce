"""Tables of what happened: the rows, files and parts, what a kill leaves, what a resume goes on with."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boards import act, seat

import sorrelsim
from sorrelsim import EventLog
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.resume import resume
from sorrelsim.experiments.run import run

ROOT = Path(__file__).parents[2]
YARD = "WWWWWWWW\nWPPPPPPW\nWPPPPPPW\nWWWWWWWW\n"


def tag(n_worlds=2, n_agents=3, **settings):
    return sorrelsim.make("tag", n_worlds, 1, map=YARD, n_agents=n_agents, compiled=False, **settings)


def random_steps(world, n, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        world.step(rng.integers(world.n_actions, size=(world.n_worlds, world.n_agents)))
        yield


def read(path):
    if path.suffix == ".csv":
        return pd.read_csv(path)
    return pd.read_parquet(path)


# -------------------------------------------------------------------------------------------------------- rows


def test_turns_episodes_and_steps_are_counted_from_one():
    world = tag(1, max_steps=3)
    world.note_events()
    seen = []
    for turn, _ in enumerate(random_steps(world, 8), 1):
        happened = world.happened()
        assert set(happened["turn"]) == {turn}
        seen.append((happened["episode"][0], happened["step"][0]))
        if turn == 4:
            world.reset()  # by hand, one step into the second episode
    assert seen == [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (3, 2), (3, 3), (4, 1)]


def test_rows_come_in_order_of_turn_then_copy():
    world = tag(5)
    world.note_events()
    for _ in random_steps(world, 7):
        pass
    frame = world.happened().frame()
    assert frame["turn"].is_monotonic_increasing
    assert all(rows["copy"].is_monotonic_increasing for _, rows in frame.groupby("turn"))
    assert set(frame["turn"]) == set(range(1, 8))
    assert len(world.happened()) == 0


def test_a_world_that_is_not_asked_says_so():
    world = tag()
    world.step(np.zeros((2, 3), int))
    with pytest.raises(RuntimeError, match=r"call world.note_events\(\)"):
        world.happened()
    world.note_events()
    world.note_events(False)
    with pytest.raises(RuntimeError, match="nothing is noted"):
        world.happened()


def test_what_finds_no_room_is_never_lost_in_silence():
    world = tag(1)
    world.note_events(room=4)
    for _ in random_steps(world, 5):
        pass
    # Two of three agents are free in each step: at least 10 events in 5 steps, and room for 4.
    with pytest.raises(RuntimeError, match=r"events in copy 0 since the last call of happened\(\), and room for 4"):
        world.happened()
    assert len(world.happened()) == 0


def test_a_log_says_how_many_found_no_room(tmp_path, capsys):
    world = tag(1)
    with EventLog(tmp_path / "e.csv", world) as log:
        world.note_events(room=1)
        for _ in random_steps(world, 1):
            log.step(world)
    frame = read(tmp_path / "e.csv")
    assert frame["amount"][frame["what"] != "not_noted"].tolist() == [1]
    rest = frame[frame["what"] == "not_noted"]
    # One free agent is noted; the other one, and a tag with its two counts if there was one, are not.
    assert rest[["turn", "agent", "whom"]].to_numpy().tolist() == [[1, -1, -1]]
    assert rest["amount"].item() == world.event_counts.sum() - 1 + world.event_counts[0, :, 0].sum()
    assert "found no room" in capsys.readouterr().err


def test_a_rule_that_fails_leaves_no_notes_behind(monkeypatch):
    world = tag(2)
    world.note_events()
    before = [array.copy() for array in world.copies.notes.kept]
    runner = world._runner
    run_copy = runner.run_copy

    def fail(mode, answer, copy):
        ended = run_copy(mode, answer, copy)
        if copy == 1:
            raise ZeroDivisionError
        return ended

    monkeypatch.setattr(runner, "run_copy", fail)
    with pytest.raises(ZeroDivisionError):
        world.step(np.zeros((2, 3), int))
    for array, was in zip(world.copies.notes.kept, before, strict=True):
        np.testing.assert_array_equal(array, was)


def test_a_state_that_is_gone_back_to_is_not_counted_twice():
    world = tag(1)
    state = world.get_state()
    world.note_events()
    for _ in random_steps(world, 3):
        pass
    world.set_state(state)
    world.happened()
    for _ in random_steps(world, 1):
        pass
    happened = world.happened()
    assert (happened["amount"] == 1).all()
    assert happened["amount"].sum() == world.event_counts.sum() + (happened["what"] == "tag").sum()


def test_steps_say_where_agents_stood_and_what_it_brought(tmp_path):
    world = seat(tag(1, max_steps=2), (1, 1, "N"), (1, 3, "E"), (2, 6, "W"))
    world.copies.state["it"][:] = 2
    with EventLog(tmp_path / "s.parquet", world, "steps") as log:
        act(world, "up", "right", "down")  # into the wall; from (1, 3) to (1, 4); into the wall
        log.step(world)
        act(world, "left", "left", "left")
        log.step(world)
        act(world, "up", "up", "up")  # of the next episode
        log.step(world)
    frame = read(tmp_path / "s.parquet")
    assert len(frame) == 9
    first = frame[["turn", "episode", "step", "agent", "row", "col", "facing", "action_name"]].to_numpy().tolist()
    assert first[:3] == [
        [1, 1, 1, 0, 1, 1, "north", "up"], [1, 1, 1, 1, 1, 3, "east", "right"], [1, 1, 1, 2, 2, 6, "west", "down"],
    ]  # fmt: skip
    assert first[4] == [2, 1, 2, 1, 1, 4, "east", "left"]
    # Who is not it gets 10, less 1 for walking into a wall; it gets nothing but the wall.
    assert frame["reward"].tolist()[:3] == [9, 10, -1]
    assert frame["steps_free"].tolist()[:3] == [1, 1, 0]
    assert frame["episode_ended"].tolist() == [False] * 3 + [True] * 3 + [False] * 3
    assert frame["episode"].tolist() == [1] * 6 + [2] * 3
    assert frame["step"].tolist() == [1] * 3 + [2] * 3 + [1] * 3


def test_an_agent_that_is_out_stands_nowhere(tmp_path):
    world = sorrelsim.make("cleanup", map=YARD, n_agents=2, compiled=False, zap_timeout=5)
    seat(world, (1, 2, "E"), (1, 4, "N"))
    with EventLog(tmp_path / "s.csv", world, "steps") as log:
        act(world, "zap", "noop")
        log.step(world)
        act(world, "noop", "noop")
        log.step(world)
    frame = read(tmp_path / "s.csv")
    assert frame["out"].tolist() == [0, 0, 0, 6]  # six observations miss it
    assert frame["row"].isna().tolist() == frame["facing"].isna().tolist() == [False, False, False, True]
    assert frame["zaps_received"].tolist() == [0, 1, 0, 0]


# ------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("detail", ["events", "steps"])
def test_one_file_or_parts_hold_the_same(tmp_path, detail):
    frames = {}
    for name in ("one.parquet", "one.csv", "many"):
        world = tag(2)
        with EventLog(tmp_path / name, world, detail) as log:
            log._enough = 20
            for turn, _ in enumerate(random_steps(world, 40)):
                log.step(world)
                if turn % 10 == 0:
                    log.flush()
        frames[name] = read(tmp_path / name)
    assert len(list((tmp_path / "many").glob("many-*.parquet"))) > 3
    pd.testing.assert_frame_equal(frames["one.parquet"], frames["many"])
    pd.testing.assert_frame_equal(frames["one.parquet"], frames["one.csv"], check_dtype=False)
    assert not list(tmp_path.glob(".*"))


def test_only_so_many_episodes_are_kept(tmp_path):
    for detail in ("events", "steps"):
        world = tag(2, max_steps=5)
        with EventLog(tmp_path / "e.csv", world, detail, episodes=1) as log:
            for _ in random_steps(world, 12):
                log.step(world)
        frame = read(tmp_path / "e.csv")
        assert set(frame["episode"]) == {1}
        assert frame["turn"].max() == 5


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "e.parquet"
    path.write_bytes(b"before")
    world = tag()

    def broken_off():
        with EventLog(path, world) as log:
            for _ in random_steps(world, 3):
                log.step(world)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["e.parquet"]
    with EventLog(path, world):
        pass
    assert list(read(path).columns)[:3] == ["copy", "episode", "turn"]
    assert len(read(path)) == 0


def test_parts_survive_a_kill_and_an_older_table_is_replaced(tmp_path):
    code = f"""
import numpy as np, sorrelsim
world = sorrelsim.make("tag", 2, 1, map={YARD!r}, n_agents=3, compiled=False)
log = sorrelsim.EventLog({str(tmp_path / "parts")!r}, world)
while True:
    world.step(np.zeros((2, 3), int))
    log.step(world)
    log.flush()
    print(flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        for _ in range(7):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    frame = read(tmp_path / "parts")
    assert frame["turn"].max() >= 7
    world = tag()
    with EventLog(tmp_path / "parts", world) as log:
        for _ in random_steps(world, 2):
            log.step(world)
    assert [each.name for each in (tmp_path / "parts").iterdir()] == ["parts-000.parquet"]
    assert read(tmp_path / "parts")["turn"].max() == 2


def test_a_disk_that_is_full_for_a_while_loses_nothing(tmp_path, monkeypatch, capsys):
    world = tag()
    log = EventLog(tmp_path / "e", world)
    world.note_events(room=20)
    whole = log._target.write

    def full(table):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log._target, "write", full)
    log._enough = 1
    for turn, _ in enumerate(random_steps(world, 200)):
        log.step(world)
        if turn == 150:
            monkeypatch.setattr(log._target, "write", whole)
    log.close()
    assert capsys.readouterr().err.count("could not be written") == 1
    other = tag()
    other.note_events(room=4096)
    for _ in random_steps(other, 200):
        pass
    pd.testing.assert_frame_equal(read(tmp_path / "e"), other.happened().frame(), check_dtype=False)


@pytest.mark.parametrize(
    ("path", "settings", "text"),
    [
        ("e.parq", {}, "a table ends in .parquet or .csv"),
        ("e.csv", {"detail": "event"}, "did you mean 'events'"),
        ("e", {"format": "parqet"}, "did you mean 'parquet'"),
        ("folder.csv", {}, "is a folder"),
        ("file", {}, "is a file"),
    ],
)
def test_what_cannot_be_a_table_is_said(tmp_path, path, settings, text):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=text):
        EventLog(tmp_path / path, tag(), **settings)


def test_a_log_is_of_one_world(tmp_path):
    with EventLog(tmp_path / "e.csv", tag()) as log, pytest.raises(ValueError, match="another world"):
        log.step(tag())
    with pytest.raises(ValueError, match="only gridworlds"):
        EventLog(tmp_path / "f.csv", object())


# ---------------------------------------------------------------------------------------------------- training

SETTINGS = {
    "name": "noted", "world": {"name": "tag", "compiled": False, "max_steps": 7}, "seats": [{"model": "random"}],
    "n_worlds": 2, "epochs": 4, "turns": 10, "evaluation": {"n_worlds": 1, "gif_turns": 0, "max_turns": 8},
    "checkpoint": {"epochs": 1},
}  # fmt: skip


@pytest.mark.parametrize("detail", ["events", "steps"])
def test_a_run_that_goes_on_has_every_row_once(tmp_path, monkeypatch, detail):
    monkeypatch.chdir(tmp_path)
    settings = SETTINGS | {"events": {"detail": detail}}
    whole = read(run(Experiment(settings)) / "events")
    assert set(whole["turn"]) == set(range(1, 41))

    class Broken(Exception):
        pass

    class Breaks:
        """Breaks off in the third epoch, behind the checkpoint of the second."""

        def doing(self, what):
            pass

        def epoch(self, row):
            if row["epoch"] == 3:
                raise Broken

    experiment = Experiment(settings)
    with pytest.raises(Broken):
        run(experiment, None, Breaks())
    folder = tmp_path / "runs" / "noted-002"
    assert read(folder / "events")["turn"].max() == 30
    pd.testing.assert_frame_equal(read(resume(folder) / "events"), whole)


def test_a_run_writes_nothing_unless_it_is_asked_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not (run(Experiment(SETTINGS | {"epochs": 1})) / "events").exists()


def test_the_table_of_a_run_adds_up_to_its_metrics(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = SETTINGS | {"turns": 14, "epochs": 1, "events": {"detail": "events", "format": "csv"}}
    experiment = Experiment(settings)
    folder = run(experiment)
    frame = pd.concat(map(pd.read_csv, sorted((folder / "events").glob("events-*.csv"))))
    row = pd.read_csv(folder / "metrics.csv").iloc[0]
    # Two episodes of 7 steps in each of 2 copies: the mean over 4 episodes of the mean over 5 agents.
    for event in ("tags", "tagged", "steps_free"):
        assert frame["amount"][frame["what"] == event].sum() / (4 * 5) == pytest.approx(row[event], rel=1e-4)


# -------------------------------------------------------------------------------------------------- the docs' query


def strikes_back():
    """The function on the page."""
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    space = {}
    exec(re.search(r"^def strikes_back.*?^    return [^\n]*\n", page, re.M | re.S)[0], space)
    return space["strikes_back"]


def test_who_zapped_whom_after_being_zapped(tmp_path):
    """Scripted players on a line, a cell between each two; a zapped agent is out for two steps.

    turn  1: 0 zaps 1                         1 is out in turns 2 and 3, and comes back somewhere
    turn  2: 2 zaps nobody: it faces the wall
    turn  4: all are set down again; 1 zaps 0   which answers turn 1, three turns later
    turn  7: set down again; 2 zaps 1           1 has never zapped 2, so this answers nothing
    turn 10: set down again; 1 zaps 2           which answers turn 7
    """
    settings = {"map": "WWWWWWWWW\nWPPPPPPPW\nWPPPPPPPW\nWWWWWWWWW\n", "zap_timeout": 2, "zap_cooldown": 0}
    world = sorrelsim.make("cleanup", n_agents=3, compiled=False, beam_radius=0, **settings)
    line = {1: "EWE", 4: "EWE", 7: "EWW", 10: "EEW"}
    zaps = {1: 0, 2: 2, 4: 1, 7: 2, 10: 1}
    with EventLog(tmp_path / "e.parquet", world) as log:
        for turn in range(1, 12):
            if turn in line:
                seat(world, *((1, 1 + 2 * i, facing) for i, facing in enumerate(line[turn])))
            act(world, *("zap" if zaps.get(turn) == i else "noop" for i in range(3)))
            log.step(world)
    events = read(tmp_path / "e.parquet")
    zapped = events[events["what"] == "zap"]
    assert zapped[["turn", "agent", "whom"]].to_numpy().tolist() == [[1, 0, 1], [4, 1, 0], [7, 2, 1], [10, 1, 2]]
    answers = strikes_back()
    assert answers(events, "zap", within=3)[["turn", "agent", "whom"]].to_numpy().tolist() == [[4, 1, 0], [10, 1, 2]]
    assert len(answers(events, "zap", within=2)) == 0
