"""Systems on the other side of a wire: wire code only."""
