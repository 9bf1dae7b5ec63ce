"""The commands, as a user types them."""

import io
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from sorrelsim.cli.app import app
from sorrelsim.experiments import run_folder as runs
from sorrelsim.library import catalogue
from sorrelsim.library.find import names, shipped

CONFIG = """
world: {name: treasure_hunt, max_steps: 10, compiled: false}
n_worlds: 2
seats:
  - model: random
epochs: 2
turns: 12
evaluation: {n_worlds: 2, gif_turns: 3}
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """An empty study folder with one config, as the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(CONFIG)
    return tmp_path


def call(*arguments, code=0):
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "140", "TERM": "dumb"})
    assert result.exit_code == code, result.output + repr(result.exception)
    return result.output


def command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "sorrelsim", *arguments], capture_output=True, text=True, check=False, **options
    )


def test_list_shows_every_world_and_model():
    text = call("list")
    for name in [*names("worlds"), *names("agents")]:
        assert re.search(rf"^  {name} +\w", text, re.M), name
    assert re.search(r"7 agents, 9 actions.*\n +noop forward .* zap clean", text)


def test_one_part_of_the_list_alone():
    text = call("list", "learners")
    assert text.startswith("Learners\n")
    assert re.search(r"^  ppo +PPO|^  ppo +\w", text, re.M)
    assert "cleanup_cooperator" not in text
    assert "  cleanup_cooperator " in call("list", "players")
    failed = command("list", "learner")
    assert failed.returncode == 1
    assert "did you mean 'learners'" in failed.stderr


def test_the_catalogue_says_what_the_classes_say():
    from sorrelsim.engine.gridworld import Gridworld
    from sorrelsim.library.find import find_class

    for entry in catalogue.entries("worlds"):
        cls = find_class(entry.name, "worlds", Gridworld)
        assert entry.attributes.get("n_agents", 1) == cls.n_agents, entry.name
        assert tuple(entry.attributes["actions"]) == tuple(cls.actions), entry.name
        assert entry.attributes.get("version", 1) == cls.version, entry.name


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["train", "--help"]])
def test_quick_commands_import_nothing_heavy(arguments):
    code = (
        f"import sys; sys.argv = ['sorrelsim', *{arguments!r}]\n"
        "from sorrelsim.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'numba', 'torch', 'matplotlib', 'pygame', 'rich'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("heavy: []\n"), done.stdout[-300:]


def test_what_comes_next_is_one_line_to_copy(study):
    """Though its folder has blanks and is longer than the terminal; and says so where code has to be trusted."""
    (study / "mine").mkdir()
    (study / "mine" / "my_hunt.py").write_bytes(shipped("worlds")["treasure_hunt"].read_bytes())
    runs_in = f"many words {'x' * 140}"
    text = call("train", "tiny.yaml", "epochs=1", f"runs={runs_in}", "world.name=mine/my_hunt.py")
    assert text.endswith(f"next: sorrelsim watch '{runs_in}/tiny-001' --trust (or plot, eval)\n")


def test_train_eval_plot(study):
    text = call("train", "tiny.yaml", "epochs=3")
    assert "epoch 3/3" in text
    assert "runs/tiny-001" in text
    assert text.endswith("next: sorrelsim watch runs/tiny-001 (or plot, eval)\n")
    folder = study / "runs" / "tiny-001"
    assert runs.read_metrics(folder)["epoch"].tolist() == [1, 2, 3]
    call("train", "tiny.yaml")
    assert (study / "runs" / "tiny-002").is_dir()
    assert runs.read_metrics(folder)["epoch"].tolist() == [1, 2, 3]

    text = call("eval", "runs/tiny-001", "--episodes", "3", "--gif", "more.gif")
    assert "3 episodes" in text
    assert re.search(r"agent 1 +random_1 +-?\d", text)
    assert re.search(r"peace +1\.000", text)
    assert Path("more.gif").stat().st_size > 500
    assert call("eval", "runs/tiny-001", "--episodes", "3") == call("eval", "runs/tiny-001", "--episodes", "3")

    assert "wrote curves.png" in call("plot", "runs/tiny-001", "runs/tiny-002")
    assert "wrote gems.pdf" in call("plot", "runs/tiny-001", "-c", "gems", "-o", "gems.pdf")
    assert Path("gems.pdf").read_bytes().startswith(b"%PDF")


def test_mistakes_are_told_in_a_line(study):
    for arguments, said in [
        (["train", "tiny.yml"], "no config 'tiny.yml'"),
        (["train", "tiny.yaml", "epoch=3"], "tiny.yaml has no setting 'epoch'; did you mean 'epochs'?"),
        (
            ["train", "tiny.yaml", "seats.0.model=rnadom"],
            "tiny.yaml: seat rnadom_0: no model 'rnadom'; did you mean 'random'?",
        ),
        (["train", "tiny.yaml", "world.name=cleanp"], "tiny.yaml: world: no world 'cleanp'; did you mean 'cleanup'?"),
        (["eval", "."], "is no run folder"),
        (["show", "clean_up"], "did you mean 'cleanup'?"),
        (["plot", "runs"], "no run or study 'runs'"),
    ]:
        done = command(*arguments, cwd=study)
        assert done.returncode == 1
        assert done.stderr.startswith("error: "), done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert not (study / "runs").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_ctrl_c_stops_and_saves(study):
    process = subprocess.Popen(
        [sys.executable, "-m", "sorrelsim", "train", "tiny.yaml", "epochs=100000", "turns=50"],
        cwd=study, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    metrics = study / "runs" / "tiny-001" / "metrics.csv"
    waited = time.monotonic() + 60
    while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < waited:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "stopped early" in output
    folder = metrics.parent
    assert {path.name for path in folder.iterdir()} == {
        "config.yaml",
        "run.yaml",
        "code",
        "metrics.csv",
        "curve.png",
        "episode.gif",
        "models",
        "checkpoint",
        "tensorboard",
    }
    assert {path.name for path in (folder / "models").iterdir()} == {"random_0.safetensors", "random_1.safetensors"}


def test_show_prints_the_page_and_the_map_and_writes_a_picture(study):
    text = call("show", "treasure_hunt", "--png", "map.png")
    assert "Ends when" in text
    assert "spawn_probability = 0.005" in text
    assert "W" * 21 in text
    assert Path("map.png").read_bytes().startswith(b"\x89PNG")


def test_a_colour_terminal_gets_half_blocks():
    from sorrelsim.cli.show import describe, paint_map

    _, picture = describe("treasure_hunt")
    lines = paint_map(picture, True, 90).splitlines()
    assert len(lines) == 21 * 4 // 2  # four pixels a cell, two to a line
    assert lines[0].count("▀") == 21 * 4
    assert paint_map(picture, True, 10) == picture.text


def test_bench_prints_steps_a_second():
    text = call("bench", "treasure_hunt", "--copies", "2", "--interpreted", "--seconds", "0.05")
    row = re.search(r"treasure_hunt +2 +2 +([\d,]+) +([\d,]+)", text)
    worlds, agents = (int(number.replace(",", "")) for number in row.groups())
    assert agents == pytest.approx(2 * worlds, abs=2)


def test_bench_limits_shows_how_near_everything_comes(monkeypatch, tmp_path):
    from sorrelsim.cli import limits

    monkeypatch.setattr(limits, "TRAININGS", {"ddqn": limits.TRAININGS["ddqn"]})
    path = tmp_path / "limits.json"
    asked = ["--copies", "1", "--copies", "3", "--seconds", "0.01", "--json", str(path)]
    text = call("bench", "treasure_hunt", "--limits", *asked)
    found = json.loads(path.read_text())
    forms = ["symbolic", "one_hot", "rgb 8", "rgb 1", "ascii"]
    assert [(row["form"], row["copies"]) for row in found["stepping"]] == [(form, n) for form in forms for n in (1, 3)]
    for row in found["stepping"]:
        assert f"{row['world_steps']:,.0f}" in text
        assert 0 < row["share"]["least"] <= row["share"]["median"] <= row["share"]["most"]
    # Two agents see windows of the same cells: a picture has 8 x 8 pixels where the other has one.
    of = {(row["form"], row["copies"]): row["bytes_per_second"] / row["world_steps"] for row in found["stepping"]}
    assert of["rgb 8", 1] == pytest.approx(64 * of["rgb 1", 3])
    (row,) = found["training"]
    assert (row["learner"], row["world"]) == ("ddqn", "treasure_hunt")
    assert row["over_network"]["median"] > 0
    assert row["agent_steps"] < row["stepping"]  # it learns too


def test_no_number_of_bench_limits_is_cut_off_in_80_columns(monkeypatch):
    from sorrelsim.cli import limits

    spread = limits.Spread(1.33, 1.2, 1.4)
    row = limits.Trained("ddqn", "treasure_hunt", 123456.0, spread, 12345678.0, 345678.0, spread)
    monkeypatch.setattr(limits, "train_row", lambda *given: row)
    monkeypatch.setattr(limits, "FORMS", ())
    text = io.StringIO()
    limits.report(Console(file=text, width=80))
    numbers = r"123,456 +1\.33 ±0\.10 +12,345,678 +345,678 +1\.33 ±0\.10"
    assert len(re.findall(numbers, text.getvalue())) == len(limits.TRAININGS)


def test_what_bench_cannot_measure_together_is_said():
    assert "leave out --all" in command("bench", "--limits", "--all").stderr
    assert "goes with --limits" in command("bench", "--json", "x.json").stderr


def test_bare_networks_are_asked_what_the_work_asks():
    import torch

    from sorrelsim.cli.limits import bare_networks

    asked = []

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(2, 1)

        def forward(self, x):
            asked.append((tuple(x.shape), torch.is_grad_enabled()))
            return {"value": self.inner(x)}

    class Model:
        networks = {"net": Net()}

    net = Model.networks["net"]

    def work():
        with torch.no_grad():
            net(torch.ones(3, 2))
        net(x=torch.ones(5, 2))

    bare = bare_networks([Model()], work)
    asked.clear()
    bare()
    assert asked == [((3, 2), False), ((5, 2), True)]
    # The sum of w . x + b over five states of ones: the gradient of each weight is 5, and so is that of b.
    assert net.inner.weight.grad.tolist() == [[5.0, 5.0]]
    assert net.inner.bias.grad.tolist() == [5.0]


def test_check_and_new(study):
    assert "wrote worlds/berry_field.py" in call("new", "world", "berry_field")
    assert "wrote agents/fond.py" in call("new", "model", "fond")
    assert "a sound model" in call("check", "agents/fond.py")
    path = study / "worlds" / "berry_field.py"
    path.write_text(path.read_text().replace("start = (movement.scatter,)", "start = ()"))
    text = call("check", "berry_field", code=1)
    assert "wrong" in text
    assert "no start rules" in text


def test_a_study_with_a_world_and_a_model_of_its_own_trains(study):
    call("new", "world", "berry_field")
    call("new", "model", "fond")
    text = call("train", "tiny.yaml", "world={name: berry_field, compiled: false, max_steps: 8}", "seats.0.model=fond")
    assert "runs/tiny-001" in text
    assert (study / "runs" / "tiny-001" / "models" / "fond_2.safetensors").exists()


def test_progress_panel_shows_the_numbers():
    from rich.console import Console

    from sorrelsim.cli.progress import Progress, clock, sparkline
    from sorrelsim.experiments.loop import Experiment

    experiment = Experiment(
        {
            "world": {"name": "treasure_hunt", "compiled": False, "max_steps": 5},
            "seats": [{"model": "random"}], "n_worlds": 2, "epochs": 3, "turns": 5,
        }
    )  # fmt: skip
    console = Console(width=100, record=True, force_terminal=False)
    progress = Progress(experiment, console)
    for row in experiment.epochs():
        progress.epoch(row)
        if row["epoch"] == 2:
            break
    console.print(progress.panel())
    text = console.export_text()
    assert "epoch 3/3" in text
    assert "67%" in text
    assert "steps/s" in text
    assert f"{progress.rows[-1]['return_mean']:.2f}" in text
    assert clock(3725) == "1:02:05"
    assert sparkline([0.0, float("nan"), 1.0, 0.5], 20) == "▁█▅"
