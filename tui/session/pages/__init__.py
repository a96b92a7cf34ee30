"""The pages of the interview's steps, and its end."""
