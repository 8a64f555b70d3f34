"""The statistical model: what experience adds to the weights that people gave."""
