"""From conversations to token ids and labels, in the order of training."""
