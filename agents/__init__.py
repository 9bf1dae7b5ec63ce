"""The library of models: one learner, bot or human a file. Installed as `sorrelsim.agents`."""
