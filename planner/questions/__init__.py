"""What a question is, and those that every run is asked."""
