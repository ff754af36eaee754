"""The verbs of deals."""
