"""The setups that are possible, the one that is chosen, and the reasons in words."""
