"""The environment variables and packages that stages run with."""
