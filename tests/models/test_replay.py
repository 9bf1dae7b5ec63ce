"""Replay and rollout memories: windows, stacks, boundaries, priorities, saving."""

import numpy as np
import pytest

from sorrelsim.models.memory.replay import Buffer
from sorrelsim.models.memory.rollout import Rollout, generalised_advantages
from sorrelsim.observations.spec import ObservationSpec, Part

SPEC = ObservationSpec({"grid": Part((1, 2, 1), np.dtype(np.uint8), 250, 1)})


def frame(value, n=1):
    return np.full((n, 1, 2, 1), value, np.uint8)


def fill(buffer, steps):
    """Adds (obs value, reward, end, final value); end is "", "terminated" or "truncated"."""
    for value, reward, end, final in steps:
        final_obs = frame(final) if end else None
        buffer.add(frame(value), value % 3, reward, end == "terminated", end == "truncated", final_obs)


def sampled(buffer):
    """Samples by the value of their newest frame: (states, reward, next states, done, valid, discount)."""
    result = {}
    for _ in range(60):
        batch = buffer.sample(len(buffer))
        for i in range(len(batch.rewards)):
            state, following = (
                batch.states[i][..., 0].reshape(-1, 2)[:, 0],
                batch.next_states[i][..., 0].reshape(-1, 2)[:, 0],
            )
            result[int(state[-1])] = (
                state.tolist(),
                float(batch.rewards[i]),
                following.tolist(),
                float(batch.dones[i]),
                float(batch.valid[i]),
                float(batch.discounts[i]),
            )
    return result


def test_n_step_return_takes_the_state_n_steps_later():
    buffer = Buffer(SPEC, 100, n_step=3, gamma=0.5)
    fill(buffer, [(10 + t, float(t + 1), "", 0) for t in range(8)])
    # 1 + 0.5 * 2 + 0.25 * 3 = 2.75, then gamma^3 = 0.125 times the value three steps on, not one.
    assert sampled(buffer)[10] == ([10], 2.75, [13], 0.0, 1.0, 0.125)


def test_a_window_stops_at_termination():
    buffer = Buffer(SPEC, 100, n_step=3, gamma=0.5)
    fill(buffer, [(10, 1.0, "", 0), (11, 2.0, "terminated", 99), *[(12 + t, 7.0, "", 0) for t in range(5)]])
    assert sampled(buffer)[10] == (
        [10],
        2.0,
        [99],
        1.0,
        1.0,
        0.25,
    )  # 1 + 0.5 * 2; the 7s are another episode's


def test_a_time_limit_bootstraps_from_the_true_last_observation():
    buffer = Buffer(SPEC, 100, n_step=3, gamma=0.5)
    fill(buffer, [(10, 1.0, "", 0), (11, 2.0, "truncated", 99), *[(12 + t, 7.0, "", 0) for t in range(5)]])
    samples = sampled(buffer)
    assert samples[10] == (
        [10],
        2.0,
        [99],
        0.0,
        1.0,
        0.25,
    )  # not done; discounted by the two steps really made
    assert samples[11] == ([11], 2.0, [99], 0.0, 1.0, 0.5)


def test_a_truncation_without_its_last_observation_is_refused():
    with pytest.raises(ValueError, match="final_obs"):
        Buffer(SPEC, 100).add(frame(1), 0, 0.0, False, True)


def test_stacks_begin_with_zeros_as_when_acting_and_never_cross_an_episode():
    buffer = Buffer(SPEC, 100, n_frames=3)
    fill(buffer, [(10, 0.0, "", 0), (11, 0.0, "truncated", 99), *[(12 + t, 0.0, "", 0) for t in range(4)]])
    samples = sampled(buffer)
    assert samples[10][0] == [0, 0, 10]
    assert samples[11][0] == [0, 10, 11]
    assert samples[11][2] == [10, 11, 99]
    assert samples[12][0] == [0, 0, 12]
    assert samples[13][2] == [12, 13, 14]


@pytest.mark.parametrize("n_step", [1, 3])
@pytest.mark.parametrize("n_frames", [1, 3])
@pytest.mark.parametrize("priority", [0.0, 0.5])
def test_every_sample_agrees_with_the_whole_history(n_step, n_frames, priority):
    """Three streams through a ring of 20 rows, ended at random, against windows cut from lists that forget
    nothing.
    """
    rng = np.random.default_rng(0)
    streams, gamma = 3, 0.9
    buffer = Buffer(SPEC, 20 * streams, streams, n_frames, n_step, gamma, priority)
    history = [[] for _ in range(streams)]  # (value, reward, end, final)
    for t in range(73):
        values = 1 + (t * streams + np.arange(streams)) % 240
        rewards = rng.normal(size=streams)
        ends = rng.choice([0, 0, 0, 0, 1, 2], size=streams)
        for s in range(streams):
            history[s].append((int(values[s]), float(np.float32(rewards[s])), int(ends[s]), 245 + s))
        finals = np.stack([frame(245 + s)[0] for s in np.flatnonzero(ends)]) if ends.any() else None
        buffer.add(np.stack([frame(v)[0] for v in values]), values % 3, rewards, ends == 1, ends == 2, finals)
    n_seen = 0
    for _ in range(40):
        batch = buffer.sample(32)
        for i in np.flatnonzero(batch.valid):
            states = batch.states[i].reshape(n_frames, 2)[:, 0].tolist()
            s = (states[-1] - 1) % streams
            t = max(t for t in range(73) if history[s][t][0] == states[-1])
            assert t >= 73 - 20
            expected, total, discount, k = stack(history[s], t, n_frames), 0.0, 1.0, t
            while True:
                total, discount = total + discount * history[s][k][1], discount * gamma
                if history[s][k][2] or k - t == n_step - 1:
                    break
                k += 1
            end = history[s][k][2]
            following = (
                [*stack(history[s], k, n_frames)[1:], history[s][k][3]] if end else stack(history[s], k + 1, n_frames)
            )
            assert states == expected
            assert batch.next_states[i].reshape(n_frames, 2)[:, 0].tolist() == following
            assert batch.rewards[i] == pytest.approx(total, abs=1e-5)
            assert batch.discounts[i] == pytest.approx(discount)
            assert batch.dones[i] == (end == 1)
            n_seen += 1
    assert n_seen > 1000  # hardly anything that is sampled is thrown away


def stack(history, t, n_frames):
    values = []
    for k in range(t, t - n_frames, -1):
        if k < 0 or (k < t and history[k][2]) or (values and values[-1] == 0):
            values.append(0)
        else:
            values.append(history[k][0])
    return values[::-1]


def test_an_empty_frame_is_a_boundary_of_zeros():
    buffer = Buffer(SPEC, 100, n_frames=2, n_step=2)
    fill(buffer, [(10, 1.0, "", 0), (11, 1.0, "", 0)])
    buffer.add_empty()
    fill(buffer, [(12 + t, 1.0, "", 0) for t in range(5)])
    samples = sampled(buffer)
    assert samples[12][0] == [0, 12]
    assert samples[11][4] == 0.0  # what followed is not known
    assert samples[10][4] == 0.0  # its two-step window runs into the boundary
    assert samples[0][4] == 0.0  # the empty frame is no step


def test_rows_never_written_are_never_sampled():
    buffer = Buffer(SPEC, 1000)
    fill(buffer, [(10 + t, 1.0, "", 0) for t in range(10)])
    for _ in range(50):
        assert (buffer.sample(10).states[:, 0, 0, 0] >= 10).all()


def test_sampling_works_with_barely_a_batch_and_says_what_is_missing():
    buffer = Buffer(SPEC, 100, n_frames=2, n_step=3)
    fill(buffer, [(10 + t, 1.0, "", 0) for t in range(8)])
    assert len(buffer.sample(8).rewards) == 8
    with pytest.raises(ValueError, match=r"batch of 9.* holds 8"):
        buffer.sample(9)


def whole(buffer):
    """Every row of the ring, drawn whether or not it is known to be complete: (state, valid)."""
    every = np.arange(len(buffer))
    buffer._draw = lambda *_: (every, np.ones(len(every), np.float32))
    batch = buffer.sample(len(every))
    del buffer._draw
    return list(zip(batch.states, batch.valid.tolist(), strict=True))


def test_the_smallest_memory_with_the_smallest_batch_gives_nothing_that_is_made_up():
    """Three steps of which the three-step windows are all incomplete: drawn, but none of them valid. With a fourth the
    oldest window is complete.
    """
    for priority in (0.0, 1.0):
        buffer = Buffer(SPEC, 100, n_frames=2, n_step=3, priority_exponent=priority)
        fill(buffer, [(10 + t, 1.0, "", 0) for t in range(3)])
        assert not buffer.sample(3).valid.any()
        fill(buffer, [(13, 1.0, "", 0)])
        assert {int(state[-1, 0, 0, 0]): ok for state, ok in whole(buffer)} == {10: 1.0, 11: 0.0, 12: 0.0, 13: 0.0}


def test_what_crosses_the_write_head_is_not_valid_even_if_it_is_drawn():
    """A ring of 10 rows with 17 steps, 7 to 16 left: stacks of three need two earlier steps, which 7 and 8 lack; two
    steps on from 15 and 16 nothing is known. An end at 11 changes nothing of that.
    """
    for end in ("", "terminated"):
        buffer = Buffer(SPEC, 10, n_frames=3, n_step=2)
        fill(buffer, [(10 + t, 1.0, end if t == 11 else "", 99) for t in range(17)])
        valid = {int(state[-1, 0, 0, 0]) - 10: ok for state, ok in whole(buffer)}
        assert [t for t, ok in sorted(valid.items()) if not ok] == [7, 8, 15, 16]
        assert set(valid) == set(range(7, 17))


@pytest.mark.parametrize("priority", [0.0, 1.0])
def test_nothing_that_is_drawn_from_a_full_ring_is_thrown_away(priority):
    """Incomplete windows and stacks are left out of the draw, also after the head has gone round."""
    buffer = Buffer(SPEC, 12 * 2, 2, n_frames=3, n_step=3, priority_exponent=priority)
    for t in range(40):
        buffer.add(frame(t, 2), 0, 1.0, False)
        if t > 12:
            batch = buffer.sample(24)
            assert batch.valid.all()
            if priority:  # errors of very different sizes, so that an old priority would show
                buffer.update_priorities(batch.index, np.where(batch.index % 3, 1e-3, 1e3))


def test_a_memory_that_was_cleared_shows_nothing_of_what_it_held():
    buffer = Buffer(SPEC, 8, n_frames=3, priority_exponent=1.0)
    fill(buffer, [(100 + t, 1.0, "truncated" if t == 5 else "", 99) for t in range(13)])
    buffer.clear()
    with pytest.raises(ValueError, match="holds 0"):
        buffer.sample(1)
    fill(buffer, [(10 + t, 1.0, "", 0) for t in range(4)])
    samples = sampled(buffer)
    assert samples[10][0] == [0, 0, 10]
    assert samples[11][0] == [0, 10, 11]
    assert max(value for state, _, following, *_ in samples.values() for value in state + following) == 13
    assert buffer.current_state(frame(14))[0, :, 0, 0, 0].tolist() == [12, 13, 14]


def test_an_empty_frame_in_a_full_ring_holds_nothing_stale():
    buffer = Buffer(SPEC, 6, n_frames=2)
    fill(buffer, [(10 + t, 1.0, "", 0) for t in range(9)])
    buffer.add_empty()
    assert buffer.current_state().max() == 0
    assert buffer.current_state(frame(30))[0, :, 0, 0, 0].tolist() == [0, 30]
    assert [ok for state, ok in whole(buffer) if state[-1].max() == 0] == [0.0]


def test_what_terminated_within_the_last_step_allowed_has_terminated():
    buffer = Buffer(SPEC, 100)
    buffer.add(frame(10), 0, 1.0, True, True, frame(99))
    assert buffer.sample(1).dones.tolist() == [1.0]


def test_the_table_of_last_frames_does_not_grow_with_the_episodes():
    buffer = Buffer(SPEC, 50)
    fill(buffer, [(t % 250, 0.0, "truncated" if t % 5 == 4 else "", 99) for t in range(2000)])
    assert len(buffer.ring.final["grid"]) <= 64  # ten of them are alive at a time


def test_weights_are_corrected_by_beta_and_errors_count_by_size():
    """Errors 1, -1, -2, 4 draw with p = 1/8, 1/8, 2/8, 4/8. At beta .5 a weight is (4 p)^-.5 over the largest in its
    batch: in proportion 1, 1, 2^-.5, 4^-.5.
    """
    buffer = Buffer(SPEC, 100, priority_exponent=1.0)
    fill(buffer, [(10 + t, 0.0, "", 0) for t in range(5)])  # the fifth cannot be drawn yet
    buffer.update_priorities(np.arange(4), np.array([1.0, -1.0, -2.0, 4.0]))
    expected, counts = np.array([1.0, 1.0, 2**-0.5, 0.5]), np.zeros(4)
    for _ in range(400):
        batch = buffer.sample(4, 0.5)
        np.testing.assert_allclose(batch.weights, expected[batch.index] / expected[batch.index].max(), rtol=1e-4)
        np.add.at(counts, batch.index, 1)
    np.testing.assert_allclose(counts / counts.sum(), [1 / 8, 1 / 8, 2 / 8, 4 / 8], atol=0.03)


def test_a_row_that_was_overwritten_since_it_was_drawn_gets_no_priority():
    """Rows 0 to 3 can be drawn of a ring of 6; a sixth and seventh step overwrite row 0, which then awaits its next."""
    buffer = Buffer(SPEC, 6, priority_exponent=1.0)
    fill(buffer, [(10 + t, 0.0, "", 0) for t in range(5)])
    places = np.arange(4)
    fill(buffer, [(20 + t, 0.0, "", 0) for t in range(2)])
    buffer.update_priorities(places, np.array([1000.0, 2.0, 3.0, 4.0]))
    leaves = buffer.priorities.tree[len(buffer.priorities.tree) // 2 :][:6]
    # Rows 4 and 5 have that of new steps, 1; row 0 is the newest, whose window is not complete.
    np.testing.assert_allclose(leaves, [0.0, 2.0, 3.0, 4.0, 1.0, 1.0], rtol=1e-5)
    assert buffer.priorities.top == pytest.approx(4.0)


def test_masks_follow_the_state_and_end_with_the_episode():
    """The mask allows action 1 at even steps; after an episode's end everything is allowed, for nothing is known."""
    buffer, seen = Buffer(SPEC, 100), set()
    for t in range(9):
        end = t == 5  # a step whose mask forbids
        buffer.add(frame(10 + t), 0, 0.0, False, end, frame(99) if end else None, np.array([[True, t % 2 == 0]]))
    for _ in range(20):
        batch = buffer.sample(9)
        shown, following = batch.states[:, 0, 0, 0], batch.next_states[:, 0, 0, 0]
        np.testing.assert_array_equal(batch.masks[:, 1], shown % 2 == 0)
        known = batch.valid > 0
        np.testing.assert_array_equal(
            batch.next_masks[known, 1], (following[known] % 2 == 0) | (following[known] == 99)
        )
        seen |= set(following.tolist())
    assert 99 in seen


def test_a_memory_too_small_for_its_streams_is_refused():
    with pytest.raises(ValueError, match="100 frames for 64 streams"):
        Buffer(SPEC, 100, n_streams=64)


def test_current_state_stacks_the_newest_frames():
    buffer = Buffer(SPEC, 100, n_frames=3)
    fill(buffer, [(10, 0.0, "truncated", 9), (11, 0.0, "", 0)])
    assert buffer.current_state()[0, :, 0, 0, 0].tolist() == [0, 0, 11]
    assert buffer.current_state(frame(12))[0, :, 0, 0, 0].tolist() == [0, 11, 12]
    fill(buffer, [(12, 0.0, "terminated", 9)])
    assert buffer.current_state(frame(13))[0, :, 0, 0, 0].tolist() == [0, 0, 13]


def test_a_million_clean_up_frames_take_less_than_600_mb():
    spec = ObservationSpec({"grid": Part((11, 11, 4), np.dtype(np.uint8), 20, 4)})
    buffer = Buffer(spec, 1_000_000, 64, n_frames=4)
    ring = buffer.ring
    held = [*ring.frames.values(), ring.actions, ring.rewards, ring.kind, ring.final_index]
    assert sum(array.nbytes for array in held) < 0.6e9


def test_a_saved_memory_goes_on_as_if_never_stopped(tmp_path):
    buffer = Buffer(SPEC, 40, n_frames=2, priority_exponent=0.5)
    fill(buffer, [(10 + t, float(t), "truncated" if t % 7 == 6 else "", 99) for t in range(60)])
    buffer.update_priorities(buffer.sample(8).index, np.arange(8.0))
    buffer.save(tmp_path / "memory")
    other = Buffer(SPEC, 40, n_frames=2, priority_exponent=0.5, seed=5)
    other.load(tmp_path / "memory")
    for _ in range(3):
        fill(buffer, [(80, 1.0, "truncated", 98)])
        fill(other, [(80, 1.0, "truncated", 98)])
        for ours, theirs in zip(buffer.sample(20), other.sample(20), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match="this one 20 x 2"):
        Buffer(SPEC, 40, n_streams=2, n_frames=2).load(tmp_path / "memory")


def test_priorities_decide_how_often_a_step_is_drawn_and_weights_undo_it():
    buffer = Buffer(SPEC, 8, priority_exponent=1.0)
    fill(buffer, [(10 + t, 0.0, "", 0) for t in range(5)])
    buffer.update_priorities(np.arange(4), np.array([1.0, 1.0, 2.0, 4.0]))
    counts = np.zeros(5)
    for _ in range(500):
        batch = buffer.sample(4)
        np.add.at(counts, batch.states[:, 0, 0, 0] - 10, 1)
    np.testing.assert_allclose(
        counts / counts.sum(), [1 / 8, 1 / 8, 2 / 8, 4 / 8, 0], atol=0.02
    )  # the last has no next state
    # Weights are (N p)^-1 over the largest of them: 1 for priority 1, 1/2 for 2, 1/4 for 4.
    batch = buffer.sample(4)
    expected = np.array([1.0, 1.0, 0.5, 0.25])[batch.index]
    np.testing.assert_allclose(batch.weights, expected / expected.max(), rtol=1e-5)


def test_batches_drawn_in_one_go_are_each_drawn_as_they_would_be_alone():
    together, alone = (Buffer(SPEC, 8, priority_exponent=1.0, seed=3) for _ in range(2))
    for buffer in (together, alone):
        fill(buffer, [(10 + t, float(t), "", 0) for t in range(5)])
        buffer.update_priorities(np.arange(4), np.array([1.0, 1.0, 2.0, 4.0], np.float32))
    batch, batches = together.sample(4, 0.5, 2), [alone.sample(2, 0.5) for _ in range(2)]
    for name in ("states", "rewards", "next_states", "weights", "index"):
        np.testing.assert_array_equal(getattr(batch, name), np.concatenate([getattr(each, name) for each in batches]))
    # Of a sum of 8 the first slice of each batch, up to 4, holds steps 0 to 2, and the second step 3 alone.
    assert (batch.index[[0, 2]] < 3).all()
    np.testing.assert_array_equal(batch.index[[1, 3]], [3, 3])
    assert (batch.weights.reshape(2, 2).max(1) == 1).all()  # over the largest of its own batch


def test_priorities_add_up_whatever_order_places_come_in():
    buffer = Buffer(SPEC, 8, priority_exponent=0.5)
    fill(buffer, [(10 + t, 0.0, "", 0) for t in range(6)])
    buffer.update_priorities(np.array([3, 0, 3, 2]), np.array([100.0, -4.0, 9.0, 16.0], np.float32))
    # |error|^.5: 2, 1 as before, 4, then 3, the last said of place 3; 1 of place 4; the newest has no next state yet.
    leaves = [2, 1, 4, 3, 1, 0, 0, 0]
    tree = buffer.priorities.tree
    np.testing.assert_allclose(tree[8:], leaves, rtol=1e-5)
    np.testing.assert_allclose(tree[1:8], [11, 10, 1, 3, 7, 1, 0], rtol=1e-5)
    assert buffer.priorities.top == pytest.approx(10)


def test_parts_and_masks_are_kept_by_name():
    spec = ObservationSpec(
        {"grid": Part((1, 2, 1), np.dtype(np.uint8), 9, 1), "ready": Part((1,), np.dtype(np.float32))}
    )
    buffer = Buffer(spec, 100)
    for t in range(6):
        obs = {"grid": frame(t), "ready": np.array([[t / 2]], np.float32)}
        buffer.add(obs, 0, 0.0, False, mask=np.array([[True, t % 2 == 0]]))
    batch = buffer.sample(6)
    np.testing.assert_allclose(batch.states["ready"][:, 0], batch.states["grid"][:, 0, 0, 0] / 2)
    np.testing.assert_array_equal(batch.masks[:, 1], batch.states["grid"][:, 0, 0, 0] % 2 == 0)
    np.testing.assert_array_equal(batch.next_masks[:, 1], batch.next_states["grid"][:, 0, 0, 0] % 2 == 0)


def test_advantages_know_three_kinds_of_what_comes_next():
    """gamma 0.5, lambda 0.5, all values 1, rewards 1: deltas are 1 + 0.5 * next - 1."""
    ones = np.ones((3, 3), np.float32)
    terminated, ended, final = np.zeros((3, 3), bool), np.zeros((3, 3), bool), np.zeros((3, 3), np.float32)
    terminated[1, 1] = ended[1, 1] = True
    ended[1, 2], final[1, 2] = True, 4.0
    final[1, 1] = 9.0  # what lies there after a termination does not count
    got = generalised_advantages(ones, ones, np.full(3, 2.0, np.float32), terminated, ended, final, 0.5, 0.5)
    # Going on: deltas .5, .5, 1 (the state after the rollout is worth 2); A2 = 1, A1 = .5 + .25, A0 = .5 +
    # .25 * .75.
    np.testing.assert_allclose(got[:, 0], [0.6875, 0.75, 1.0])
    # Terminated at 1: delta 1 + 0 - 1 = 0, and nothing flows back from step 2.
    np.testing.assert_allclose(got[:, 1], [0.5, 0.0, 1.0])
    # Truncated at 1: delta 1 + .5 * 4 - 1 = 2.
    np.testing.assert_allclose(got[:, 2], [1.0, 2.0, 1.0])


def test_a_rollout_half_filled_survives_saving():
    columns = {"plan": ((3,), np.float32), "mood": ((), np.int8)}
    rollout = Rollout(SPEC, 4, 2, columns=columns)
    kept = {"plan": np.arange(6).reshape(2, 3), "mood": np.array([-1, 1])}
    rollout.add_choice(frame(3, 2), np.array([0, 1]), np.ones(2), np.array([[True, False]] * 2), kept)
    rollout.add_outcome(np.ones(2), np.zeros(2, bool), np.ones(2, bool))
    other = Rollout(SPEC, 4, 2, columns=columns)
    other.load_state_dict(rollout.state_dict())
    for name, array in kept.items():
        np.testing.assert_array_equal(other.columns[name][0], array)
    with pytest.raises(ValueError, match="plan"):
        Rollout(SPEC, 4, 2).load_state_dict(rollout.state_dict())
    assert len(other) == 2
    np.testing.assert_array_equal(other.masks[0], [[True, False]] * 2)
    np.testing.assert_array_equal(other.states["grid"][0], frame(3, 2))


def empties(rng, n_rows):
    """Rows of three streams with ends at random, and now and then an empty one."""
    buffer_rows = []
    for t in range(n_rows):
        if rng.random() < 0.15:
            buffer_rows.append(None)
            continue
        buffer_rows.append((1 + t % 200, rng.normal(size=3), rng.choice([0, 0, 0, 1, 2], size=3)))
    return buffer_rows


def write(buffer, row):
    if row is None:
        buffer.add_empty()
        return
    value, rewards, ends = row
    finals = frame(249, int((ends > 0).sum())) if ends.any() else None
    buffer.add(frame(value, 3), 0, rewards, ends == 1, ends == 2, finals)


@pytest.mark.parametrize("n_step", [1, 2, 5])
@pytest.mark.parametrize("n_frames", [1, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_priorities_never_draw_a_window_that_crosses_an_empty_row(n_step, n_frames, seed):
    """Whatever lies where, in a ring that goes round; errors of very different sizes, so that old ones would show."""
    rng = np.random.default_rng(seed)
    buffer = Buffer(SPEC, 16 * 3, 3, n_frames, n_step, priority_exponent=1.0, seed=seed)
    drawn = 0
    for row in empties(rng, 90):
        write(buffer, row)
        leaves = buffer.priorities.tree[len(buffer.priorities.tree) // 2 :]
        if leaves.sum() == 0:
            continue
        batch = buffer.sample(min(24, len(buffer)))
        assert batch.valid.all()
        drawn += 1
        buffer.update_priorities(batch.index, np.where(batch.index % 3, 1e-3, 1e3))
        # every step that could be drawn is: not the newest windows, not the oldest stacks, not what is not whole
        ring = buffer.ring
        first = n_frames - 1 if ring.size == ring.n_rows else 0
        ages = np.arange(first, max(first, ring.size - n_step))
        rows = (ring.head - ring.size + ages) % ring.n_rows
        places = (rows[:, None] * 3 + np.arange(3)).reshape(-1)
        np.testing.assert_array_equal(np.flatnonzero(leaves[: 16 * 3]), np.sort(places[buffer._whole(places) > 0]))
    assert drawn > 60


@pytest.mark.parametrize("n_rows", [9, 16, 40])
@pytest.mark.parametrize("with_empties", [False, True])
def test_a_uniform_memory_loaded_into_a_prioritised_one_gets_priorities(n_rows, with_empties):
    """It has then what it would have, had it been filled there: 40 rows into rings that are full or not."""
    rng = np.random.default_rng(2)
    uniform = Buffer(SPEC, n_rows * 3, 3, 2, 3)
    lived = Buffer(SPEC, n_rows * 3, 3, 2, 3, priority_exponent=0.6)
    loaded = Buffer(SPEC, n_rows * 3, 3, 2, 3, priority_exponent=0.6)
    for row in empties(rng, 30):
        if row is not None or with_empties:
            write(uniform, row)
            write(lived, row)
    loaded.load_state_dict(uniform.state_dict())
    np.testing.assert_allclose(loaded.priorities.tree, lived.priorities.tree)
    assert loaded.priorities.tree[1] > 0
    for row in empties(rng, 30):  # and goes on alike
        write(loaded, row)
        write(lived, row)
    np.testing.assert_allclose(loaded.priorities.tree, lived.priorities.tree)
    assert loaded.sample(len(loaded)).valid.all()


def test_priorities_of_a_file_that_let_windows_cross_empty_rows_are_mended():
    buffer = Buffer(SPEC, 30, n_step=2, priority_exponent=1.0)
    fill(buffer, [(10 + t, 1.0, "", 0) for t in range(5)])
    buffer.add_empty()
    fill(buffer, [(20 + t, 1.0, "", 0) for t in range(5)])
    sound = buffer.state_dict()
    stale = sound | {"tree": sound["tree"].copy()}
    half = len(stale["tree"]) // 2
    stale["tree"][half + 3 : half + 6] = 5.0
    for node in range(half - 1, 0, -1):
        stale["tree"][node] = stale["tree"][2 * node] + stale["tree"][2 * node + 1]
    buffer.load_state_dict(stale)
    np.testing.assert_allclose(buffer.priorities.tree, sound["tree"])
