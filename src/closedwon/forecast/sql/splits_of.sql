-- The splits of the given deals.
SELECT split_columns
FROM opportunity_splits AS s
JOIN subjects AS n ON n.opportunity_id = s.opportunity_id
