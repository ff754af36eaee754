"""People, seats, roles and what each may see."""
