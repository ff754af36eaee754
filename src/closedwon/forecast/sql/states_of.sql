-- The given deals as they stood at the cutoff.
SELECT state_columns
FROM deal_states AS s
JOIN subjects AS n ON n.opportunity_id = s.opportunity_id
CROSS JOIN params AS p
WHERE s.valid_from < p.cutoff AND s.valid_until >= p.cutoff
