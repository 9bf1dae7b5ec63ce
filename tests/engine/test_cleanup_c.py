"""Clean Up against its twin in C: a third witness, beside interpreted and compiled rules, that the rules are right."""

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "cleanup_c.py"


@pytest.fixture(scope="module")
def twin():
    spec = importlib.util.spec_from_file_location("cleanup_c", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.compiler() is None:
        pytest.skip("needs a C compiler")
    return module


def test_trajectories_are_equal_bit_for_bit(twin, tmp_path):
    library = twin.build(tmp_path)
    ended = sum(twin.assert_equal(library, copies=8, steps=1500, seed=seed) for seed in range(2))
    assert ended >= 4  # episodes ended on the way, so restarts were compared too
