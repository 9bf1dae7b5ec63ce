"""Recordings of sessions: every action of every agent with its time, in a text file that replays bit for bit.

A session is written as it happens (``write``), loaded (``read``), played over again (``replay``) and exported as a
table, as a memory for learners (``table``) or as a film (``film``).

The format, ``sorrelsim-recording`` version 3
    UTF-8 text, one JSON object per line, each line appended as it happens and ended by a newline. The first line is the
    header: ``format``, ``version``, ``sorrelsim``, ``world`` (its name or file), ``world_version``, ``world_hash``,
    ``seed``, ``settings`` (what ``sorrelsim.make`` was given beside), ``params`` (of the copy, for the reader),
    ``actions`` (their names), ``n_agents``, ``players`` (one label per slot), ``humans`` (slots), ``started`` (wall
    clock, ISO 8601) and ``state_hash`` (of the first state); where there are any, ``study`` (``participant``,
    ``condition``, ``session``, ``fields``) and ``partners`` (who exactly plays each slot). Then, told apart by their
    first key:

    - ``{"t": 7, "ms": 812.4, "a": [1, 0], "r": [0.0, 1.0]}``: turn 7 of the session, its time in milliseconds since
      the session began, every slot's action and reward. Where there are any: ``"s": 702.9``, when the picture that
      people acted on reached the screen; ``"k": {"0": 790.1}``, when the key that chose a person's action went down;
      ``"held": [0]``, whose key was down since an earlier turn; ``"end": true`` if the episode ended; ``"h": "..."``,
      the state's hash.
    - ``{"key": "w", "down": true, "ms": 790.1, "slot": 0, "action": "forward"}``: a key went down or up.
    - ``{"reset": true, "ms": 9000.0, "rng": [1, 3]}``: the episode was started anew by hand; where the random stream
      stood before.
    - ``{"person": 0, "slot": 2, "left": 1, "player": "random", "ms": 400.0}``: from the next turn on the first of the
      people plays slot 2, and the agent "random" plays slot 1 again, which that person left.
    - ``{"note": "paused", "ms": 400.0}``: anything else worth knowing.
    - ``{"closed": true, "turns": 7, "hash": "..."}``: the last line of a session that came to its end, with the hash of
      all lines before it.

    Every line ends with a mark of the file up to it, ``"c": "..."`` (see ``chain``), so a file that was changed is not
    read. A file without its last line was cut off: it holds everything up to its last whole line, and is told as
    unfinished. Version 1 had neither marks nor a last line; in version 2 a note said that a person
    changed to another slot.
"""

from sorrelsim.recordings.read import Recording, load_recording
from sorrelsim.recordings.replay import Replay
from sorrelsim.recordings.spec import RecordingError, WorldSpec, state_hash, world_hash
from sorrelsim.recordings.write import Recorder

__all__ = [
    "Recorder", "Recording", "RecordingError", "Replay", "WorldSpec", "load_recording", "state_hash", "world_hash",
]  # fmt: skip
