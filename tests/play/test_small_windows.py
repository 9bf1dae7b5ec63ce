"""What a card, the panel and the help say, and what is left of it where there is little room or several people play."""

import pytest
from test_window import open_window, screen

import sorrelsim
from sorrelsim.library.find import shipped
from sorrelsim.play.card_info import page_of
from sorrelsim.play.game_info import card_of_game
from sorrelsim.play.keys import specials_of

pytestmark = pytest.mark.usefixtures("dummy")
SIZES = [(480, 320), (600, 1000), (1280, 720)]


@pytest.fixture
def caps(monkeypatch):
    """The keys that are drawn from now on: what stands on each, and its place within what it is drawn on."""
    import pygame

    from sorrelsim.play import theme

    drawn, real = [], theme.key_cap

    def noted(surface, letters, x, y, text, size, *given):
        height = letters.px(size * 1.75)
        drawn.append((surface, text, pygame.Rect(x, y, theme.cap_width(letters, text, size), height)))
        return real(surface, letters, x, y, text, size, *given)

    monkeypatch.setattr(theme, "key_cap", noted)
    return drawn


@pytest.mark.parametrize("name", sorted(shipped("worlds")))
def test_a_card_says_in_plain_words_what_every_special_action_does(name):
    world = sorrelsim.make(name, 1, 0, compiled=False)
    page = page_of(world)
    said = " ".join(page)
    assert not any(mark in said for mark in ("_", "`", "Params", "preset"))
    for action in specials_of(world.action_names):
        stem = world.action_names[action].partition("_")[0][:3]  # "mine": the mining beam; "vote_3": votes are cast
        assert stem in said.lower(), world.action_names[action]


def test_a_card_tells_of_no_other_preset():
    told = {preset: page_of(sorrelsim.make("harvest", preset=preset, compiled=False)) for preset in (None, "classic")}
    assert told[None].rewards == "+1 for an apple."
    assert told["classic"].rewards == "+1 for an apple. -1 for firing, -50 for being hit."
    assert told[None].does == "Zap takes out whom its beam meets, for a few steps."


def test_a_card_lists_no_names_of_actions_and_says_nothing_of_which_a_preset_says_otherwise():
    """The one of SocialJax has other names than its page begins with; of ``costly``, -0.2 stood beside nothing."""
    assert page_of(sorrelsim.make("harvest", preset="socialjax", compiled=False)).does == (
        "Zap takes out whom its beam meets, for a few steps."
    )
    assert page_of(sorrelsim.make("two_keys", preset="costly", compiled=False)).rewards.endswith(
        "-0.1 for walking into a wall. -0.2 to who turns one alone."
    )


@pytest.mark.parametrize(
    ("preset", "numbers"),
    [("stag_hunt_repeated", "4 0 / 2 2"), ("running_with_scissors_arena", "0 -10 10 / 10 0 -10 / -10 10 0")],
)
def test_a_card_has_the_matrix_of_its_game(preset, numbers):
    assert (
        f"The matrix ({numbers}) has" in page_of(sorrelsim.make("matrix_game", preset=preset, compiled=False)).rewards
    )


def test_people_at_one_keyboard_have_one_row_for_each_action():
    from sorrelsim.play.key_rows import KeyRow, key_rows

    window = open_window(humans=(0, 2), mode="turns")
    rows = key_rows(card_of_game(window.game).keys)
    assert [row.action for row in rows[:2]] == ["do nothing", "forward"]
    assert len(rows) == 9
    assert rows[1] == KeyRow("forward", (("W", 0, False), ("↑", 2, False)), False)
    alone = key_rows(card_of_game(open_window(mode="turns").game).keys)
    assert alone[1] == KeyRow("forward", (("W", -1, False), ("↑", -1, False)), False)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("people", [(0,), (0, 1), (0, 1, 2)])
def test_everybodys_keys_stand_on_every_card_and_in_every_help(size, people, caps):
    window = open_window(settings={}, size=size, mode="turns", card=True, humans=people)
    expected = {row.keys[0] for row in card_of_game(window.game).keys}
    assert len(expected) == 9 * len(people)
    screen(window)
    assert expected <= {text for surface, text, _ in caps if surface is not window.panel._surface}
    window.game.begin()
    window.help = True
    caps.clear()
    screen(window)
    shown = [(text, place) for surface, text, place in caps if surface is window.screen]
    assert expected <= {text for text, _ in shown}
    for k, (text, place) in enumerate(shown):  # none lies over another
        assert window.screen.get_rect().contains(place)
        assert place.inflate(-2, -2).collidelist([other for _, other in shown[:k]]) == -1, text


def test_where_not_even_the_keys_have_room_some_are_left(caps):
    window = open_window(world="fruit_market", settings={}, size=(480, 320), mode="turns", card=True)
    screen(window)
    assert {"W", "A", "Space"} <= {text for _, text, _ in caps}
    window.game.begin()
    window.help = True
    screen(window)
    assert {"W", "A", "Space"} <= {text for surface, text, _ in caps if surface is window.screen}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("turn", [0, 30, 4999])
def test_the_turn_never_runs_into_what_time_does(size, turn, monkeypatch):
    from sorrelsim.play import panel

    window = open_window(settings={}, size=size, mode="turns", humans=(0, 1, 2))
    window.session.world.turn[0] = turn
    window.game.inputs.down("w", 0.0)
    window.game.changed()
    assert window.info().status == "waiting for 1, 2"
    chips, drawn, box = [], [], panel.theme.box
    monkeypatch.setattr(panel.theme, "box", lambda *given: (chips.append(given), box(*given)))
    draw = window.letters.draw
    monkeypatch.setattr(window.letters, "draw", lambda text, *g: drawn.append((text, draw(text, *g))) or drawn[-1][1])
    screen(window)
    chip = next(given[2] for given in chips if given[1] == panel.theme.WARN)
    number = next(picture for text, picture in drawn if text == str(turn))
    assert window.letters.px(22) + number.get_width() <= chip.left


def test_all_who_are_out_are_told_so_in_a_small_window(monkeypatch):
    window = open_window(settings={}, size=(480, 320), mode="turns", humans=(0, 1, 2))
    window.session.world.out[0, :3] = 39
    window.game.changed()
    fit, said = window.letters.fit, []
    monkeypatch.setattr(window.letters, "fit", lambda text, *given: said.append(text) or fit(text, *given))
    screen(window)
    lines = [text for text in said if "Out" in text]
    assert lines == [f"{slot}: Out of the game: back in 39 turns" for slot in range(3)]
    assert window.letters.font(11, "bold").size(lines[0])[0] <= window.areas()[0].width - window.letters.px(48)  # whole


@pytest.mark.parametrize("most", [1, 3, 7])
def test_people_stand_in_every_summary(most):
    from sorrelsim.play.summary import _with_people
    from sorrelsim.play.summary_info import SummaryRow

    rows = [SummaryRow(slot, "", slot == 4, 10.0 - slot) for slot in range(7)]
    assert [row.slot for row in _with_people(rows, most)] == {1: [4], 3: [0, 1, 4], 7: list(range(7))}[most]
