"""Networks: expansion of ids, encoders, noise, and the check that a network fits."""

import math

import numpy as np
import pytest
import torch
from fakes import CodeWorld
from torch import nn

from sorrelsim.models.torch import symbolic
from sorrelsim.models.torch.adam import Adam
from sorrelsim.models.torch.devices import to_device
from sorrelsim.models.torch.encoders import NetworkConfig, build_encoder, input_scale
from sorrelsim.models.torch.noisy import NoisyLinear, set_noise
from sorrelsim.models.torch.signatures import check_network, split_extras
from sorrelsim.models.torch.symbolic import SymbolicLinear, one_hot
from sorrelsim.observations.spec import ObservationSpec, Part

GRID = Part((5, 7, 2), np.dtype(np.uint8), 6, 2)
MIXED = ObservationSpec({"grid": GRID, "ready": Part((1,), np.dtype(np.float32))})


def ids(n):
    """Ids 1 to 3 in layer 0, 4 and 5 in layer 1, and nothing."""
    generator = torch.Generator().manual_seed(0)
    low = torch.randint(0, 4, (n, 5, 7, 1), generator=generator)
    high = torch.randint(3, 6, (n, 5, 7, 1), generator=generator)
    return torch.cat([low, torch.where(high == 3, 0, high)], 3).to(torch.uint8)


@pytest.fixture(params=["compiled", "plain"])
def path(request, monkeypatch):
    if request.param == "plain":
        monkeypatch.setattr(symbolic, "_compiled", lambda ids: False)


def test_one_hot_has_a_channel_a_kind_and_none_for_nothing(path):
    x = ids(3)
    channels = one_hot(x, 6)
    assert channels.shape == (3, 5, 5, 7)
    for code in range(1, 6):
        torch.testing.assert_close(channels[:, code - 1], (x == code).any(3).float())


@pytest.mark.parametrize("batch", [3, 700])  # 700 is above what threads are used for
def test_summing_rows_equals_multiplying_one_hot(path, batch):
    layer, x = SymbolicLinear(35, 2, 6, 64), ids(batch)
    dense = one_hot(x, 6).permute(0, 2, 3, 1).reshape(batch, -1)
    weight = layer.weight.detach().view(35, 6, 64)[:, 1:].reshape(-1, 64).clone().requires_grad_()
    upstream = torch.randn(batch, 64, generator=torch.Generator().manual_seed(1))
    got, expected = layer(x), dense @ weight
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    (got * upstream).sum().backward()
    (expected * upstream).sum().backward()
    gradient = layer.weight.grad.view(35, 6, 64)
    torch.testing.assert_close(gradient[:, 1:].reshape(-1, 64), weight.grad, atol=1e-4, rtol=1e-4)
    assert not gradient[:, 0].any()


def test_ids_out_of_range_touch_nothing():
    layer = SymbolicLinear(35, 2, 6, 8)
    assert not layer(torch.full((2, 5, 7, 2), 200, dtype=torch.uint8)).any()


@pytest.mark.parametrize("kind", ["mlp", "conv", "socialjax"])
@pytest.mark.parametrize("n_frames", [1, 3])
@pytest.mark.parametrize("embedding", [0, 4])
def test_encoders_take_parts_by_name_and_frames(kind, n_frames, embedding):
    encoder = build_encoder(MIXED, n_frames, NetworkConfig(kind=kind, hidden=(16,), embedding=embedding))
    frames = () if n_frames == 1 else (n_frames,)
    parts = {"grid": ids(4 * n_frames).reshape(4, *frames, 5, 7, 2), "ready": torch.rand(4, *frames, 1)}
    features = encoder(parts)
    assert features.shape == (4, 64 if kind == "socialjax" else 16)
    other = encoder(parts | {"ready": parts["ready"] + 5})
    assert not torch.allclose(features, other)


def test_pixels_are_scaled_and_one_hot_channels_are_not():
    pixels = ObservationSpec({"grid": Part((8, 8, 3), np.dtype(np.uint8))}, form="rgb")
    channels = ObservationSpec({"grid": Part((6, 8, 9), np.dtype(np.uint8))}, form="one_hot")
    for spec in (pixels, channels):
        for kind in ("mlp", "conv"):
            encoder = build_encoder(spec, 1, NetworkConfig(kind=kind, hidden=(16,)))
            out = encoder({"grid": torch.full((2, *spec.shape), 255 if spec is pixels else 1, dtype=torch.uint8)})
            assert out.abs().max() < 10
    assert input_scale(pixels, "grid") == 1 / 255
    assert input_scale(channels, "grid") == 1.0


def numbers(**parts):
    return ObservationSpec({name: Part(shape, np.dtype(np.float32)) for name, shape in parts.items()})


@pytest.mark.parametrize(
    ("spec", "n_frames", "length"),
    [(numbers(grid=(4,)), 1, 4), (numbers(grid=(4,)), 3, 12), (numbers(grid=(3, 2), ready=(1,), other=(2,)), 2, 18)],
)
def test_numbers_start_as_in_one_linear_layer_of_torch(spec, n_frames, length):
    """Bias and weights are uniform within one over the root of all inputs; their variance is a third of its square."""
    for config in (NetworkConfig(hidden=(4000,)), NetworkConfig(hidden=(4000, 8), activation="tanh")):
        torch.manual_seed(0)
        encoder = build_encoder(spec, n_frames, config)
        torch.manual_seed(0)
        usual = nn.Linear(length, 4000)
        for ours, theirs in (
            (encoder.bias, usual.bias),
            (torch.cat([layer.weight for layer in encoder.inputs.values()], 1), usual.weight),
        ):
            assert ours.abs().max() <= length**-0.5
            assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.05)
            assert ours.std().item() == pytest.approx((3 * length) ** -0.5, rel=0.05)
    if len(spec.parts) == 1:  # draw by draw the same
        torch.testing.assert_close(encoder.bias, usual.bias)
        torch.testing.assert_close(encoder.inputs["grid"].weight, usual.weight)


def test_with_ids_the_bias_starts_at_0_and_policies_start_orthogonally():
    for spec in (MIXED, ObservationSpec({"grid": GRID})):
        assert not build_encoder(spec, 1, NetworkConfig()).bias.any()
    encoder = build_encoder(numbers(grid=(4,)), 1, NetworkConfig())
    encoder.orthogonal()
    assert not encoder.bias.any()
    weight = encoder.inputs["grid"].weight
    torch.testing.assert_close(weight.T @ weight, 2 * torch.eye(4), atol=1e-5, rtol=1e-5)


def test_convolutions_need_rows_and_columns():
    flat = ObservationSpec({"grid": Part((4,), np.dtype(np.float32))})
    with pytest.raises(ValueError, match=r"conv needs a part with rows.*grid\[4\]"):
        build_encoder(flat, 1, NetworkConfig(kind="conv"))


def test_noise_stays_until_it_is_drawn_again_and_can_be_silenced():
    layer, x, generator = NoisyLinear(4, 3), torch.ones(1, 4), torch.Generator().manual_seed(0)
    quiet = layer(x)
    set_noise(layer, generator)
    first = layer(x)
    assert not torch.allclose(first, quiet)
    torch.testing.assert_close(layer(x), first)
    # Equation 9 by hand: (mu + sigma * eps) x + mu_b + sigma_b * eps_b, sigma = 0.5 / sqrt(4), eps =
    # outer(out, in).
    eps = torch.outer(layer.noise_out, layer.noise_in)
    expected = (layer.weight + 0.25 * eps).sum(1) + layer.bias + 0.25 * layer.noise_out
    torch.testing.assert_close(first[0], expected)
    set_noise(layer, None)
    torch.testing.assert_close(layer(x), quiet)


def test_every_row_can_have_noise_of_its_own():
    layer, x, generator = NoisyLinear(4, 3), torch.ones(5, 2, 4), torch.Generator().manual_seed(0)
    set_noise(layer, generator, n_rows=5)
    noise_in, noise_out = layer._by_row
    for b, row in enumerate(layer(x)):  # equation 9, row by row
        eps = torch.outer(noise_out[b], noise_in[b])
        weight, bias = layer.weight + layer.weight_sigma * eps, layer.bias + layer.bias_sigma * noise_out[b]
        torch.testing.assert_close(row, x[b] @ weight.T + bias)
    assert len({float(value.detach()) for value in layer(x)[:, 0, 0]}) == 5
    set_noise(layer, generator)
    out = layer(x)
    torch.testing.assert_close(out, out[:1].expand_as(out))


@pytest.mark.parametrize("n_rows", [0, 5])
def test_layers_of_a_network_draw_noise_of_their_own(n_rows):
    """Numbers are sign(x) sqrt(|x|) of normal ones: no two the same, of either sign, mean square E|x| = .8."""
    net, generator = nn.Sequential(NoisyLinear(400, 300), NoisyLinear(300, 2)), torch.Generator().manual_seed(0)
    set_noise(net, generator, n_rows)
    drawn = torch.cat(
        [noise.flatten() for layer in net for noise in layer._by_row or (layer.noise_in, layer.noise_out)]
    )
    assert len(drawn.unique()) == len(drawn) == 1002 * max(1, n_rows)
    assert drawn.square().mean().item() == pytest.approx((2 / torch.pi) ** 0.5, rel=0.1)
    assert abs(drawn.mean().item()) < 0.1


def test_a_large_first_layer_leaves_torchs_threads_alone():
    before = torch.get_num_threads()
    layer = SymbolicLinear(6, 2, 64, 256)
    ids = torch.zeros(3000, 2, 3, 2, dtype=torch.uint8)
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            layer(ids).sum().backward()
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)


def test_adam_takes_torchs_steps_with_the_norm_limited():
    """Against torch.optim.Adam and clip_grad_norm_, with and without clipping, over several steps."""
    torch.manual_seed(0)
    for max_norm in (0.0, 0.1, 1e6):
        ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
        theirs.load_state_dict(ours.state_dict())
        adam, reference = Adam(ours.parameters(), eps=1e-5), torch.optim.Adam(theirs.parameters(), 0.01, eps=1e-5)
        for _ in range(4):
            x = torch.randn(5, 3)
            adam.descend((ours(x) ** 2).sum(), 0.01, max_norm)
            reference.zero_grad()
            (theirs(x) ** 2).sum().backward()
            if max_norm:
                nn.utils.clip_grad_norm_(theirs.parameters(), max_norm)
            reference.step()
        torch.testing.assert_close(ours.weight, theirs.weight)
        torch.testing.assert_close(ours.bias, theirs.bias)


def test_adam_changes_nothing_if_a_gradient_is_not_finite():
    layer = nn.Linear(1, 1)
    before = layer.weight.detach().clone()
    with torch.no_grad():
        layer.bias.zero_()
    loss = (layer(torch.zeros(1, 1)).abs() ** 0.5).sum()  # 0, with an infinite or undefined slope
    assert not math.isfinite(Adam(layer.parameters()).descend(loss, 0.1, 1.0))
    assert torch.equal(layer.weight, before)
    assert layer.bias == 0


class Wrong(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, grid):
        return torch.zeros(len(grid), *self.shape)


class OtherName(nn.Module):
    def forward(self, picture):
        return picture


def test_a_network_that_does_not_fit_is_told_how_it_should_look():
    inputs, signature = {"grid": torch.zeros(2, 5, 7, 2)}, "forward(grid) -> q[B, 3]"
    with pytest.raises(
        ValueError, match=r"(?s)Probe: Wrong returns the wrong shape.*expected.*\[2, 3\].*found.*\[2, 4\]"
    ):
        check_network(Wrong((4,)), inputs, signature, [(2, 3)], "Probe")
    with pytest.raises(TypeError, match=r"(?s)expected  forward\(grid\).*found     forward\(picture\)"):
        check_network(OtherName(), inputs, signature, [(2, 3)], "Probe")
    with pytest.raises(ValueError, match=r"(?s)Bilinear|failed on a zero batch of grid\[2, 5, 7, 2\] float32"):
        check_network(Renamed(nn.Linear(9, 3)), inputs, signature, [(2, 3)], "Probe")


class Renamed(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, grid):
        return self.layer(grid)


def test_extra_results_come_as_they_are_or_as_a_tuple():
    assert split_extras("q", 1) == ("q", None)
    assert split_extras(("q", "h"), 1) == ("q", "h")
    assert split_extras(("q", "h", "c"), 1) == ("q", ("h", "c"))
    assert split_extras(("a", "l", "e"), 3) == (("a", "l", "e"), None)


def test_building_networks_leaves_the_global_random_state_alone():
    from sorrelsim.agents.learners.ddqn import DDQN

    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    models = [DDQN(CodeWorld().observations, ("a", "b"), seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == numpy_before).all()  # noqa: NPY002
    first, same, other = (m.networks["online"].advantage.weight for m in models)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.gpu
def test_a_batch_reaches_the_gpu_whole():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    arrays = {
        "a": np.arange(5, dtype=np.uint8),
        "b": np.random.default_rng(0).normal(size=(3, 2)),
        "c": np.ones((2, 2), bool),
    }
    moved = to_device(arrays, torch.device("cuda"))
    for name, array in arrays.items():
        np.testing.assert_array_equal(moved[name].cpu().numpy(), array)
    parameter = nn.Parameter(torch.ones(1, device="cuda"))
    assert Adam([parameter]).descend((parameter * 3).sum(), 0.1, 1.0) == 3
    assert parameter.item() == pytest.approx(0.9)


# Ids out of range


@pytest.mark.parametrize("n_codes", [2, 5, 200])
def test_an_id_out_of_range_counts_as_nothing_in_every_path(n_codes, monkeypatch):
    """Compiled and by PyTorch, forwards and backwards, one-hot and embedded, for any integer type."""
    rng = np.random.default_rng(0)
    ids = torch.from_numpy(rng.integers(0, 256, (6, 2, 3, 2), np.uint8))
    nothing = torch.where(ids < n_codes, ids, 0)
    layer = symbolic.SymbolicLinear(6, 2, n_codes, 4)
    results, slopes = [], []
    for compiled in (True, False):
        monkeypatch.setattr(symbolic, "_compiled", lambda _, answer=compiled: answer)
        for given in (ids, nothing) if compiled else (ids, nothing, ids.int(), ids.long()):
            layer.weight.grad = None
            result = layer(given)
            (result * torch.arange(4)).sum().backward()
            results.append(result.detach())
            slopes.append(layer.weight.grad.clone())
            spread = symbolic.one_hot(given, n_codes)
            assert torch.equal(spread, symbolic.one_hot(nothing, n_codes))
    for result, slope in zip(results, slopes, strict=True):
        torch.testing.assert_close(result, results[0])
        torch.testing.assert_close(slope, slopes[0])
    monkeypatch.setattr(symbolic, "_compiled", lambda _: False)
    negative = ids.int() - 100
    torch.testing.assert_close(layer(negative), layer(torch.where((negative > 0) & (negative < n_codes), negative, 0)))
    observations = ObservationSpec({"grid": Part((2, 3, 2), np.dtype(np.uint8), n_codes, 2)})
    for config in (NetworkConfig("conv", embedding=3, channels=(4,)), NetworkConfig("conv", channels=(4,))):
        encoder = build_encoder(observations, 1, config)
        torch.testing.assert_close(encoder({"grid": ids}), encoder({"grid": nothing}))
