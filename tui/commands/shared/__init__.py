"""What several commands need: options, starting a run, choosing a face."""
