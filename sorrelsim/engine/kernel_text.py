"""The text of the compiled kernel, which takes copies to be stepped from a shared heap, and the words it is steered by.

A call brings the address of nine words, an :class:`Order`, which say among others what copies are to be stepped. With
``grain`` 0 the kernel does them all alone. Else the caller opens a round and draws portions of ``grain`` copies; helper
threads, which run the same kernel with mode FOLLOW, draw from the same heap. Results do not depend on who draws what: a
copy has its own memory and its own random stream.

All that must not be cut in two lies within one call, in which Python handles no signals: taking the world, stepping,
waiting for what helpers have begun, writing down what came of it, letting the world go.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np

STEP, RESET, VIEW, FOLLOW = range(4)  # what a call is to do
TICKET, DONE, ENDED, COPIES, TABLE, MODE, GRAIN, CLAIM = range(8)  # words that threads share; see KERNEL
AT_CLAIM, AT_ENDED = 6, 7  # words of an order that a call writes
PATIENCE = 30_000  # times that a thread looks for work before it gives up, 0.3 to 1.4 ms
BUSY = -(1 << 62)
NONE_LEFT = (1 << 32) - 1  # in place of the next copy to draw: more than any number of copies
CONSTANTS = {
    "STEP": STEP, "RESET": RESET, "FOLLOW": FOLLOW, "PATIENCE": PATIENCE, "BUSY": BUSY, "TICKET": TICKET,
    "DONE": DONE, "ENDED": ENDED, "COPIES": COPIES, "TABLE": TABLE, "MODE": MODE, "GRAIN": GRAIN, "CLAIM": CLAIM,
    "NONE_LEFT": NONE_LEFT, "AT_CLAIM": AT_CLAIM, "AT_ENDED": AT_ENDED,
}  # fmt: skip
"""What the text reads by name."""


class Order(NamedTuple):
    """What a call of the kernel is to do, ready made, since handing over one address is the quickest call there is.

    Attributes:
        address: Of the words, as the kernel takes it.
        words: ``int64[9]``: shared, table, end of the copies, mode, grain, lane; see :data:`KERNEL`. The call writes
            the next two when it is done: the world's claim, and the number of episodes that ended. Then the first copy.
        table: The table that a word leads to.
    """

    address: ctypes.c_void_p
    words: np.ndarray
    table: np.ndarray


# The life of a round, in words that lie in cache lines of their own. TICKET is two numbers in one word, so that one
# atomic swap draws a portion and at the same time proves that the round is still the one that was looked at:
#
#     TICKET   63 . . . . . 32 | 31 . . . . . 0        (round 7, 24 copies, grain 8)
#              number of round | next copy to draw
#
#     caller                    TICKET    DONE          helper
#     ------------------------  --------  ------------  -----------------------------------
#     opens the round           7 |  0     0            looks at TICKET, rests, looks again
#     swaps 7|0 for 7|8         7 |  8     0            sees round 7: reads COPIES, TABLE, MODE, GRAIN
#     steps copies 0 to 7       7 | 16     0            swaps 7|8 for 7|16
#     DONE += 8                 7 | 16     8            steps copies 8 to 15
#     swaps 7|16 for 7|24       7 | 24     8            finds none left: goes on looking
#     steps copies 16 to 23     7 | 24    16            (its DONE += 8 came meanwhile)
#     DONE += 8, all are done   7 | 24    24
#     closes: none are left     7 | max   24            idle + 1 for each look, until PATIENCE: returns, sleeps
#
# Where copies 8 to 23 alone are to be stepped, TICKET and DONE begin at 8. It is closed because rounds need not end at
# the same copy: who looks as the next is opened may read a greater COPIES beside a TICKET that still is the old one.
#
# A swap fails if another thread drew first, or if another round has begun, and none begins before DONE equals COPIES.
# So a helper that was put off the processor between its look and its swap can never step a copy of a later round
# with the table of an earlier one. A caller whose helper was put off in the middle of a portion loses patience too:
# it naps between its looks.
#
# CLAIM is even while nobody steps the world. A call makes it odd, or returns BUSY at once where it is odd already: two
# callers would share lane 0 of the scratch. When all is done it becomes the next even number, which the order keeps:
# the order with the greatest claim is the latest that was carried out, whatever became of its caller.
KERNEL = """

def first_bad_action(table, first, n):
    bad = 0
    for b in range(first, n):
        w = load_W(table, b, 0)
        e = load_E(table, b, 0)
        for i in range(w.n_agents):
            bad += (w.action[i] < 0) | (w.action[i] >= e.n_actions)
    if bad > 0:
        for b in range(first, n):
            w = load_W(table, b, 0)
            e = load_E(table, b, 0)
            for i in range(w.n_agents):
                if w.action[i] < 0 or w.action[i] >= e.n_actions:
                    return b * w.n_agents + i
    return -1


make_callable(first_bad_action)


@cfunc("int64(intp)")
def run(order):
    shared, table, n = order_word(order, 0), order_word(order, 1), order_word(order, 2)
    mode, grain, lane = order_word(order, 3), order_word(order, 4), order_word(order, 5)
    first, last = order_word(order, 8), n
    idle, round_, ended = 0, 0, 0
    helping = mode == FOLLOW
    claim = read_word(shared, CLAIM)
    if not helping and (claim & 1 or not swap_word(shared, CLAIM, claim, claim + 1)):
        return BUSY
    if mode == STEP:
        bad = first_bad_action(table, first, n)
        if bad >= 0:
            write_word(shared, CLAIM, claim)
            return -1 - bad
    if grain > 0:
        round_ = (read_word(shared, TICKET) >> 32) + 1
        write_word(shared, DONE, first)
        write_word(shared, ENDED, 0)
        write_word(shared, COPIES, n)
        write_word(shared, TABLE, table)
        write_word(shared, MODE, mode)
        write_word(shared, GRAIN, grain)
        write_word(shared, TICKET, (round_ << 32) + first)
    while True:
        if grain > 0 or helping:
            first = last = 0
            ticket = read_word(shared, TICKET)
            if ticket >> 32 != round_:
                round_ = ticket >> 32
                idle = 0
                n, table = read_word(shared, COPIES), read_word(shared, TABLE)
                mode, grain = read_word(shared, MODE), read_word(shared, GRAIN)
            at = ticket & 0xFFFFFFFF
            if at < n:
                if swap_word(shared, TICKET, ticket, ticket + grain):
                    first, last = at, min(at + grain, n)
            else:
                done = read_word(shared, DONE) == n
                if not helping and done:
                    ended = read_word(shared, ENDED)
                    write_word(shared, TICKET, (round_ << 32) + NONE_LEFT)
                    break
                idle += done or not helping
                if idle <= PATIENCE:
                    rest()
                elif helping:
                    return 0
                else:
                    nap()
        for b in range(first, last):
            w = load_W(table, b, lane)
            e = load_E(table, b, lane)
            @copy
        if grain == 0 and not helping:
            break
        if last > first:
            add_word(shared, ENDED, ended)
            add_word(shared, DONE, last - first)
            ended = 0
    write_order(order, AT_ENDED, ended)
    write_order(order, AT_CLAIM, claim + 2)
    write_word(shared, CLAIM, claim + 2)
    return ended
"""
"""Where ``@copy`` stands goes :meth:`sorrelsim.engine.program.Program.statement`, written out: Numba optimises all that
a function calls once more for every level of calls, so one level less is seconds of compiling."""
