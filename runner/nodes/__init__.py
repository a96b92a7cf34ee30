"""The machines that train one lock together: which one this is, and how they talk."""
