"""From the rows of a file to conversations and pairs, whatever format they are in."""
