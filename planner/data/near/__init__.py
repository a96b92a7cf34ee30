"""Which rows say nearly the same: by the Jaccard index of their runs of words, in linear time."""
