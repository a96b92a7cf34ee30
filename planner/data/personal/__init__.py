"""Find personal data and secrets in text by their published forms, and take them out."""
