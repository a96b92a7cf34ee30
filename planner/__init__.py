"""From an intent, data and a machine to a lock. Imports no training stack."""
