"""What each step of the interview shows, and how it ends."""
