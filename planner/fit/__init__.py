"""Which ways to train a model fit on a machine, before there is any data."""
