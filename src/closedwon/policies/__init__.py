"""Stored versions of policies: check, plan, apply, history."""
