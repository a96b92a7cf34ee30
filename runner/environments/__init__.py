"""The variables and packages that stages run with."""
