"""Results as plain text or HTML."""
