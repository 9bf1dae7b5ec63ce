"""What a world file declares: kinds, params, state, events, maps, window, sprites. Data and checks; no steps."""
