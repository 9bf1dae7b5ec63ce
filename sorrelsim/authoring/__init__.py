"""What a world file declares: kinds, maps, params, state, window, sprites. Data and checks; nothing is stepped."""
