"""Draws the timeline of a recording: where it is, ends of episodes, and what the agent looked at was paid."""

from __future__ import annotations

import pygame

from sorrelsim.play import theme
from sorrelsim.recordings.replay import Recorded


def draw_timeline(
    screen: pygame.Surface, letters: theme.Letters, strip: pygame.Rect, recording: Recorded, turn: int, watched: int,
    playing: bool,
) -> pygame.Rect:  # fmt: skip
    """Draws it into a strip of the window.

    Args:
        screen: The window.
        letters: What it is written with.
        strip: Where.
        recording: The recording.
        turn: Where in it.
        watched: The slot whose rewards are shown.
        playing: Whether it plays.

    Returns:
        Where the bar lies whose length is the recording.
    """
    px, total = letters.px, max(1, len(recording))
    screen.fill(theme.PANEL, strip)
    bar = pygame.Rect(strip.left + px(70), strip.centery - px(4), strip.width - px(180), px(8))
    theme.box(screen, theme.RAISED, bar, px(4))
    done = bar.copy()
    done.width = round(bar.width * turn / total)
    theme.box(screen, theme.ACCENT, done, px(4))
    for end in (recording.ends.nonzero()[0] + 1).tolist():
        x = bar.left + round(bar.width * end / total)
        screen.fill(theme.WARN, (x, bar.top - px(5), max(1, px(2)), bar.height + px(10)))
    own = recording.rewards[:, watched]
    for paid in (own.nonzero()[0] + 1).tolist():
        x = bar.left + round(bar.width * paid / total)
        colour = theme.GAIN if own[paid - 1] > 0 else theme.LOSS
        screen.fill(colour, (x, bar.bottom + px(8), max(1, px(2)), px(6)))
    pygame.draw.circle(screen, theme.TEXT, (done.right, bar.centery), px(9))
    centre, r = (strip.left + px(36), bar.centery), px(11)
    if playing:
        screen.fill(theme.TEXT, (centre[0] - r, centre[1] - r, px(8), 2 * r))
        screen.fill(theme.TEXT, (centre[0] + r - px(8), centre[1] - r, px(8), 2 * r))
    else:
        left, right = centre[0] - r + px(2), centre[0] + r
        pygame.draw.polygon(screen, theme.TEXT, [(left, centre[1] - r), (right, centre[1]), (left, centre[1] + r)])
    where = letters.draw(f"{turn} / {len(recording)}", 14, theme.MUTED)
    screen.blit(where, where.get_rect(midright=(strip.right - px(12), bar.centery)))
    return bar
