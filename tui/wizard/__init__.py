"""The wizard: the interview as seven steps on a terminal's screen."""
