"""What is compared, and the curves and sweeps that are drawn of it, against numbers worked out by hand."""

import dataclasses
import math

import numpy as np
import pytest
from study_folders import write_run, write_study

from sorrelsim.errors import ConfigError
from sorrelsim.experiments import figures
from sorrelsim.experiments.comparison import columns_of, events_of, group, main_columns, read_run, read_swept
from sorrelsim.experiments.figures import aligned, draw_curves, draw_sweep
from sorrelsim.experiments.study import load_study


def metrics(**columns):
    return {name: np.array(values, float) for name, values in columns.items()}


def test_curves_of_several_runs_lie_at_the_steps_that_all_made():
    """At 20 the first has 2 and the second, halfway between 4 and 8, has 6. At 10 and 30 one of them has nothing."""
    first = metrics(agent_steps=[10, 20, 30], return_mean=[1, 2, 3])
    second = metrics(agent_steps=[5, 15, 25], return_mean=[math.nan, 4, 8])
    steps, values = aligned([first, second], "return_mean")
    assert steps.tolist() == [20]
    assert values.tolist() == [[2], [6]]
    none = metrics(agent_steps=[10], return_mean=[math.nan])
    assert aligned([first, none], "return_mean")[1].shape == (2, 0)


def test_the_result_of_a_run_is_the_mean_of_its_last_tenth(tmp_path):
    """Of twenty epochs the last two: 19 and 20, so 19.5. What is undefined there is left out."""
    values = list(range(1, 21))
    run = read_run(write_run(tmp_path / "x", values, equality=[math.nan] * 19 + [0.5], peace=[math.nan] * 20))
    assert run.result()["return_mean"] == 19.5
    assert run.result()["equality"] == 0.5
    assert math.isnan(run.result()["peace"])
    assert read_run(write_run(tmp_path / "y", [1, 2, 7])).result()["return_mean"] == 7  # at least one epoch


def test_runs_that_differ_by_their_seed_alone_are_one_group(tmp_path):
    runs = [("low", {"world.x": x}, seed, {"values": [x + seed]}) for x in (1, 2) for seed in (0, 1)]
    study = load_study(write_study(tmp_path / "s", runs, ["low"], {"world.x": [1, 2]}))
    groups = group(study.members())
    assert [(g.condition, g.sweep, g.results("return_mean")) for g in groups] == [
        ("low", {"world.x": 1}, {0: 1.0, 1: 2.0}),
        ("low", {"world.x": 2}, {0: 2.0, 1: 3.0}),
    ]


def test_runs_of_one_name_and_one_seed_all_count(tmp_path):
    runs = [read_run(write_run(tmp_path / f"x-{k}", [float(k)]), "x") for k in (1, 2, 3)]
    (found,) = group(runs)
    assert sorted(found.results("return_mean").values()) == [1.0, 2.0, 3.0]


def test_columns_that_a_comparison_shows(tmp_path):
    nothing = [math.nan]
    columns = {"peace": nothing, "equality": [0.5], "gems": [3.0], "gems_0": [3.0], "loss": [1.0], "loss_iqn_0": [1.0]}
    run = read_run(write_run(tmp_path / "x", [1.0], **columns))
    assert events_of(run.metrics) == ["gems"]
    assert main_columns([run]) == ["return_mean", "equality", "gems"]  # nobody has a number for peace
    assert columns_of([run], ["loss", "measures", "events"]) == ["loss", "equality", "peace", "gems"]
    with pytest.raises(ConfigError, match="no column 'equalty'; did you mean 'equality'"):
        columns_of([run], ["equalty"])
    with pytest.raises(ConfigError, match="count nothing"):
        columns_of([read_run(write_run(tmp_path / "y", [1.0]))], ["events"])


def test_a_sweep_within_one_run_is_read_by_its_combinations(tmp_path):
    folder = write_run(tmp_path / "x", [2.0, 3.0])
    rows = ["epoch,env_steps,gem_value,copies,episodes,return_mean,return_0,return_1"]
    rows += ["1,50,1,2,4,1.5,1,2", "1,50,5,2,4,2.5,2,3", "2,100,1,2,4,1.75,1,2", "2,100,5,2,4,4.5,2,3"]
    (folder / "sweep.csv").write_text("\r\n".join(rows) + "\r\n")
    low, high = read_swept(folder)
    assert (low.sweep, high.sweep) == ({"gem_value": 1.0}, {"gem_value": 5.0})
    assert high.result()["return_mean"] == 4.5
    assert high.metrics["agent_steps"].tolist() == [100, 200]  # two agents
    with pytest.raises(ConfigError, match=r"y has no sweep\.csv"):
        read_swept(write_run(tmp_path / "y", [1.0]))


@pytest.fixture
def drawn(monkeypatch):
    """What would be drawn."""
    found = {}
    monkeypatch.setattr(figures, "draw_panels", lambda panels, *paths, **more: found.update(panels=panels))
    monkeypatch.setattr(figures, "draw_heat_maps", lambda maps, scale, *paths, **more: found.update(maps=maps))
    return found


def test_bands_are_intervals_over_seeds(tmp_path, drawn):
    runs = [read_run(write_run(tmp_path / f"x-{k}", [k, 10.0 * k], seed=k), "x") for k in (0, 1)]
    draw_curves(runs, ["return_mean"], tmp_path / "x.png")
    (panel,) = drawn["panels"]
    (curve,) = panel.curves
    assert (curve.label, curve.x.tolist(), curve.y.tolist()) == ("x", [100, 200], [0.5, 5.0])
    assert (curve.low.tolist(), curve.high.tolist()) == ([0, 0], [1, 10])  # of two values, the values
    draw_curves(runs, ["return_mean"], tmp_path / "x.png", each=True)
    (curve,) = drawn["panels"][0].curves
    assert curve.low is None
    assert [y.tolist() for _, y in curve.each] == [[0, 0], [1, 10]]


def test_worlds_and_places_in_a_grid_have_panels_of_their_own(tmp_path, drawn):
    mixed = [read_run(write_run(tmp_path / world, [1.0], world=world)) for world in ("coins", "harvest")]
    draw_curves(mixed, ["return_mean"], tmp_path / "x.png")
    assert [panel.title for panel in drawn["panels"]] == ["coins", "harvest"]
    runs = [(c, {"world.x": x}, 0, {"values": [1.0]}) for c in ("low", "high") for x in (1, 2)]
    members = load_study(write_study(tmp_path / "s", runs, sweep={"world.x": [1, 2]}, seeds=1)).members()
    draw_curves(members, ["return_mean"], tmp_path / "x.png")
    assert [panel.title for panel in drawn["panels"]] == ["x 1", "x 2"]
    assert [curve.label for curve in drawn["panels"][0].curves] == ["low", "high"]
    draw_curves(members[:2], ["return_mean"], tmp_path / "x.png")  # of one condition, all in one
    (panel,) = drawn["panels"]
    assert [curve.label for curve in panel.curves] == ["x 1", "x 2"]


def test_too_many_panels_are_refused(tmp_path, drawn):
    runs = [(c, {"world.x": x}, 0, {"values": [1.0]}) for c in ("low", "high") for x in range(13)]
    members = load_study(write_study(tmp_path / "s", runs, sweep={"world.x": list(range(13))}, seeds=1)).members()
    with pytest.raises(ConfigError, match=r"13 panels.*at most 12; hold some of the grid's keys with --at"):
        draw_curves(members, ["return_mean"], tmp_path / "x.png")


def test_results_over_one_swept_key(tmp_path, drawn):
    """At 3 the seeds came to 3 and 5: mean 4, and of two values the interval is the values. Numbers are in order."""
    runs = [("low", {"world.x": x}, seed, {"values": [0.0, x + 2 * seed]}) for x in (3, 1) for seed in (0, 1)]
    members = load_study(write_study(tmp_path / "s", runs, ["low"], {"world.x": [3, 1]})).members()
    draw_sweep(members, ["return_mean"], tmp_path / "x.png")
    (panel,) = drawn["panels"]
    (curve,) = panel.curves
    assert (curve.x.tolist(), curve.y.tolist()) == ([1, 3], [2, 4])
    assert (curve.low.tolist(), curve.high.tolist()) == ([1, 3], [3, 5])
    assert (panel.x, panel.ticks, panel.log) == ("x", (), False)


def test_swept_words_have_their_turn_and_wide_numbers_a_logarithm(tmp_path, drawn):
    words = [("low", {"seats.0.reward": x}, 0, {"values": [1.0]}) for x in ("common", "individual")]
    members = load_study(
        write_study(tmp_path / "s", words, ["low"], {"seats.0.reward": ["common", "individual"]})
    ).members()
    draw_sweep(members, ["return_mean"], tmp_path / "x.png")
    assert drawn["panels"][0].ticks == ("common", "individual")
    rates = [("low", {"seats.0.config.rate": x}, 0, {"values": [1.0]}) for x in (0.001, 0.1)]
    members = load_study(write_study(tmp_path / "t", rates, ["low"], {"seats.0.config.rate": [0.001, 0.1]})).members()
    draw_sweep(members, ["return_mean"], tmp_path / "x.png")
    assert drawn["panels"][0].log


def test_results_over_two_swept_keys_are_a_heat_map(tmp_path, drawn):
    grid = {"world.x": [1, 2, 3], "world.y": [10, 20]}
    runs = [("low", {"world.x": x, "world.y": y}, 0, {"values": [float(x + y)]}) for x in (1, 2, 3) for y in (10, 20)]
    members = load_study(write_study(tmp_path / "s", runs, ["low"], grid, 1)).members()
    draw_sweep(members, ["return_mean"], tmp_path / "x.png")
    (found,) = drawn["maps"]
    assert found.values.tolist() == [[11, 12, 13], [21, 22, 23]]
    assert (found.x, found.columns, found.y, found.rows) == ("x", ("1", "2", "3"), "y", ("10", "20"))
    with pytest.raises(ConfigError, match="a heat map shows one column, got return_mean, return_0"):
        draw_sweep(members, ["return_mean", "return_0"], tmp_path / "x.png")
    three = [("low", {"a": x, "b": x, "c": x}, x, {"values": [1.0]}) for x in (0, 1)]
    members = load_study(write_study(tmp_path / "t", three, ["low"], {"a": [0, 1], "b": [0, 1], "c": [0, 1]})).members()
    with pytest.raises(ConfigError, match=r"3 keys \(a, b, c\).*--at c=VALUE"):
        draw_sweep(members, ["return_mean"], tmp_path / "x.png")


def test_results_of_two_worlds_have_panels_of_their_own_over_one_swept_key(tmp_path, drawn):
    runs = [("low", {"world.x": x}, 0, {"values": [1.0 * x]}) for x in (1, 2)]
    members = load_study(write_study(tmp_path / "s", runs, ["low"], {"world.x": [1, 2]}, seeds=1)).members()
    other = [dataclasses.replace(member, world="harvest", condition="high") for member in members]
    draw_sweep([*members, *other], ["return_mean"], tmp_path / "x.png")
    found = [(panel.title, panel.world, [curve.label for curve in panel.curves]) for panel in drawn["panels"]]
    assert found == [("coins", "coins", ["low"]), ("harvest", "harvest", ["high"])]
