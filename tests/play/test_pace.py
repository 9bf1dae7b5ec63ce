"""The clock of turns: due on time, without drifting and without hurrying to catch up."""

import pytest

from sorrelsim.play.pace import SPEEDS, Pace


def test_a_turn_looked_at_late_leaves_the_next_one_on_time():
    pace = Pace(4)
    pace.turn(10.0, True)
    assert pace.wait(10.0625) == 0.1875
    assert pace.wait(10.25) == 0
    pace.turn(pace.beat(10.375), True)  # an eighth of a second late
    assert pace.wait(10.375) == 0.125


def test_after_a_long_while_it_begins_anew():
    pace = Pace(4)
    pace.turn(10.0, True)
    assert pace.beat(10.5) == 10.5


@pytest.mark.parametrize(("speed", "by_itself", "seconds"), [(2, True, 0.16), (20, True, 0.05), (20, False, 0.12)])
def test_walking_ends_before_the_next_turn_that_comes_by_itself(speed, by_itself, seconds):
    pace = Pace(speed)
    pace.turn(0.0, by_itself)
    assert pace.walking(seconds - 0.001)
    assert not pace.walking(seconds)
    assert [pace.progress(at) for at in (-1.0, 0.0, seconds / 2, seconds, 9.0)] == [0, 0, 0.5, 1, 1]


def test_faster_and_slower_stop_at_the_ends():
    pace = Pace(6.4)
    pace.change(1)
    assert pace.speed == 8
    pace.change(-99)
    assert pace.speed == SPEEDS[0]
    pace.change(99)
    assert pace.speed == SPEEDS[-1]
