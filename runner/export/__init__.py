"""From a trained model to what is given away: merged, converted, described, pushed."""
