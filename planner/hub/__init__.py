"""Models on the Hub: their files, facts and the client that asks for them."""
