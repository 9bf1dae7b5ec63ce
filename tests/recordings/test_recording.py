"""Sessions on disk: they replay bit for bit, survive being cut, and say so where they cannot be replayed."""

import csv
import errno
import os

import numpy as np
import pytest
from recording_files import lines_of, reseal

from sorrelsim.play.opponents import partners_of, seat_opponents
from sorrelsim.play.session import Session
from sorrelsim.recordings import Recorder, RecordingError, WorldSpec, load_recording, state_hash

FIELD = "WWWWWWW\nWP P PW\nW  g  W\nWP f PW\nWWWWWWW"


def record(path, turns=40, seed=3, world="treasure_hunt", settings=None, restart_at=(), humans=(0,)):
    """Play at random, restarting before some turns; returns the hashes and scores that went by."""
    spec = WorldSpec(world, seed, {"map": FIELD, "max_steps": 15} if settings is None else settings)
    made = spec.make()
    agents, labels = seat_opponents(made, "random", seed)
    session = Session(made, agents, labels, humans, Recorder(path, spec, made, labels, humans))
    rng = np.random.default_rng(0)
    hashes, rewards = [state_hash(made)], []
    for turn in range(1, turns + 1):
        for _ in range(restart_at.count(turn)):
            session.restart()
        chosen = {slot: int(rng.integers(made.n_actions)) for slot in humans}
        session.step(chosen, dict.fromkeys(humans, 7.25))
        hashes.append(state_hash(made))
        rewards.append(made.reward[0].copy())
    session.close()
    return hashes, np.array(rewards)


def test_a_session_replays_to_the_same_states_over_episodes_and_restarts(tmp_path):
    hashes, rewards = record(tmp_path / "a.jsonl", turns=150, restart_at=(20, 60, 60))
    recording = load_recording(tmp_path / "a.jsonl")
    assert (len(recording), recording.cut, recording.resets) == (150, False, [20, 60, 60])
    assert recording.ends.sum() > 5
    np.testing.assert_array_equal(recording.rewards, rewards)
    replay = recording.replay()
    for turn in range(1, 151):
        replay.forward()
        assert state_hash(replay.world) == hashes[turn]
        np.testing.assert_array_equal(replay.world.reward[0], rewards[turn - 1])
    with pytest.raises(IndexError, match="150 turns"):
        replay.forward()


def test_going_to_and_fro_gives_the_same_states(tmp_path):
    hashes, _ = record(tmp_path / "a.jsonl", turns=150, restart_at=(65, 130))
    replay = load_recording(tmp_path / "a.jsonl").replay()
    for turn in (150, 0, 70, 64, 65, 63, 149, 1, 129, 130, 131):
        replay.go(turn)
        assert (replay.turn, state_hash(replay.world)) == (turn, hashes[turn])


def test_every_setting_is_kept_and_a_map_file_is_not_needed_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_map.txt").write_text(FIELD)
    hashes, _ = record("b.jsonl", settings={"map": "my_map.txt", "n_agents": 3, "spawn_probability": 0.2})
    (tmp_path / "my_map.txt").unlink()
    replay = load_recording("b.jsonl").replay()
    replay.go(40)
    assert state_hash(replay.world) == hashes[40]
    assert replay.world.n_agents == 3


@pytest.mark.parametrize("lost", [1, 5, 30, 400])
def test_a_file_cut_anywhere_loads_up_to_its_last_whole_line(tmp_path, lost):
    record(tmp_path / "a.jsonl", turns=30)
    data = (tmp_path / "a.jsonl").read_bytes()
    (tmp_path / "cut.jsonl").write_bytes(data[:-lost])
    whole = sum(line.startswith(b'{"t"') for line in data[:-lost].split(b"\n")[:-1])
    cut = load_recording(tmp_path / "cut.jsonl")
    assert len(cut) == whole
    assert (whole < 30) == (lost > 200)
    assert cut.cut or data[-lost - 1 : -lost] == b"\n"
    assert not cut.closed
    assert cut.remark == f"Unfinished: it was cut off, and this is all up to its last whole line, {whole} turns."
    assert "unfinished" in repr(cut)
    cut.replay().go(whole)


def test_every_turn_is_in_the_file_before_the_next_begins(tmp_path):
    spec = WorldSpec("treasure_hunt", 1, {"map": FIELD})
    world = spec.make()
    agents, labels = seat_opponents(world, "random")
    session = Session(world, agents, labels, [], Recorder(tmp_path / "a.jsonl", spec, world, labels, []))
    for turn in range(1, 6):
        session.step({})
        assert len(load_recording(tmp_path / "a.jsonl")) == turn  # nothing was closed, nothing flushed by hand
    session.close()


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    spec = WorldSpec("treasure_hunt", 1, {"map": FIELD})
    world = spec.make()
    agents, labels = seat_opponents(world, "random")
    recorder = Recorder(tmp_path / "a.jsonl", spec, world, labels, [])
    session = Session(world, agents, labels, [], recorder)
    write, room = os.write, [40]

    def small_disk(file, data):
        if file != recorder._file:
            return write(file, data)
        if room[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = data[: room[0]]
        room[0] -= len(part)
        return write(file, part)

    session.step({})
    monkeypatch.setattr(os, "write", small_disk)
    for _ in range(5):
        session.step({})
    assert "No space left" in recorder.problem
    assert len(load_recording(tmp_path / "a.jsonl")) == 1  # the second line was cut in the middle
    room[0] = 10**9
    session.step({})
    assert recorder.problem == ""
    assert len(load_recording(tmp_path / "a.jsonl")) == 7
    room[0] = 3
    session.step({})
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    session.close()
    assert recorder.path.parent == tmp_path / "elsewhere"
    rescued = load_recording(recorder.path)
    assert len(rescued) == 8
    rescued.replay().go(8)


def test_a_recording_is_never_written_over(tmp_path):
    record(tmp_path / "a.jsonl", turns=2)
    with pytest.raises(RecordingError, match="exists already"):
        record(tmp_path / "a.jsonl", turns=2)


def edit_header(path, **changes):
    lines = lines_of(path)
    reseal(path, [lines[0] | changes, *lines[1:]])


def test_another_version_of_the_world_names_both_and_the_state_that_differs(tmp_path):
    hashes, _ = record(tmp_path / "a.jsonl", turns=20)
    path = tmp_path / "a.jsonl"
    edit_header(path, world_version=99, world_hash="feedc0ffee00")
    recording = load_recording(path)
    with pytest.raises(RecordingError, match=r"version 99 .*feedc0ffee00.*state hashes agree"):
        recording.replay()
    edit_header(path, state_hash="0123456789abcdef")
    with pytest.raises(RecordingError, match=rf"at turn 0: recorded state 0123456789abcdef, here {hashes[0]}"):
        load_recording(path).replay()
    unchecked = load_recording(path).replay(check=False)
    unchecked.go(20)
    assert state_hash(unchecked.world) == hashes[20]


def test_a_changed_action_is_noticed_at_the_next_state_hash_at_the_latest(tmp_path):
    path = tmp_path / "a.jsonl"
    record(path, turns=16, settings={"map": FIELD})
    lines = lines_of(path)
    lines[3]["a"][0] = (lines[3]["a"][0] + 1) % 4
    reseal(path, lines)
    with pytest.raises(RecordingError, match=r"at turn \d+: recorded (reward|state) [-.\da-f]+( of slot \d)?, here "):
        load_recording(path).replay().go(16)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: [], "is not a recording"),
        (lambda lines: ["GIF89a"], "is not a recording"),
        (lambda lines: ['{"format": "sorrelsim-recording", "version": 7}'], "format version 7"),
        (lambda lines: ['{"format": "sorrelsim-recording", "version": 1}'], "the header lacks actions, "),
        (lambda lines: [*lines[:3], "rubbish", *lines[3:]], "line 4: damaged"),
        (lambda lines: [lines[0], *lines[2:]], "line 2: damaged .turn 1 "),
        (lambda lines: [lines[0], lines[1].replace('"a":[', '"a":[99,')], "line 2: damaged"),
    ],
)
def test_a_damaged_file_is_told_with_its_line(tmp_path, damage, message):
    path = tmp_path / "a.jsonl"
    record(path, turns=5)
    lines = damage(path.read_text().splitlines())
    path.write_text("".join(line + "\n" for line in lines))
    with pytest.raises(RecordingError, match=message):
        load_recording(path)
    with pytest.raises(RecordingError, match="cannot read"):
        load_recording(tmp_path / "none.jsonl")


def test_the_table_has_a_row_a_turn_and_slot(tmp_path):
    record(tmp_path / "a.jsonl", turns=40, restart_at=(20,))
    recording = load_recording(tmp_path / "a.jsonl")
    recording.save_table(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 80
    for row in rows:
        turn, slot = int(row["turn"]) - 1, int(row["slot"])
        assert row["action_name"] == ("up", "down", "left", "right")[recording.actions[turn, slot]]
        assert float(row["reward"]) == recording.rewards[turn, slot]
        assert (row["human"], row["key_ms"]) == (("True", "7.25") if slot == 0 else ("False", ""))
        assert 1 <= int(row["row"]) <= 3
    # An episode lasts 15 turns; the second was cut at turn 20, so its third begins there.
    starts = [int(row["turn"]) for row in rows[::2] if row["step"] == "1"]
    assert starts == [1, 16, 20, 35]
    assert [row["episode"] for row in rows[::2] if row["step"] == "1"] == ["1", "2", "3", "4"]
    with pytest.raises(ValueError, match=r"\.csv or \.parquet"):
        recording.save_table(tmp_path / "a.xlsx")


def test_parquet_holds_the_same_rows(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    record(tmp_path / "a.jsonl", turns=5)
    recording = load_recording(tmp_path / "a.jsonl")
    recording.save_table(tmp_path / "a.parquet")
    assert parquet.read_table(tmp_path / "a.parquet").to_pylist() == list(recording.rows())


def test_parquet_without_pyarrow_names_the_way_out(tmp_path, monkeypatch):
    record(tmp_path / "a.jsonl", turns=2)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ValueError, match="pip install pyarrow"):
        load_recording(tmp_path / "a.jsonl").save_table(tmp_path / "a.parquet")


def test_as_a_buffer_it_holds_what_the_person_saw_did_and_got(tmp_path):
    record(tmp_path / "a.jsonl", turns=40, restart_at=(20,))
    recording = load_recording(tmp_path / "a.jsonl")
    buffer = recording.to_buffer()
    assert (buffer.n_streams, len(buffer)) == (1, 41)  # one empty row bounds the episode that was left
    state = buffer.state_dict()
    rows = [turn for turn in range(41) if turn != 19]
    np.testing.assert_array_equal(state["actions"][rows, 0], recording.actions[:, 0])
    np.testing.assert_array_equal(state["rewards"][rows, 0], recording.rewards[:, 0])
    assert state["kind"][:, 0].tolist() == [2 if k in (14, 34) else 3 if k == 19 else 0 for k in range(41)]
    replay = recording.replay()
    for turn, row in enumerate(rows):
        if turn == 19:
            replay.restart()
        np.testing.assert_array_equal(state["frames"]["grid"][row, 0], replay.world.obs[0, 0])
        replay.forward()
    assert recording.to_buffer(slots=[0, 1]).n_streams == 2


def test_it_shows_itself_in_a_notebook(tmp_path):
    record(tmp_path / "a.jsonl", turns=3)
    recording = load_recording(tmp_path / "a.jsonl")
    assert recording._repr_png_().startswith(b"\x89PNG")
    assert recording.spec.make()._repr_png_().startswith(b"\x89PNG")
    assert "3 turns" in repr(recording)


def change_seats(path):
    """A session of two turns in slot 0, one after moving to 2, and two after moving on to 1; five turns in all."""
    spec = WorldSpec("treasure_hunt", 3, {"map": FIELD, "n_agents": 3})
    made = spec.make()
    agents, labels = seat_opponents(made, "random", 3, [0])
    session = Session(made, agents, labels, [0], Recorder(path, spec, made, ["person", *labels[1:]], [0]))
    for turn in range(5):
        if turn in (2, 3):
            session.sit(0, 2 if turn == 2 else 1)
        session.step({session.humans[0]: turn % 4}, {session.humans[0]: 7.25})
    session.close()


def test_who_changes_slots_is_followed_by_table_and_memory(tmp_path):
    change_seats(tmp_path / "a.jsonl")
    recording = load_recording(tmp_path / "a.jsonl")
    assert [seating.since for seating in recording.seatings] == [1, 3, 4]
    rows = list(recording.rows())
    # The person's slot by turn is 0, 0, 2, 1, 1; whoever sits elsewhere is a random agent, and no person.
    assert [row["slot"] for row in rows if row["human"]] == [0, 0, 2, 1, 1]
    assert [row["slot"] for row in rows if row["player"] == "person"] == [0, 0, 2, 1, 1]
    assert {row["player"] for row in rows if not row["human"]} == {"random"}
    assert [row["key_ms"] for row in rows if row["human"]] == [7.25] * 5
    # Since which turn the one who sits there has: slot 1 is taken in turn 4, slot 2 taken in 3 and left in 4.
    assert [[row["since"] for row in rows if row["slot"] == slot] for slot in range(3)] == [
        [1, 1, 3, 3, 3], [1, 1, 1, 4, 4], [1, 1, 3, 4, 4]]  # fmt: skip
    buffer = recording.to_buffer()
    state = buffer.state_dict()
    # One stream, the person's, in which each change of slots is a boundary (kind 3).
    assert (buffer.n_streams, len(buffer)) == (1, 7)
    assert state["kind"][:7, 0].tolist() == [0, 0, 3, 0, 3, 0, 0]
    assert state["actions"][[0, 1, 3, 5, 6], 0].tolist() == [0, 1, 2, 3, 0]
    played = recording.to_buffer(slots=[0]).state_dict()
    np.testing.assert_array_equal(played["actions"][:5, 0], recording.actions[:, 0])


def test_a_change_of_slots_in_a_file_of_before_is_read_from_its_note(tmp_path):
    change_seats(tmp_path / "a.jsonl")
    lines = [
        {"note": f"person {line['person']} plays slot {line['slot']}", "ms": line["ms"]} if "person" in line else line
        for line in lines_of(tmp_path / "a.jsonl")
    ]
    reseal(tmp_path / "a.jsonl", [lines[0] | {"version": 2}, *lines[1:]])
    rows = list(load_recording(tmp_path / "a.jsonl").rows())
    assert [row["slot"] for row in rows if row["human"]] == [0, 0, 2, 1, 1]
    assert [row["player"] for row in rows if row["slot"] == 0] == ["person"] * 2 + ["unknown"] * 3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"person": 1}, "person 1, where 1 play"),
        ({"slot": 3}, "person 0 cannot change to slot 3"),
        ({"slot": 0}, "person 0 cannot change to slot 0"),
        ({"left": 1}, "person 0 left slot 1, and sat in slot 0"),
        ({"player": 5}, "player is a label"),
    ],
)
def test_a_change_of_slots_that_cannot_be_names_its_line(tmp_path, changed, message):
    change_seats(tmp_path / "a.jsonl")
    lines = lines_of(tmp_path / "a.jsonl")
    at = next(k for k, line in enumerate(lines) if "person" in line)
    lines[at] |= changed
    reseal(tmp_path / "a.jsonl", lines)
    with pytest.raises(RecordingError, match=rf"line {at + 1}: damaged \({message}"):
        load_recording(tmp_path / "a.jsonl")


def test_a_session_of_no_turns_and_no_keys_has_a_table_with_header_and_types(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    record(tmp_path / "a.jsonl", turns=0)
    recording = load_recording(tmp_path / "a.jsonl")
    recording.save_table(tmp_path / "a.csv")
    (header,) = (tmp_path / "a.csv").read_text().splitlines()
    assert header.startswith("participant,condition,session,world,world_version,seed,started,turn,episode,step,ms,")
    recording.save_table(tmp_path / "a.parquet")
    empty = parquet.read_table(tmp_path / "a.parquet")
    assert (empty.num_rows, empty.column_names) == (0, header.split(","))
    record(tmp_path / "b.jsonl", turns=2, humans=())
    load_recording(tmp_path / "b.jsonl").save_table(tmp_path / "b.parquet")
    assert parquet.read_table(tmp_path / "b.parquet").schema.equals(empty.schema)
    assert str(empty.schema.field("key_ms").type) == "double"


STUDY = {"participant": "P07", "condition": "told", "session": 2, "fields": {"age": "31"}}


def in_a_study(path, study=STUDY):
    """Two episodes of fifteen turns and four turns of a third; every second turn a key, held in the third."""
    spec = WorldSpec("treasure_hunt", 3, {"map": FIELD, "max_steps": 15})
    made = spec.make()
    agents, labels = seat_opponents(made, "random", 3, [0])
    partners = partners_of(agents, "random", made.n_agents)
    session = Session(made, agents, labels, [0], Recorder(path, spec, made, labels, [0], study, partners))
    for turn in range(34):
        session._seen = 100.0 * turn
        pressed = {0: 100.0 * turn + 10.0 * (turn % 3)} if turn % 2 == 0 else {}
        session.step({0: turn % 4}, pressed, [0] if turn == 2 else [])
    session.close()


def test_tables_say_of_what_session_they_are_and_how_fast_keys_were(tmp_path):
    in_a_study(tmp_path / "a.jsonl")
    rows = list(load_recording(tmp_path / "a.jsonl").rows())
    assert {(row["participant"], row["condition"], row["session"], row["age"]) for row in rows} == {
        ("P07", "told", 2, "31")
    }
    assert {(row["world"], row["seed"]) for row in rows} == {("treasure_hunt", 3)}
    mine, other = rows[0::2], rows[1::2]
    # A picture at 100 t; keys 10 (t mod 3) ms later in turns 0, 2, 4, ...; that of turn 2 was held down.
    assert [row["reaction_ms"] for row in mine[:7]] == [0.0, None, None, None, 10.0, None, 0.0]
    assert [row["held"] for row in mine[:4]] == [False, False, True, False]
    assert {row["partner"] for row in mine} == {""}
    assert {row["partner"] for row in other} == {"sorrelsim.agents.random.Random"}
    assert {row["shown_ms"] for row in rows[:4]} == {0.0, 100.0}


def test_a_table_of_episodes_has_returns_ranks_and_medians(tmp_path):
    in_a_study(tmp_path / "a.jsonl")
    recording = load_recording(tmp_path / "a.jsonl")
    rows = list(recording.episodes())
    assert [(row["episode"], row["first_turn"], row["turns"], row["ended"]) for row in rows[::2]] == [
        (1, 1, 15, True), (2, 16, 15, True), (3, 31, 4, False)]  # fmt: skip
    for k, (mine, other) in enumerate(zip(rows[::2], rows[1::2], strict=True)):
        part = recording.rewards[15 * k : 15 * k + 15].sum(0)
        assert [mine["return"], other["return"]] == part.tolist()
        assert sorted([mine["rank"], other["rank"]]) == ([1, 1] if part[0] == part[1] else [1, 2])
        assert (mine["human"], other["human"], other["keys"], other["reaction_ms"]) == (True, False, 0, None)
    # Keys in turns 0, 2, .., 14 but for 2, which was held; reactions 10 (t mod 3): 0, 10, 0, 20, 10, 0, 20.
    assert (rows[0]["keys"], rows[0]["reaction_ms"]) == (7, 10.0)


def test_a_codebook_lies_beside_every_table(tmp_path):
    in_a_study(tmp_path / "a.jsonl")
    recording = load_recording(tmp_path / "a.jsonl")
    for of in ("turns", "episodes"):
        recording.save_table(tmp_path / f"{of}.csv", of=of)
        header = (tmp_path / f"{of}.csv").read_text().splitlines()[0].split(",")
        book = (tmp_path / f"{of}.codebook.md").read_text()
        assert header == [line.split("`")[1] for line in book.splitlines() if line.startswith("| `")]
        assert "- world: treasure_hunt, version" in book
    with pytest.raises(ValueError, match="did you mean 'episodes'"):
        recording.save_table(tmp_path / "a.csv", of="episode")


@pytest.mark.parametrize("study", [{"participant": 3}, {"sessions": 1}, {"session": -1}, {"fields": {"age": 31}}, []])
def test_what_a_study_says_is_checked(tmp_path, study):
    record(tmp_path / "a.jsonl", turns=1)
    lines = lines_of(tmp_path / "a.jsonl")
    reseal(tmp_path / "a.jsonl", [lines[0] | {"study": study}, *lines[1:]])
    with pytest.raises(RecordingError, match="study is participant, condition, session and fields"):
        load_recording(tmp_path / "a.jsonl")
