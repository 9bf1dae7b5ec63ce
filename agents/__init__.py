"""The library of models: one learner, bot or human per file. Installed as ``sorrelsim.agents``."""
