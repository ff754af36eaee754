"""The projection: competing-risk curves of the company's own deals, new business, and an interval from its own past misses."""
