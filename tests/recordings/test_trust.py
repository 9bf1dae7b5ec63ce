"""Recordings and run folders from strangers: no code of theirs runs, and no change of theirs goes unseen."""

import json
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from recording_files import lines_of, reseal
from typer.testing import CliRunner

from sorrelsim.cli.app import app
from sorrelsim.experiments.run import load_run
from sorrelsim.library.scaffold import write_world
from sorrelsim.library.trust import Untrusted
from sorrelsim.play.opponents import seat_opponents
from sorrelsim.play.session import Session
from sorrelsim.recordings import Recorder, RecordingError, WorldSpec, load_recording, state_hash

FIELD = "WWWWWWW\nWP P PW\nW  g  W\nWP f PW\nWWWWWWW"
BEFORE = Path(__file__).parents[1] / "data" / "before"


def record(path, world="treasure_hunt", settings=None, turns=20, restart_at=(), close=True):
    """A session of random players; closed unless it is to be as if its process had been killed."""
    spec = WorldSpec(world, 5, {"map": FIELD, "max_steps": 15} if settings is None else settings)
    made = spec.make(compiled=False)
    agents, labels = seat_opponents(made, "random", 5)
    session = Session(made, agents, labels, [], Recorder(path, spec, made, labels, []))
    for turn in range(1, turns + 1):
        for _ in range(restart_at.count(turn)):
            session.restart()
        session.step({})
        if turn == 7:
            session.key("w", True, 0, "up")
            session.note("a pause")
    if close:
        session.close()
    return made


# ------------------------------------------------------------------------------------------------ whose code may run


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A world of somebody's own in a study folder, which leaves a file behind when its code runs."""
    monkeypatch.chdir(tmp_path)
    write_world("berry_field")
    text = Path("worlds/berry_field.py").read_text()
    Path("worlds/berry_field.py").write_text(text + "\nopen('ran', 'a').close()\n")
    return tmp_path


@pytest.mark.parametrize("name", ["worlds/berry_field.py", "berry_field"])
def test_a_recording_runs_no_file_unless_it_is_trusted(evil, name):
    world = record(Path("a.jsonl"), name, {})
    Path("ran").unlink()
    recording = load_recording("a.jsonl")
    rows, table = lambda: list(recording.rows()), lambda: recording.save_table("a.csv")
    for use in (recording.replay, recording.to_buffer, rows, table):
        with pytest.raises(Untrusted, match=r"a\.jsonl names the world .*worlds/berry_field\.py is not the library's"):
            use()
    assert recording._repr_png_() is None
    for words in (["a.jsonl", "--export", "a.gif"], ["a.jsonl", "--export", "a.csv"], ["a.jsonl", "--unchecked"]):
        done = CliRunner().invoke(app, ["watch", *words])
        assert isinstance(done.exception, Untrusted)
        assert "--trust" in str(done.exception)
        assert "\n" not in str(done.exception)
    assert not Path("ran").exists()
    replay = recording.replay(trust=True)
    replay.go(20)
    assert state_hash(replay.world) == state_hash(world)
    assert CliRunner().invoke(app, ["watch", "a.jsonl", "--trust", "--export", "a.csv"]).exit_code == 0


def test_a_name_of_the_library_that_a_local_file_takes_the_place_of_is_not_run(evil):
    record(Path("a.jsonl"))
    Path("ran").unlink(missing_ok=True)
    Path("worlds/treasure_hunt.py").write_text(Path("worlds/berry_field.py").read_text())
    with pytest.raises(Untrusted, match=r"worlds/treasure_hunt\.py is not the library's"):
        load_recording("a.jsonl").replay()
    assert not Path("ran").exists()


def test_the_library_s_own_files_are_trusted_by_name_and_by_path(tmp_path, monkeypatch):
    import sorrelsim.worlds

    record(tmp_path / "a.jsonl", f"{sorrelsim.worlds.__path__[0]}/treasure_hunt.py")
    load_recording(tmp_path / "a.jsonl").replay().go(20)
    monkeypatch.chdir(Path(sorrelsim.worlds.__path__[0]).parent)  # where ./worlds is the library itself
    record(tmp_path / "b.jsonl")
    load_recording(tmp_path / "b.jsonl").replay().go(20)


def test_a_run_folder_runs_no_reward_file_unless_it_is_trusted(evil):
    Path("rewards").mkdir()
    Path("rewards/envy.py").write_text("open('ran', 'a').close()\n")
    for reward in ({"name": "envy"}, "rewards/envy.py", "./rewards/envy.py"):
        Path("run").mkdir(exist_ok=True)
        settings = {"world": "treasure_hunt", "seats": [{"model": "random", "reward": reward}]}
        Path("run/config.yaml").write_text(json.dumps(settings))
        for words in (["watch", "run"], ["eval", "run"], ["play", "treasure_hunt", "--others", "run"]):
            done = CliRunner().invoke(app, words)
            assert isinstance(done.exception, Untrusted), (words, done.exception)
            assert "run names the reward transform" in str(done.exception)
            assert "rewards/envy.py is not the library's" in str(done.exception)
            assert "--trust" in str(done.exception)
        with pytest.raises(Untrusted, match="trust=True"):
            load_run("run")
        assert load_run("run", trust=True).config.seats[0].reward == reward
    assert not Path("ran").exists()


def test_a_recording_names_no_other_file_as_its_map(tmp_path):
    record(tmp_path / "a.jsonl")
    (tmp_path / "secret.txt").write_text(FIELD)
    lines = lines_of(tmp_path / "a.jsonl")
    lines[0]["settings"]["map"] = str(tmp_path / "secret.txt")
    reseal(tmp_path / "a.jsonl", lines)
    with pytest.raises(RecordingError, match="no map of treasure_hunt"):
        load_recording(tmp_path / "a.jsonl").replay()


# -------------------------------------------------------------------------------------------------------- what changed


def test_the_last_line_holds_turns_and_the_hash_of_all_before_it(tmp_path):
    import hashlib

    record(tmp_path / "a.jsonl")
    whole, last = (tmp_path / "a.jsonl").read_bytes().rsplit(b"\n", 2)[:2]
    line = json.loads(last)
    assert (line["closed"], line["turns"]) == (True, 20)
    assert line["hash"] == hashlib.blake2b(whole + b"\n", digest_size=16).hexdigest()
    recording = load_recording(tmp_path / "a.jsonl")
    assert (recording.closed, recording.remark) == (True, "")


def test_an_action_after_the_last_state_hash_cannot_be_changed(tmp_path):
    path = tmp_path / "a.jsonl"
    record(path, turns=14, settings={"map": FIELD, "max_steps": 100})
    for line in range(11, 15):
        text = path.read_text().split("\n")
        changed = json.loads(text[line])
        if "t" not in changed:
            continue
        text[line] = text[line].replace('"a":[', '"a":[1,').replace(f",{changed['a'][1]}]", "]", 1)
        (tmp_path / "b.jsonl").write_text("\n".join(text))
        with pytest.raises(RecordingError, match=f"line {line + 1}: damaged .*changed after it was written"):
            load_recording(tmp_path / "b.jsonl")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("what", ["reward", "end", "no end"])
def test_rewards_and_ends_are_compared_on_replay(tmp_path, what, version):
    path = tmp_path / "a.jsonl"
    record(path, turns=20)
    lines = [line for line in lines_of(path) if version == 2 or "closed" not in line]
    lines[0]["version"] = version
    turns = {line["t"]: line for line in lines if "t" in line}
    if what == "reward":
        turns[9]["r"][1] += 0.5
    elif what == "end":
        turns[9]["end"] = True
    else:
        del turns[15]["end"]
    reseal(path, lines)
    if version == 1:
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = {
        "reward": r"turn 9: recorded reward -0\.5 of slot 1, here -1\.0",
        "end": "turn 9: recorded the episode's end, here that the episode goes on",
        "no end": "turn 15: recorded that the episode goes on, here the episode's end",
    }[what]
    with pytest.raises(RecordingError, match=said):
        load_recording(path).replay().go(20)
    load_recording(path).replay(check=False).go(20)


def test_a_file_that_was_changed_is_read_if_told(tmp_path):
    path = tmp_path / "a.jsonl"
    record(path)
    path.write_bytes(path.read_bytes().replace(b'"players":["random"', b'"players":["person"'))
    with pytest.raises(RecordingError, match=r"line 1: damaged .*--unchecked"):
        load_recording(path)
    assert load_recording(path, check=False).header["players"][0] == "person"
    done = CliRunner().invoke(app, ["watch", str(path), "--unchecked", "--export", str(tmp_path / "a.csv")])
    assert done.exit_code == 0


def test_watch_says_that_a_file_is_unfinished(tmp_path):
    record(tmp_path / "a.jsonl", close=False)
    done = CliRunner().invoke(app, ["watch", str(tmp_path / "a.jsonl"), "--export", str(tmp_path / "a.csv")])
    assert done.exit_code == 0
    assert "Unfinished: it was cut off, and this is all up to its last whole line, 20 turns." in done.output


# --------------------------------------------------------------------------------------------------- large and hostile


def test_many_restarts_and_a_long_line_are_told_or_done_in_no_time(tmp_path):
    begun = time.process_time()  # of this process alone: others may keep the machine busy
    path = tmp_path / "a.jsonl"
    record(path, "allelopathic_harvest", {}, turns=3)
    lines = lines_of(path)
    restarts = [{"reset": True, "ms": 1.0}] * 100_000
    reseal(path, [lines[0], *restarts, *lines[1:]])
    with pytest.raises(RecordingError, match="100,000 restarts in a row before turn 1; at most 64"):
        load_recording(path).replay().go(3)
    data = (BEFORE / "coins.jsonl").read_bytes().split(b"\n", 1)
    path.write_bytes(b"\n".join([data[0], *[b'{"reset": true, "ms": 1}'] * 100_000, data[1]]))
    recording = load_recording(path)
    with pytest.raises(RecordingError, match="100,000 restarts"):
        recording.replay().forward()
    path.write_bytes(b'{"note":"' + b"x" * 10_000_000 + b'","ms":1}\n')
    with pytest.raises(RecordingError, match="is not a recording"):
        load_recording(path)
    path.write_bytes(data[0] + b"\n" + b'{"note":"' + b"x" * 10_000_000 + b'","ms":1}\n' + data[1])
    with pytest.raises(RecordingError, match=r"line 2: damaged \(it has 10,000,018 bytes; a line has at most"):
        load_recording(path)
    path.write_bytes(data[0] + b"\n" + b"[" * 100_000 + b"\n")
    with pytest.raises(RecordingError, match=r"line 2: damaged .*(nested|Expecting)"):
        load_recording(path)
    for settings, said in (
        ({"map": ("W" + "P" * 1000 + "W\n") * 1000}, r"the map has 1,003,000 letters; at most 262,144 are read"),
        ({"map": ("W" + "P" * 500 + "W\n") * 500, "n_agents": 30_000}, r"make [\d,]+ cells; at most"),
        ({"window": {"forward": 127, "left": 127}, "n_agents": 20_000, "observation": "rgb"}, r"make [\d,]+ cells"),
    ):
        reseal(path, [lines[0] | {"settings": settings}])
        with pytest.raises(RecordingError, match=said):
            load_recording(path).replay()
    assert time.process_time() - begun < 15  # eight files; each in far less than 5 s


def test_a_large_world_is_replayed_compiled_and_alike(tmp_path, monkeypatch):
    from sorrelsim.recordings import replay

    made = record(tmp_path / "a.jsonl", turns=20)
    monkeypatch.setattr(replay, "INTERPRETED", 0)
    found = load_recording(tmp_path / "a.jsonl").replay()
    found.go(20)
    assert found.world.compiled
    assert state_hash(found.world) == state_hash(made)


def test_many_restarts_that_were_recorded_are_replayed(tmp_path):
    """The line says where the random stream stood, on which alone a restart depends."""
    path = tmp_path / "a.jsonl"
    made = record(path, turns=40, restart_at=(1, *[10] * 300, 20, *[30] * 70))
    replay = load_recording(path).replay()
    replay.go(40)
    assert state_hash(replay.world) == state_hash(made)
    replay.go(9)
    replay.go(11)
    assert len(list(load_recording(path).rows())) == 80


# ----------------------------------------------------------------------------------------------------------- mutations

HOSTILE = [
    None, True, False, -1, 0, 1, 2**31, 2**63, 10**400, 1e308, float("nan"), float("inf"), "", "x", "\0", "../../x",
    "a" * 5000, {"000000000999": 1.0}, {"9": 1.0}, {"\u0663": 1.0}, [], {}, [[[[]]]],
    {"a": {"b": 1}}, [1, 2, 3], ["a", "a"], 0.5, "cleanup", "0" * 16,
]  # fmt: skip


def mutated_bytes(data: bytes, rng: random.Random) -> bytes:
    """A file with some bytes or lines of it changed."""
    lines = data.split(b"\n")
    at, one, other = rng.randrange(len(data)), rng.randrange(len(lines)), rng.randrange(len(lines))
    way = rng.randrange(9)
    if way == 0:
        return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
    if way == 1:
        return data[:at] + rng.choice([b"1", b"0", b"}", b'"', b"\n", b"\x00", b"\xff", b"[" * 3000]) + data[at:]
    if way == 2:
        return data[:at] + data[at + rng.randrange(1, 40) :]
    if way == 3:
        return data[:at]
    if way == 4:
        lines[one], lines[other] = lines[other], lines[one]
    elif way == 5:
        lines.insert(other, lines[one])
    elif way == 6:
        del lines[one]
    elif way == 7:
        digits = [k for k in range(len(data)) if data[k : k + 1].isdigit()]
        k = rng.choice(digits)
        return data[:k] + str(rng.randrange(10)).encode() + data[k + 1 :]
    else:
        return b"\n".join([*lines[:one], *lines[other:]])
    return b"\n".join(lines)


def mutated_lines(lines: list[dict], rng: random.Random) -> list[dict]:
    """Lines of which one says something else."""
    lines = json.loads(json.dumps(lines))
    line = lines[0] if rng.random() < 0.5 else rng.choice(lines)
    key = rng.choice(list(line))
    way = rng.randrange(4)
    if way == 0:
        del line[key]
    elif way == 1:
        line[rng.choice(["x", "t", "a", "h", "closed", "rng", "k", "map"])] = rng.choice(HOSTILE)
    elif way == 2 and isinstance(line[key], dict | list) and line[key]:
        inner = rng.choice(list(line[key])) if isinstance(line[key], dict) else rng.randrange(len(line[key]))
        line[key][inner] = rng.choice(HOSTILE)
    elif key == "settings":
        setting = rng.choice(
            ["map", "n_agents", "window", "looks", "preset", "x", "compiled", "seed", *lines[0].get("params", ())]
        )
        line[key][setting] = rng.choice(HOSTILE)
    else:
        line[key] = rng.choice(HOSTILE)
    return lines


@contextmanager
def within(seconds: float) -> Iterator[None]:
    def too_long(number, frame):
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def replayed(path):
    """A recording that was replayed to its end; None if it was refused in plain words."""
    with within(5):
        try:
            recording = load_recording(path)
            recording.replay().go(len(recording))
        except (RecordingError, Untrusted) as error:
            refusal = str(error)
        else:
            return recording
    assert str(path) in refusal
    assert "Traceback" not in refusal
    return None


def same_session(found, original):
    """Whether all that matters is as it was, as far as it goes; and whether that is said where something is missing."""
    n = len(found)
    keys = ("world", "seed", "settings", "players", "humans", "actions", "n_agents")
    assert [found.header[key] for key in keys] == [original.header[key] for key in keys]
    np.testing.assert_array_equal(found.actions, original.actions[:n])
    np.testing.assert_array_equal(found.rewards, original.rewards[:n])
    np.testing.assert_array_equal(found.ends, original.ends[:n])
    assert found.resets == [turn for turn in original.resets if turn <= n + 1][: len(found.resets)]
    assert found.closed is (n == len(original) and len(found.resets) == len(original.resets) and not found.cut) or (
        "Unfinished" in found.remark
    )


def fuzz(tmp_path, n, seed):
    rng = random.Random(seed)
    sources = []
    for name, settings, close in (
        ("treasure_hunt", None, True), ("coins", {}, True), ("cleanup", {}, False), ("matrix_game", {}, True),
    ):  # fmt: skip
        path = tmp_path / f"{name}.jsonl"
        record(path, name, settings, turns=24, restart_at=(11,), close=close)
        sources.append((load_recording(path), path.read_bytes(), lines_of(path)))
    accepted, path = 0, tmp_path / "mutated.jsonl"
    for k in range(n):
        original, data, lines = rng.choice(sources)
        if k % 2:
            path.write_bytes(mutated_bytes(data, rng))
            found = replayed(path)
            if found is not None:
                accepted += 1
                same_session(found, original)
        else:  # by somebody who knows how the marks are made: nothing may crash, hang or end in a trace
            try:
                reseal(path, mutated_lines(lines, rng))
            except UnicodeEncodeError:
                continue
            replayed(path)
    assert accepted < n / 4
    for name in ("coins", "cleanup"):  # the first version had no marks: nothing may crash, hang or end in a trace
        data = (BEFORE / f"{name}.jsonl").read_bytes()
        for _ in range(n // 10):
            path.write_bytes(mutated_bytes(data, rng))
            replayed(path)


def test_mutated_recordings_are_refused_in_plain_words(tmp_path):
    fuzz(tmp_path, 50, 0)


@pytest.mark.slow
def test_two_thousand_mutated_recordings_are_refused_in_plain_words(tmp_path):
    fuzz(tmp_path, 2000, 1)
