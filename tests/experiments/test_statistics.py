"""Statistics over seeds, against numbers worked out by hand."""

import math

import numpy as np
import pytest

from sorrelsim.experiments.statistics import RESAMPLES, Difference, band, difference, interval, iqm


def test_the_interquartile_mean_leaves_a_quarter_out_at_each_end():
    assert iqm([1.0, 2.0, 3.0, 100.0]) == 2.5  # without 1 and 100
    assert iqm([100.0, 3.0, 1.0, 2.0]) == 2.5  # in any order
    assert iqm([0.0, 3.0, 9.0]) == 4.0  # a quarter of three is none: the mean
    assert iqm([-50.0, -40.0, 1.0, 2.0, 3.0, 4.0, 40.0, 50.0]) == 2.5  # two of eight at each end
    assert iqm([1.0, math.nan, 2.0, 3.0, 100.0]) == 2.5  # what is undefined is left out
    assert math.isnan(iqm([]))
    assert math.isnan(iqm([math.nan]))
    np.testing.assert_array_equal(iqm(np.array([[1.0, 2.0, 3.0, 100.0], [0.0, 4.0, 6.0, 9.0]])), [2.5, 5.0])


def test_the_interval_of_two_values_are_the_values():
    # Of the four resamples of (0, 1), (0, 0) comes a quarter of the time: the percentile 2.5 of the means is 0.
    assert interval([0.0, 1.0]) == (0.0, 1.0)
    # At a level of 40%, from percentile 30 to 70: half of the resamples have the mean 0.5.
    assert interval([0.0, 1.0], level=0.4) == (0.5, 0.5)


def test_the_interval_of_many_values_is_that_of_the_normal_distribution():
    # 200 zeros and 200 ones: the mean's standard error is 0.5 / sqrt(400) = 0.025, and 1.96 of it 0.049.
    low, high = interval([0.0] * 200 + [1.0] * 200)
    assert low == pytest.approx(0.451, abs=0.004)
    assert high == pytest.approx(0.549, abs=0.004)


def test_the_interval_follows_from_its_seed_and_leaves_out_what_is_undefined():
    values = np.random.default_rng(1).normal(size=9)
    assert interval(values) == interval([*values, math.nan])
    assert interval(values) == interval(values, seed=0)
    assert interval(values) != interval(values, seed=1)
    low, high = interval(values, iqm)
    assert low < iqm(values) < high
    assert interval(values, np.median) != interval(values)


@pytest.mark.parametrize("values", [[], [3.0], [3.0, math.nan]])
def test_nothing_can_be_said_of_fewer_than_two_values(values):
    assert all(math.isnan(bound) for bound in interval(values))


def test_values_that_are_all_equal_have_no_width():
    assert interval([2.0, 2.0, 2.0]) == (2.0, 2.0)
    assert difference([2.0, 2.0], [0.5, 0.5]) == Difference(1.5, 1.5, 1.5)


def test_a_difference_between_shared_seeds_is_of_pairs():
    # Every seed gains 1 or 2, however far the seeds lie apart; of independent groups nothing could be told.
    a, b = {0: 11.0, 1: 52.0, 2: 101.0}, {2: 100.0, 1: 50.0, 0: 10.0}
    found = difference(a, b)
    assert found.paired
    assert found.pairs == 3
    assert found.value == pytest.approx(4 / 3)
    # (1, 1, 1) comes (2/3)^3 = 30% and (2, 2, 2) 3.7% of the time: the percentiles 2.5 and 97.5 of the means.
    assert (found.low, found.high) == pytest.approx((1.0, 2.0))
    apart = difference(list(a.values()), list(b.values()))
    assert not apart.paired
    assert apart.value == pytest.approx(4 / 3)
    assert apart.low < 0 < apart.high


def test_a_difference_takes_the_seeds_that_both_have():
    found = difference({0: 3.0, 1: 5.0, 2: 99.0}, {0: 1.0, 1: 1.0, 7: -50.0, 2: math.nan})
    assert (found.value, found.pairs) == (3.0, 2)  # (3 + 5) / 2 - (1 + 1) / 2
    assert (found.low, found.high) == (2.0, 4.0)
    alone = difference({0: 3.0, 1: 5.0}, {0: 1.0, 7: 2.0})  # one seed shared: all values count
    assert (alone.value, alone.pairs) == (2.5, 0)
    assert (alone.low, alone.high) == (1.0, 4.0)  # 3 - 2 and 5 - 1 come one time in sixteen each


def test_a_difference_without_values_or_with_one():
    assert math.isnan(difference([], [1.0, 2.0]).value)
    one = difference([4.0], [1.0, 2.0])
    assert one.value == 2.5
    assert math.isnan(one.low)


def test_a_band_is_the_interval_of_every_point():
    nan = math.nan
    curves = np.array([[0.0, 1.0, nan, nan, 2.0], [4.0, 2.0, 3.0, nan, nan], [5.0, 9.0, nan, nan, 4.0]])
    found = band(curves)
    for k in range(5):
        here = curves[:, k]
        np.testing.assert_equal(tuple(found[1:, k]), interval(here))
    np.testing.assert_array_equal(found[0], [3.0, 4.0, 3.0, nan, 3.0])
    assert np.isnan(found[1:, 2]).all()


def test_memory_is_bounded_and_batches_change_nothing(monkeypatch):
    from sorrelsim.experiments import statistics

    values = np.random.default_rng(2).normal(size=40)
    whole = interval(values)
    monkeypatch.setattr(statistics, "_AT_ONCE", 40 * 1000)  # ten batches for RESAMPLES
    assert RESAMPLES == 9999
    assert interval(values) == whole
