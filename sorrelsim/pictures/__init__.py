"""All that is drawn without a screen, from plain arrays: pictures of grids, PNG and GIF files, learning curves."""
