"""Signals and closed outputs: what was learned is saved, and the exit code says what happened."""

import signal
import subprocess
import sys
import time

import pytest

from sorrelsim.cli.output import Output
from sorrelsim.cli.stopping import stop_on_signals
from sorrelsim.experiments import run_folder as runs
from sorrelsim.experiments.checkpoints import checkpoints
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.run import load_run, run

CONFIG = """
world: {name: treasure_hunt, max_steps: %d, compiled: false}
n_worlds: 2
seats: [{model: random}]
epochs: %d
turns: 20
evaluation: {n_worlds: 2, gif_turns: 3, max_turns: 1000000}
"""
TRAIN = [sys.executable, "-m", "sorrelsim", "train", "tiny.yaml"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for another process")


def begin(place, max_steps=50):
    """Starts a run, and waits for its first epoch."""
    (place / "tiny.yaml").write_text(CONFIG % (max_steps, 10**6))
    process = subprocess.Popen(TRAIN, cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    metrics = place / "runs" / "tiny-001" / "metrics.csv"
    waited = time.monotonic() + 60
    while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < waited:
        time.sleep(0.02)
    return process, metrics.parent


def assert_whole(folder):
    metrics = runs.read_metrics(folder)
    loaded = load_run(folder)
    steps = {agent.model.agent_steps for agent in loaded.agents(loaded.world(1))}
    assert steps == {metrics["env_steps"][-1]}  # one slot each
    return metrics


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 0), (signal.SIGHUP, 129)])
def test_a_signal_saves_all_and_the_exit_code_says_which(tmp_path, number, code):
    process, folder = begin(tmp_path)
    process.send_signal(number)
    output, error = process.communicate(timeout=60)
    assert process.returncode == code, error
    assert "stopped early" in output
    assert assert_whole(folder)["eval_way"][-1] == "sampled"
    assert {"curve.png", "episode.gif"} <= {path.name for path in folder.iterdir()}
    assert load_run(folder).facts["end"] == "stopped"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_saves_all_without_the_evaluation(tmp_path, number, code):
    process, folder = begin(tmp_path, max_steps=10**6)  # an evaluation that takes longer than anyone waits
    process.send_signal(number)
    time.sleep(1)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == code, error
    assert "Traceback" not in error
    assert "eval_way" not in assert_whole(folder)
    assert not (folder / "episode.gif").exists()


def test_a_kill_in_the_evaluation_that_follows_a_signal_costs_nothing(tmp_path):
    """As where a machine is taken away some seconds after it was asked for."""
    process, folder = begin(tmp_path, max_steps=10**6)
    process.send_signal(signal.SIGTERM)
    time.sleep(1.5)
    process.kill()
    process.communicate()
    assert_whole(folder)


def test_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals(None):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_reader_that_leaves_does_not_stop_the_run(tmp_path):
    (tmp_path / "tiny.yaml").write_text(CONFIG % (50, 8))
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m sorrelsim train tiny.yaml | head -1; echo code ${{PIPESTATUS[0]}}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "code 0"
    folder = tmp_path / "runs" / "tiny-001"
    assert assert_whole(folder)["epoch"].tolist() == list(range(1, 9))
    assert load_run(folder).facts["end"] == "finished"
    assert done.stderr.splitlines() == [
        "the output cannot be written any more ([Errno 32] Broken pipe); the run goes on and is saved in runs/tiny-001"
    ]


def test_a_run_goes_on_without_any_output_at_all(tmp_path):
    (tmp_path / "tiny.yaml").write_text(CONFIG % (50, 8))
    piped = f"{sys.executable} -m sorrelsim train tiny.yaml 2>&1 | true; echo code ${{PIPESTATUS[0]}}"
    for shell in (piped, f"{sys.executable} -m sorrelsim train tiny.yaml >&- 2>&-; echo code $?"):
        done = subprocess.run(["bash", "-c", shell], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.stdout == "code 0\n"
    for number in (1, 2):
        assert len(assert_whole(tmp_path / "runs" / f"tiny-00{number}")["epoch"]) == 8


def test_an_output_is_silent_after_its_first_failure(capsys):
    class Full:
        encoding = "utf-8"

        def write(self, text):
            raise OSError(28, "No space left on device")

        def fileno(self):
            raise OSError

    output = Output(Full(), "it goes on")
    assert output.write("one") == 3
    assert output.write("two") == 3
    output.flush()
    assert not output.isatty()
    assert capsys.readouterr().err == (
        "the output cannot be written any more ([Errno 28] No space left on device); it goes on\n"
    )


def test_a_stop_between_two_epochs_is_evaluated_and_saved_too(tmp_path):
    """As where it is asked for while an epoch's row is written."""
    (tmp_path / "tiny.yaml").write_text(CONFIG % (50, 100))
    experiment = Experiment(tmp_path / "tiny.yaml", [f"runs={tmp_path}"])

    class Stops:
        def epoch(self, row):
            if row["epoch"] == 3:
                experiment.stop()

        def doing(self, what):
            if what == "evaluating":  # which may take longer than whoever asked waits
                assert_whole(next(tmp_path.glob("*-001")))
                looked.append(experiment.epoch)

    looked = []
    folder = run(experiment, watcher=Stops())
    assert assert_whole(folder)["epoch"].tolist() == [1, 2, 3]
    assert runs.read_metrics(folder)["eval_way"][-1] == "sampled"
    assert load_run(folder).facts["end"] == "stopped"
    assert checkpoints(folder)[0].progress.epoch == 3
    assert looked == [3]
