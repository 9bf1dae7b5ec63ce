"""The commands: what they do without a screen, and what they say to wrong input."""

import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from sorrelsim.cli.play import play, watch
from sorrelsim.recordings import load_recording

app = typer.Typer()
app.command()(play)
app.command()(watch)
FIELD = "WWWWWWW\nWP P PW\nW  g  W\nWP f PW\nWWWWWWW"


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def keep_a_session(folder):
    kept = folder / "a.jsonl"
    how = ("--mode", "realtime", "--speed", 60, "--out", kept, "--size", "640x480")
    assert run("play", "treasure_hunt", "--no-card", "--seed", 1, *how).exit_code == 0
    return kept


def test_importing_the_commands_is_light():
    code = (
        "import sys, sorrelsim.cli.play; "
        "assert not {'pygame', 'numba', 'torch', 'matplotlib', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def closes_at_once(monkeypatch, dummy):
    """Windows that close after some turns of their loop, and of the game if there is one."""
    import sorrelsim.play.base_window as base_window

    spin, spins = base_window.BaseWindow.spin, []

    def spin_a_little(self):
        spin(self)
        spins.append(self)
        enough = not hasattr(self, "session") or self.session.turns >= 3 or spins.count(self) >= 300
        self.done = self.done or (spins.count(self) >= 6 and enough)

    monkeypatch.setattr(base_window.BaseWindow, "spin", spin_a_little)


def test_play_keeps_a_session_that_watch_opens_and_exports(tmp_path, closes_at_once):
    field = tmp_path / "field.txt"
    field.write_text(FIELD)
    kept = tmp_path / "a.jsonl"
    done = run(
        "play", "treasure_hunt", "spawn_probability=0.1", "--map", field, "--seed", 4, "--mode", "realtime",
        "--no-card", "--speed", 60, "--out", kept, "--size", "640x480",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    recording = load_recording(kept)
    assert f"kept {len(recording)} turns in {kept}" in done.output
    assert recording.closed
    assert recording.header["seed"] == 4
    assert recording.header["params"]["spawn_probability"] == 0.1
    assert run("watch", kept, "--size", "640x480").exit_code == 0
    assert run("watch", kept, "--export", tmp_path / "a.gif").exit_code == 0
    assert (tmp_path / "a.gif").read_bytes()[:4] == b"GIF8"
    assert run("watch", kept, "--export", tmp_path / "a.csv").exit_code == 0
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 2 * len(recording)


def test_a_gif_has_a_picture_a_turn(tmp_path, closes_at_once):
    from PIL import Image

    kept = keep_a_session(tmp_path)
    recording = load_recording(kept)
    from sorrelsim.recordings.film import animation, frames_of, save_film

    frames = list(frames_of(recording))
    assert len(frames) == len(recording) + 1
    frames[0] = frames[0] // 2  # so that all differ: a file of equal pictures would hold them once
    shown = animation([frames[0], frames[-1]])
    shown.save(tmp_path / "b.gif")
    with Image.open(tmp_path / "b.gif") as gif:
        assert gif.n_frames == 2
        assert gif.size == (frames[0].shape[1] * 2, frames[0].shape[0] * 2)
    assert "data:image/gif;base64," in shown._repr_html_()
    with pytest.raises(ValueError, match=r"\.gif or \.mp4"):
        save_film(recording, tmp_path / "a.avi")
    with pytest.raises(ValueError, match="at least one"):
        animation([])


def test_mp4_is_written_or_names_what_is_missing(tmp_path, closes_at_once):
    import importlib.util

    kept = keep_a_session(tmp_path)
    done = run("watch", kept, "--export", tmp_path / "a.mp4")
    if importlib.util.find_spec("imageio_ffmpeg"):
        assert done.exit_code == 0
        assert (tmp_path / "a.mp4").stat().st_size > 1000
    else:
        assert "imageio-ffmpeg" in str(done.exception)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["play", "cleanpu"], "no world 'cleanpu'; did you mean 'cleanup'"),
        (["play", "cleanup", "--slot", "7"], "no slot 7 in cleanup; allowed: 0 to 6"),
        (["play", "cleanup", "--humans", "0,0"], "a slot is named twice"),
        (["play", "cleanup", "--humans", "a"], "slots are whole numbers"),
        (["play", "cleanup", "--humans", "0,1,2,3,4"], "5 people at one keyboard"),
        (["play", "cleanup", "--others", "randon"], "no model 'randon'; did you mean 'random'"),
        (["play", "cleanup", "--mode", "turn"], "did you mean 'turns'"),
        (["play", "cleanup", "--view", "maps"], "did you mean 'map'"),
        (["play", "cleanup", "--size", "big"], "such as 1280x720"),
        (["play", "cleanup", "zap_timeot=3"], "did you mean 'zap_timeout'"),
        (["play", "cleanup", "zap_timeout"], "write key=value, such as zap_timeout=10"),
        (["play", "cleanup", "--keys", "none.yaml"], "none.yaml"),
        (["watch", "none.jsonl"], "cannot read none.jsonl"),
        (["watch", "."], "config.yaml"),
    ],
)
def test_wrong_input_is_told(words, message, closes_at_once):
    done = run(*words)
    assert done.exit_code != 0
    assert message in str(done.exception)
    assert isinstance(done.exception, ValueError | OSError)  # which the command line prints in a line


def test_without_a_display_the_ways_out_are_named(monkeypatch, tmp_path):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    if not sys.platform.startswith("linux"):
        pytest.skip("a display is missed by its environment variables on Linux only")
    done = run("play", "cleanup", "--out", tmp_path / "a.jsonl")
    assert "xvfb-run" in str(done.exception)
    assert not (tmp_path / "a.jsonl").exists()


def test_bots_by_name_and_several(tmp_path):
    from sorrelsim.play.opponents import seat_opponents
    from sorrelsim.recordings import WorldSpec

    world = WorldSpec("cleanup", 0).make()
    agents, labels = seat_opponents(world, "cleanup_cooperator,random", 0, [0, 1])
    assert len(agents) == 7
    assert labels[2:] == ["cleanup cooperator", "random", "random", "random", "random"]


def test_every_world_can_be_played(closes_at_once):
    from sorrelsim.library.find import names

    for name in names("worlds"):
        done = run("play", name, "--no-card", "--seed", 1, "--mode", "realtime", "--speed", 60, "--size", "800x600")
        assert done.exit_code == 0, (name, done.exception)


def test_trained_agents_are_watched_live_and_played_with_in_their_own_world(tmp_path, closes_at_once, monkeypatch):
    from sorrelsim.experiments.loop import Experiment
    from sorrelsim.experiments.run import run as run_experiment

    monkeypatch.chdir(tmp_path)
    config = {
        "world": {"name": "treasure_hunt", "map": FIELD, "compiled": False, "spawn_probability": [0.25, 0.5]},
        "n_worlds": 2, "epochs": 1, "turns": 5, "seats": [{"slots": "each", "model": "random"}], "runs": str(tmp_path),
        "evaluation": {"gif_turns": 0},
    }  # fmt: skip
    folder = run_experiment(Experiment(config))
    assert run("watch", folder, "--speed", 60, "--record", "--size", "640x480").exit_code == 0
    (kept,) = (tmp_path / "recordings").iterdir()
    recording = load_recording(kept)
    assert (recording.header["humans"], recording.header["players"]) == ([], ["Random", "Random"])
    assert recording.header["params"]["spawn_probability"] == 0.25
    recording.replay().go(len(recording))
    out = tmp_path / "mine.jsonl"
    done = run(
        "play",
        "treasure_hunt",
        "--no-card",
        "--others",
        folder,
        "--out",
        out,
        "--size",
        "640x480",
        "--mode",
        "realtime",
    )
    assert done.exit_code == 0, done.exception
    assert load_recording(out).header["players"] == ["person", "Random"]
    wrong = run("play", "cleanup", "--others", folder)
    assert "were trained in 'treasure_hunt', not in 'cleanup'" in str(wrong.exception)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.txt", r"a film ends in \.gif or \.mp4, a table in \.csv or \.parquet"),
        ("file/a.gif", "file"),
        ("folder.gif", "is a folder; name a file"),
    ],
)
def test_an_export_that_cannot_be_is_told_before_anything_is_drawn(
    tmp_path, closes_at_once, monkeypatch, name, message
):
    kept = keep_a_session(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.gif").mkdir()

    def replay(*_, **__):
        raise AssertionError("it was replayed")

    monkeypatch.setattr("sorrelsim.recordings.read.Recording.replay", replay)
    done = run("watch", kept, "--export", tmp_path / name)
    assert done.exit_code != 0
    assert re.search(message, str(done.exception))
    assert isinstance(done.exception, ValueError | OSError)


def test_an_export_makes_the_folder_that_it_needs(tmp_path, closes_at_once):
    kept = keep_a_session(tmp_path)
    assert run("watch", kept, "--export", tmp_path / "new" / "a.csv").exit_code == 0
    assert (tmp_path / "new" / "a.csv").is_file()


def test_what_a_study_says_reaches_the_tables(tmp_path, closes_at_once):
    kept = tmp_path / "a.jsonl"
    study = ("--participant", "P07", "--condition", "told", "--session", 2, "--field", "age=31", "--field", "hand=left")
    done = run("play", "treasure_hunt", "--no-card", "--seed", 1, "--mode", "realtime", "--speed", 60, "--out", kept,
               "--size", "640x480", "--locked", "--episodes", 3, *study)  # fmt: skip
    assert done.exit_code == 0, done.exception
    assert load_recording(kept).header["study"] == {
        "participant": "P07", "condition": "told", "session": 2, "fields": {"age": "31", "hand": "left"}}  # fmt: skip
    assert run("watch", kept, "--export", tmp_path / "e.csv", "--table", "episodes").exit_code == 0
    header, *rows = (tmp_path / "e.csv").read_text().splitlines()
    assert header.startswith("participant,condition,session,world,world_version,seed,started,age,hand,episode,")
    assert all(row.startswith("P07,told,2,treasure_hunt,") for row in rows)  # none, if it closed before a turn
    assert (tmp_path / "e.codebook.md").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--participant", "P07"], "says (participant) is kept in a recording: add --record or --out FILE"),
        (["--out", "a.jsonl", "--field", "age"], "--field age: write a name and a text, such as age=31"),
        (["--out", "a.jsonl", "--field", "reward=3"], "reward is a column that tables have already"),
        (["--out", "a.jsonl", "--field", "age=3", "--field", "age=4"], "age is given twice"),
    ],
)
def test_what_a_study_cannot_say_is_told(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    done = run("play", "treasure_hunt", *words)
    assert isinstance(done.exception, ValueError)
    assert message in str(done.exception)
    assert not (tmp_path / "a.jsonl").exists()


def test_an_export_of_a_file_that_was_cut_off_says_so(tmp_path, closes_at_once):
    kept = keep_a_session(tmp_path)
    kept.write_bytes(kept.read_bytes()[:-40])  # within its last line, which closes it
    done = run("watch", kept, "--export", tmp_path / "a.csv")
    assert done.exit_code == 0
    assert "Unfinished: it was cut off" in done.stderr


def test_policies_are_warm_before_the_window_opens(tmp_path, monkeypatch, closes_at_once):
    import sorrelsim.play.play_window as play_window
    from sorrelsim.play.session import Session

    order, ready, make = [], Session.ready, play_window.PlayWindow.__init__
    monkeypatch.setattr(Session, "ready", lambda self: (order.append("ready"), ready(self))[1])
    monkeypatch.setattr(play_window.PlayWindow, "__init__", lambda *given: (order.append("window"), make(*given))[1])
    keep_a_session(tmp_path)
    assert order == ["ready", "window"]
