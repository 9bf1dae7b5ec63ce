"""The memory of sequences, held to whole histories of several streams."""

import numpy as np
import pytest

from sorrelsim.models.memory.sequences import SequenceBuffer
from sorrelsim.observations.spec import ObservationSpec, Part

GAMMA = 0.5
SPEC = ObservationSpec({"grid": Part((2,), np.dtype(np.int64))})


def memory(rows=30, n_streams=3, n_frames=1, n_step=2, length=4, burn_in=3, seed=0):
    return SequenceBuffer(
        SPEC, rows * n_streams, n_streams, n_frames, n_step, GAMMA, 1.0, seed,
        length=length, burn_in=burn_in, carry={"h": (1,)},
    )  # fmt: skip


class Life:
    """Streams of random episodes: the frame of step t of stream s is (t, s), a last frame (-t, s), and what a network
    remembers before a step is how many steps of the episode came before it.
    """

    def __init__(self, buffer, seed, masked=False):
        self.buffer, self.masked, self.rng = buffer, masked, np.random.default_rng(seed)
        n = buffer.n_streams
        self.t, self.age = 0, np.zeros(n, int)
        self.ages, self.rewards, self.ends = [], [], []  # by step, [n_streams]; ends: 0, 1 terminated, 2 truncated

    def live(self, n_steps):
        n, streams = self.buffer.n_streams, np.arange(self.buffer.n_streams)
        for _ in range(n_steps):
            self.t += 1
            ends = self.rng.choice(3, n, p=[0.8, 0.1, 0.1])
            reward, ended = self.rng.integers(0, 9, n), np.flatnonzero(ends)
            self.buffer.keep_carry({"h": self.age[:, None].astype(np.float32)})
            frames = np.stack([np.full(n, self.t), streams], 1)
            final = np.stack([np.full(len(ended), -self.t), ended], 1)
            mask = {"mask": allowed(frames), "final_mask": allowed(final)} if self.masked else {}
            self.buffer.add(frames, self.t + streams, reward, ends == 1, ends == 2, final, **mask)
            self.ages.append(self.age.copy())
            self.rewards.append(reward)
            self.ends.append(ends)
            self.age = np.where(ends > 0, 0, self.age + 1)


def allowed(frames):
    """Of three actions, action |t| modulo 3 is forbidden."""
    mask = np.ones((len(frames), 3), bool)
    mask[np.arange(len(frames)), np.abs(frames[:, 0]) % 3] = False
    return mask


@pytest.mark.parametrize("n_step", [1, 3])
@pytest.mark.parametrize(("length", "burn_in"), [(4, 3), (5, 0), (1, 2)])
@pytest.mark.parametrize("n_steps", [11, 29, 47, 110])
def test_every_sequence_agrees_with_the_whole_history(n_step, length, burn_in, n_steps):
    buffer = memory(n_step=n_step, length=length, burn_in=burn_in)
    life = Life(buffer, n_steps)
    life.live(n_steps)
    batch = buffer.sample_sequences(64)
    frames = batch.states["grid"]
    for b in range(64):
        t0, s = frames[burn_in, b]
        start, oldest = int(t0) - 1, n_steps - min(n_steps, 30)
        assert frames.shape == (burn_in + length + n_step, 64, 2)
        assert life.ages[start][s] % max(1, length // 2) == 0  # where a sequence may begin
        # The state that it burns in from: as many steps before as there are of the episode, or all the burn-in.
        back = min(burn_in, life.ages[start][s])
        assert start - back >= oldest
        assert frames[burn_in - back : burn_in, b].tolist() == [[start - back + 1 + k, s] for k in range(back)]
        if back < burn_in or life.ages[start][s] == back:
            assert batch.begins[burn_in - back, b]  # from where on nothing of before counts
        if back == burn_in:
            assert batch.carry["h"][b, 0] == life.ages[start - back][s]
        over = False
        for k in range(length):
            t = start + k
            assert batch.valid[k, b] == (not over)
            if over:
                continue
            assert frames[burn_in + k, b].tolist() == [t + 1, s]
            assert batch.actions[k, b] == t + 1 + s
            total, discount, ended = 0.0, 1.0, 0
            for j in range(n_step):
                total += discount * life.rewards[t + j][s]
                discount *= GAMMA
                ended = life.ends[t + j][s]
                if ended:
                    break
            assert batch.rewards[k, b] == total
            assert batch.discounts[k, b] == (0 if ended == 1 else discount)
            later = frames[burn_in + batch.later[k, b], b].tolist()
            assert later == ([-(t + j + 1), s] if ended else [t + n_step + 1, s])
            over = bool(life.ends[t][s])


def test_stored_states_are_never_those_of_what_was_overwritten():
    """As above, over and over while the ring goes round; and every sequence that may begin is drawn at some time."""
    buffer = memory(rows=14)
    life = Life(buffer, 5)
    drawn, begun = set(), set()
    for _ in range(60):
        life.live(1)
        if life.t < 6:
            with pytest.raises(ValueError, match="no sequence of 4 steps and 2 behind is complete yet"):
                buffer.sample_sequences(1)
            continue
        batch = buffer.sample_sequences(40)
        for b in range(40):
            t0, s = batch.states["grid"][3, b]
            back = min(3, life.ages[t0 - 1][s])
            assert t0 - 1 - back >= life.t - 14
            if back == 3:
                assert batch.carry["h"][b, 0] == life.ages[t0 - 4][s]
            drawn.add((int(t0), int(s)))
        begun |= {(life.t - 5, s) for s in range(3) if life.ages[life.t - 6][s] % 2 == 0}
    assert drawn == begun


def test_masks_are_those_of_the_states_and_of_an_episodes_true_last_one():
    buffer = memory(n_step=1)
    life = Life(buffer, 2, masked=True)
    life.live(25)
    batch = buffer.sample_sequences(50)
    expected = allowed(batch.states["grid"][3:].reshape(-1, 2)).reshape(5, 50, 3)
    counts = np.concatenate([np.ones((1, 50), bool), batch.valid > 0])  # a state behind the last valid step, too
    assert (batch.masks == expected)[counts].all()


def test_a_boundary_ends_a_sequence_and_begins_the_next():
    buffer = memory(n_streams=1, n_step=1, burn_in=2)
    for t in range(12):
        if t == 5:
            buffer.add_empty()
        buffer.keep_carry({"h": np.full((1, 1), t, np.float32)})
        buffer.add(np.array([t, 0]), 0, 1.0, False)
    found = {}
    for _ in range(20):
        batch = buffer.sample_sequences(8)
        for b in range(8):
            found[int(batch.states["grid"][2, b, 0])] = batch.valid[:, b].tolist(), bool(batch.begins[2, b])
    # Sequences begin every two steps of an episode. What follows step 4 is not known, so it does not count.
    assert found == {
        0: ([1, 1, 1, 1], True), 2: ([1, 1, 0, 0], False), 4: ([0, 0, 0, 0], False), 5: ([1, 1, 1, 1], True),
        7: ([1, 1, 1, 1], False),
    }  # fmt: skip


def test_stacks_of_frames_begin_with_zeros_in_sequences_too():
    buffer = memory(n_frames=2, n_step=1, length=2, burn_in=1)
    life = Life(buffer, 3)
    life.live(25)
    batch = buffer.sample_sequences(30)
    for b in range(30):
        for k in range(3):
            before, now = batch.states["grid"][1 + k, b]
            if k == 0 or batch.valid[k - 1, b]:
                t = abs(now[0])
                first = now[0] > 0 and life.ages[t - 1][now[1]] == 0
                assert before.tolist() == ([0, 0] if first else [t - (now[0] > 0), now[1]])


def test_a_saved_memory_of_sequences_goes_on_as_if_never_stopped(tmp_path):
    lives = [Life(memory(), seed) for seed in (1, 1)]
    lives[0].live(41)
    lives[0].buffer.update_priorities(lives[0].buffer.sample_sequences(8).index, np.arange(8.0))
    lives[0].buffer.save(tmp_path / "memory")
    lives[1].live(41)
    other = lives[1].buffer = memory(seed=9)
    other.load(tmp_path / "memory")
    for life in lives:
        life.rng = np.random.default_rng(8)
        life.live(13)
    ours, theirs = (life.buffer.sample_sequences(20) for life in lives)
    for name, value in vars(ours).items():
        if name != "masks":
            np.testing.assert_equal(value, vars(theirs)[name], name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"carries": {}}, "carries has no h"),
        ({"since": np.array([-1, 0, 0])}, r"since\[0\] is -1"),
        ({"begins": np.zeros((4, 3), bool)}, r"begins must be bool \[30, 3\]"),
        ({"tree": None}, "a memory of sequences is drawn from by priorities"),
    ],
)
def test_a_file_that_is_not_sound_changes_nothing(change, said):
    life = Life(memory(), 1)
    life.live(41)
    other = memory()
    with pytest.raises(ValueError, match=said):
        other.load_state_dict(life.buffer.state_dict() | change)
    assert len(other) == 0


def test_a_memory_too_small_for_its_sequences_is_refused():
    with pytest.raises(ValueError, match="need at least 10 rows: 30 frames"):
        memory(rows=9)
