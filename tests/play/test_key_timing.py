"""The script that lays the times of keys beside the X server's: what it makes of a recording, and a whole run."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("keys")
    sys.modules.pop("keys", None)


def test_times_are_laid_beside_those_of_the_server(script, tmp_path):
    began = 2**32 + 1000.25  # milliseconds; the server's count of 32 bits has begun anew since the machine started
    lines = [
        {"key": "space", "down": True, "ms": 10.0}, {"note": "begins", "ms": 10.5},
        {"t": 1, "ms": 177.5}, {"key": "w", "down": True, "ms": 200.0}, {"key": "w", "down": False, "ms": 230.0},
        {"t": 2, "ms": 344.5}, {"key": "d", "down": True, "ms": 400.0}, {"t": 3, "ms": 521.5},
    ]  # fmt: skip
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    pressed = [(65, 1010), (25, 1198), (38, 1300), (40, 1398)]  # space, w, a that was lost, d
    found = script.timing(pressed, path, began, [0.5])
    # 1010.25 - 1010; 1200.25 - 1198; 1400.25 - 1398
    np.testing.assert_allclose(found.keys, [0.25, 2.25, 2.25])
    assert found.lost == 1
    # 177.5 - 10.5 = 167, then 344.5 - 177.5 = 167 and 521.5 - 344.5 = 177, of 1000 / 6 each
    assert found.first == [167, 167, 177]
    np.testing.assert_allclose(found.turns, [1 / 3, 10 + 1 / 3])
    assert not found.within


def test_it_says_what_is_missing(script, monkeypatch, capsys):
    monkeypatch.setattr(script.shutil, "which", lambda tool: None if tool == "xdotool" else tool)
    monkeypatch.setattr(sys, "argv", ["keys.py"])
    script.main()
    assert capsys.readouterr().out == "not measured: xdotool not installed\n"


@pytest.mark.slow
@pytest.mark.window
def test_every_key_is_in_time(script, tmp_path):
    if why := script.missing():
        pytest.skip(why)
    found = script.measure("cleanup", "random", 40, "900x600", tmp_path)
    assert (len(found.keys), found.lost) == (41, 0)
    assert np.percentile(found.keys, 95) < script.BAR + np.percentile(found.late, 95)  # what the machine allows
    assert max(found.first) < 1000 / script.SPEED + script.BAR + found.late.max()
