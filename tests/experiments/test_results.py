"""What a study leaves behind: tables against numbers worked out by hand, the same bytes, a report that says it all."""

import csv
import json
import math
import re
import shutil

import numpy as np
import pandas
import pytest
from study_folders import write_run, write_study

from sorrelsim.experiments.document import Code, Heading, Paragraph, Table, to_html, to_markdown
from sorrelsim.experiments.results import write_results
from sorrelsim.experiments.run import load_run
from sorrelsim.experiments.study import load_study

RUNS = [
    ("low", {}, 0, {"values": [0.0, 1.0], "equality": [0.5, 0.25]}),
    ("low", {}, 1, {"values": [0.0, 3.0], "equality": [0.5, math.nan]}),
    ("high", {}, 0, {"values": [0.0, 5.0], "equality": [0.5, 0.5]}),
    ("high", {}, 1, {"values": [0.0, 6.0], "equality": [0.5, 0.5], "loss": [1.0, 2.0]}),
]
CONDITIONS = {"low": {}, "high": {"seats.0.reward": "common"}}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = write_study(tmp_path_factory.mktemp("studies") / "s", RUNS, CONDITIONS)
    write_results(load_study(folder))
    return folder


def contents(folder):
    """What write_results writes, in bytes."""
    names = [*folder.glob("*.csv"), *folder.glob("*.parquet"), *folder.glob("report.*"), *folder.glob("figures/*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names}


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_everything_is_there(written):
    figures = {f"figures/{name}.{kind}" for name in ("returns", "measures") for kind in ("png", "pdf", "svg")}
    tables = {"results.csv", "results.parquet", "summary.csv", "report.md", "report.html"}
    assert set(contents(written)) == figures | tables


def test_results_have_one_row_per_run_and_epoch(written):
    found = rows(written / "results.csv")
    assert [(row["condition"], row["seed"], row["epoch"], row["return_mean"]) for row in found] == [
        ("low", "0", "1", "0"), ("low", "0", "2", "1"), ("low", "1", "1", "0"), ("low", "1", "2", "3"),
        ("high", "0", "1", "0"), ("high", "0", "2", "5"), ("high", "1", "1", "0"), ("high", "1", "2", "6"),
    ]  # fmt: skip
    assert found[-1]["run"] == "high__seed1"
    assert found[-1]["loss"] == "2"
    assert found[0]["loss"] == "nan"  # a column that this run does not have
    assert "seconds" not in found[0]  # no clocks


def test_the_parquet_file_holds_the_same(written):
    frame = pandas.read_parquet(written / "results.parquet")
    pandas.testing.assert_frame_equal(frame, pandas.read_csv(written / "results.csv"), check_dtype=False)
    assert frame["epoch"].dtype == np.int64
    assert frame["return_mean"].dtype == np.float64


def test_the_summary(written):
    found = {(row["condition"], row["against"], row["column"]): row for row in rows(written / "summary.csv")}
    low = found["low", "", "return_mean"]  # the last epochs: 1 and 3, so 2; of two values the interval is the values
    assert [low[name] for name in ("n", "mean", "mean_low", "mean_high", "iqm")] == ["2", "2", "1", "3", "2"]
    gap = found["high", "low", "return_mean"]  # pairs by seed: 5 - 1 and 6 - 3, so 3.5
    assert [gap[name] for name in ("n", "pairs", "mean", "mean_low", "mean_high")] == ["2", "2", "3.5", "3", "4"]
    one = found["low", "", "equality"]  # undefined in one of two runs: no interval
    assert [one[name] for name in ("n", "mean", "mean_low")] == ["1", "0.25", "nan"]
    alone = found["high", "low", "equality"]  # one seed is shared, so these are no pairs
    assert [alone[name] for name in ("n", "pairs", "mean", "mean_low")] == ["1", "0", "0.25", "nan"]


def test_the_same_runs_give_the_same_bytes_in_whatever_order_they_ended(written, tmp_path):
    """Only the time that training took, which the report names, is of the clock."""
    folder = write_study(tmp_path / "s", list(reversed(RUNS)), CONDITIONS)
    listed = (written / "study.yaml").read_text()
    (folder / "study.yaml").write_text(listed)
    write_results(load_study(folder))
    write_results(load_study(folder))  # again, over what is there
    same = contents(folder)
    for name, data in contents(written).items():
        if name.startswith("report"):
            assert same[name].replace(bytes(folder), b"") == data.replace(bytes(written), b"")
        else:
            assert same[name] == data, name


def test_runs_that_are_not_finished_are_left_out_and_said(written, tmp_path):
    more = [("low", {}, 2, {"values": [9.0], "end": None}), ("high", {}, 2, None)]
    more += [("high", {}, 3, {"values": [9.0], "end": "diverged"}), ("high", {}, 4, None)]
    folder = write_study(tmp_path / "s", RUNS + more, CONDITIONS, seeds=5)
    log = folder / "runs/high__seed4/log.txt"
    log.parent.mkdir()
    (folder / "runs/high__seed3/log.txt").write_text("error: the loss is nan\n")
    log.write_text("--- begun\nTraceback\nerror: ValueError: no such thing\n")
    write_results(load_study(folder))
    for name in ("results.csv", "summary.csv", "results.parquet", "figures/returns.png"):
        assert contents(folder)[name] == contents(written)[name]
    report = (folder / "report.md").read_text()
    assert "4 of 8 runs are not finished and left out" in report
    assert "1 diverged, so what is shown is of the runs that did not" in report
    assert f"sorrelsim study {folder}" in report
    for row in ("low__seed2` | running, or cut short | 1 epoch", "high__seed2` | not begun | 0 epochs",
                "high__seed3` | diverged | 1 epoch",
                "high__seed4` | failed: ValueError: no such thing | 0 epochs"):  # fmt: skip
        assert row in report


def test_a_study_of_which_nothing_is_finished(tmp_path):
    folder = write_study(tmp_path / "s", [("low", {}, 0, None), ("high", {}, 0, None)], seeds=1)
    write_results(load_study(folder))
    assert rows(folder / "results.csv") == []
    assert len(pandas.read_parquet(folder / "results.parquet")) == 0
    assert "2 of 2 runs are not finished" in (folder / "report.md").read_text()
    assert not (folder / "figures").exists()


def test_the_report_says_what_was_compared_and_how_to_do_it_again(written):
    report = (written / "report.md").read_text()
    assert "2 conditions in the world coins: low, high; 2 seeds each (0, 1): 4 runs." in report
    assert "| `seats.0.reward` | individual | common |" in report
    assert "| return per agent and episode | 2.00 [1.00, 3.00] | 5.50 [5.00, 6.00] | 3.50 [3.00, 4.00] |" in report
    assert "| training | 16 s in all, 4 s per run |" in report  # by seed: 2 epochs of 1.5 s, and of 2.5 s
    assert "| numpy | 2.0 |" in report
    assert "sorrelsim study s.yaml" in report
    assert "Lerer and Peysakhovich 2017" in report  # of the world's own page
    assert "Agarwal et al. 2021" in report


def test_what_the_report_repeats_is_the_study(written, tmp_path):
    from sorrelsim.experiments.study_file import plan, read_study_file

    text = re.search(r"s\.yaml:\n\n```\n(.*?)```", (written / "report.md").read_text(), re.S)[1]
    (tmp_path / "s.yaml").write_text(text)
    again, there = read_study_file(tmp_path / "s.yaml"), load_study(written)
    assert [(run.condition, run.sweep, run.seed) for run in plan(again)] == [
        (run.condition, run.sweep, run.seed) for run in there.runs
    ]


def test_the_page_needs_nothing_else(written):
    page = (written / "report.html").read_text()
    assert page.count("<img ") == 2
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "@import" not in page
    assert "url(" not in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_versions_that_differ_between_runs_are_said(tmp_path):
    folder = write_study(tmp_path / "s", RUNS[:2], ["low"])
    path = folder / "runs" / "low__seed1" / "run.yaml"
    path.write_text(path.read_text().replace("'2.0'", "'2.1'"))
    write_results(load_study(folder))
    report = (folder / "report.md").read_text()
    assert "different versions of numpy" in report
    assert "| numpy | 2.0 (1 times), 2.1 (1 times) |" in report


def test_a_sweep_has_its_columns_tables_and_figures(tmp_path):
    grid = {"world.coin_probability": [0.005, 0.01], "seats.0.reward": ["individual", {"name": "common"}]}
    runs = [
        ("low", {"world.coin_probability": x, "seats.0.reward": y}, 0, {"values": [x * 1000]})
        for x in grid["world.coin_probability"] for y in grid["seats.0.reward"]
    ]  # fmt: skip
    for k, run in enumerate(runs):
        run[1]["turns"] = k + 1
    folder = write_study(
        tmp_path / "s", [(c, p, s, r) for c, p, s, r in runs], ["low"], grid | {"turns": [1, 2, 3, 4]}, 1
    )
    write_results(load_study(folder))
    found = rows(folder / "results.csv")
    assert list(found[0])[:6] == ["condition", "world.coin_probability", "seats.0.reward", "turns", "seed", "run"]
    assert found[1]["seats.0.reward"] == json.dumps({"name": "common"})
    assert found[0]["seats.0.reward"] == json.dumps("individual")  # a column of several sorts is JSON throughout
    assert rows(folder / "summary.csv")[3]["world.coin_probability"] == "0.01"
    assert "At coin probability 0.005, reward individual, turns 1:" in (folder / "report.md").read_text()


def test_figures_over_what_is_swept_and_none_of_before_stay(tmp_path):
    runs = [("low", {"world.x": x}, s, {"values": [x + s, 2.0 * x]}) for x in (1, 2) for s in (0, 1)]
    folder = write_study(tmp_path / "s", runs, ["low"], {"world.x": [1, 2]})
    (folder / "figures").mkdir()
    for name in ("heat_return_mean.png", "mine.txt"):
        (folder / "figures" / name).touch()
    write_results(load_study(folder))
    found = {path.name for path in (folder / "figures").iterdir()}
    assert found == {
        "mine.txt",
        *(f"{name}.{kind}" for name in ("learning", "returns") for kind in ("png", "pdf", "svg")),
    }


def test_frames(written, tmp_path):
    study = load_study(written)
    frame = study.frame()
    assert frame.groupby("condition")["return_mean"].max().to_dict() == {"low": 3.0, "high": 6.0}
    assert "state" not in frame
    shutil.copytree(written, tmp_path / "s")
    write_run(tmp_path / "s" / "runs" / "low__seed9", [7.0, 8.0], seed=9, end=None)
    text = (tmp_path / "s" / "study.yaml").read_text()
    listed = "- folder: low__seed9\n  condition: low\n  sweep: {}\n  seed: 9\n"
    (tmp_path / "s" / "study.yaml").write_text(text.replace("seeds: 2", "seeds: [0, 1, 9]") + listed)
    study = load_study(tmp_path / "s")
    assert len(study.frame()) == 8
    whole = study.frame(unfinished=True)
    assert whole[whole["seed"] == 9]["return_mean"].tolist() == [7.0, 8.0]
    assert set(whole["state"]) == {"finished", "begun"} or set(whole["state"]) == {"finished", "unfinished"}


def test_a_run_as_a_frame(tmp_path):
    frame = load_run(write_run(tmp_path / "x", [0.5, 0.25], eval_way=["", "greedy"])).frame()
    assert frame["return_mean"].tolist() == [0.5, 0.25]
    assert frame["epoch"].dtype == np.int64
    assert frame["eval_way"].tolist() == ["", "greedy"]
    assert frame["seconds"].tolist() == [1.5, 3.0]


def test_documents():
    blocks = [
        Heading("One"), Paragraph("Is `a < b`?"), Paragraph("Look!", warning=True), Table(["", "x|y"], [["`k`", "1"]]),
        Code("a\nb\n"), Code("c", fold="more"),
    ]  # fmt: skip
    assert to_markdown("T", blocks) == (
        "# T\n\n## One\n\nIs `a < b`?\n\n**Look!**\n\n|  | x\\|y |\n| --- | ---: |\n| `k` | 1 |\n\n```\na\nb\n```\n\n"
        "more:\n\n```\nc\n```\n"
    )
    page = to_html("T & U", blocks, ".")
    for text in (
        "<title>T &amp; U</title>", "<p>Is <code>a &lt; b</code>?</p>", '<p class="warning">Look!</p>',
        "<tr><th><code>k</code></th><td>1</td></tr>", "<details><summary>more</summary><pre>c</pre></details>",
    ):  # fmt: skip
        assert text in page


def test_runs_without_one_whole_episode_are_reported(tmp_path):
    folder = write_study(tmp_path / "s", [(c, {}, 0, {"values": [math.nan]}) for c in ("low", "high")], seeds=1)
    write_results(load_study(folder))
    assert rows(folder / "summary.csv") == []
    assert len(rows(folder / "results.csv")) == 2
    assert "nothing to compare" in (folder / "report.md").read_text()
