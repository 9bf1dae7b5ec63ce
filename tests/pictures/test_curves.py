"""Figures go into a paper as they are: their sizes, fonts and bytes."""

import numpy as np
import pytest
from PIL import Image

from sorrelsim.pictures.curves import Curve, Panel, draw_panels, spread
from sorrelsim.pictures.heat_maps import HeatMap, draw_heat_maps
from sorrelsim.pictures.style import short_number

STEPS = np.array([100.0, 200.0, 300.0])


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def panel(*labels, **more):
    curves = tuple(Curve(label, STEPS, STEPS / (k + 1), STEPS * 0.9, STEPS * 1.1) for k, label in enumerate(labels))
    return Panel(curves, "agent-steps", "return", **more)


def test_a_panel_is_as_wide_as_a_column_at_300_dots_per_inch(tmp_path):
    draw_panels([panel("a", "b")], tmp_path / "one.png")
    assert pixels(tmp_path / "one.png").shape[1] == 990  # 3.3 inches
    draw_panels([panel("a", "b")] * 3, tmp_path / "three.png")
    assert pixels(tmp_path / "three.png").shape[1] == 1980  # two side by side
    draw_panels([panel("a")], tmp_path / "wide.png", width=5)
    assert pixels(tmp_path / "wide.png").shape[1] == 1500


def test_text_stays_text(tmp_path):
    draw_panels([panel("first condition", "second")], tmp_path / "x.pdf", tmp_path / "x.svg")
    pdf, svg = (tmp_path / "x.pdf").read_bytes(), (tmp_path / "x.svg").read_text()
    assert b"/CIDFontType2" in pdf  # what Matplotlib calls type 42: the font's own outlines, embedded
    assert b"/Type3" not in pdf
    assert b"/FontFile2" in pdf
    assert ">first condition</text>" in svg
    assert ">agent-steps</text>" in svg


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_the_same_figure_gives_the_same_bytes(kind, tmp_path):
    for name in ("one", "two"):
        draw_panels([panel("a", "b", title="x")], tmp_path / f"{name}.{kind}")
    assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


def test_the_user_s_settings_of_matplotlib_do_not_show_and_stay(tmp_path):
    import matplotlib

    draw_panels([panel("a", "b")], tmp_path / "one.png")
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9}):
        draw_panels([panel("a", "b")], tmp_path / "two.png")
        assert matplotlib.rcParams["font.size"] == 30
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_a_curve_of_one_point_or_none_and_many_curves_are_drawn(tmp_path):
    one = Curve("one", np.array([10.0]), np.array([1.0]))
    none = Curve("none", np.array([10.0]), np.array([np.nan]))
    draw_panels([Panel((one, none), "x", "y")], tmp_path / "few.png")
    draw_panels([panel(*(f"a long name of condition {k}" for k in range(16)))], tmp_path / "many.png")
    few, many = (pixels(tmp_path / f"{name}.png") for name in ("few", "many"))
    assert (few != 255).any()
    assert many.shape[0] > few.shape[0]  # room for the legend
    border = [many[0], many[-1], many[:, 0], many[:, -1]]
    assert all((edge == 255).all() for edge in border)  # nothing is cut off


def test_bars_lie_side_by_side_within_the_axes(tmp_path):
    """Values of 100 and 200 with bars of 10 either way, over 1 and 2: the axes name these, and do not begin at 0."""
    at, values = np.array([1.0, 2.0]), np.array([100.0, 200.0])
    bars = tuple(Curve(label, at, values, values - 10, values + 10, marks=True) for label in "ab")
    draw_panels([Panel(bars, "x", "y", counts=False)], tmp_path / "x.svg")
    drawn = (tmp_path / "x.svg").read_text()
    for tick in ("100", "200", "1.0", "2.0"):
        assert f">{tick}</text>" in drawn
    assert ">0</text>" not in drawn


def test_names_beside_curves_lie_apart_and_in_order():
    # 0.50 and 0.52 are nearer than 0.1: a block around 0.51, from 0.46 to 0.56. That is too near to 0.60, and becomes a
    # block of three around (0.50 + 0.52 + 0.60) / 3 = 0.54.
    found = spread(np.array([0.52, 0.9, 0.5, 0.6]), 0.1)
    np.testing.assert_allclose(found, [0.54, 0.9, 0.44, 0.64])
    np.testing.assert_allclose(spread(np.array([0.1, 0.5]), 0.1), [0.1, 0.5])


def test_steps_are_written_short():
    assert [short_number(x) for x in (0, 500, 50_000, 1_500_000, 2e9)] == ["0", "500", "50k", "1.5M", "2G"]


def test_another_kind_of_picture_is_refused_before_anything_is_drawn(tmp_path):
    with pytest.raises(ValueError, match=r"x\.gif: no kind of picture 'gif'.*Allowed: pdf, png, svg"):
        draw_panels([panel("a")], tmp_path / "a.png", tmp_path / "x.gif")
    assert not list(tmp_path.iterdir())


def test_heat_maps_share_one_scale_and_name_their_cells(tmp_path):
    values = np.array([[1.0, 2.0, 3.0], [4.0, np.nan, 6.0]])
    maps = [HeatMap(values + k, "x", "y", ("a", "b", "c"), ("low", "high"), f"condition {k}") for k in (0, 10)]
    draw_heat_maps(maps, "return", tmp_path / "h.svg", tmp_path / "h.png")
    svg = (tmp_path / "h.svg").read_text()
    for text in ("condition 0", "condition 10", "low", "high", "16", "6"):
        assert f">{text}</text>" in svg
    assert svg.count(">return</text>") == 1
    assert pixels(tmp_path / "h.png").shape[1] == 1980
