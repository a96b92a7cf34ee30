"""The wizard: the interview as seven full-screen steps."""
