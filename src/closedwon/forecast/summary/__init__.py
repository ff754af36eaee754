"""The weekly summary and the Monday scorecard: from numbers to sentences that carry their sources, and how these are written out."""
