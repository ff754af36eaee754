-- Why deals were lost, and how often their close date was pushed, as they stood at the cutoff.
SELECT s.opportunity_id, s.loss_reason, s.push_count
FROM deal_states AS s
CROSS JOIN params AS p
JOIN subjects AS u ON u.opportunity_id = s.opportunity_id
WHERE s.valid_from < p.cutoff AND s.valid_until >= p.cutoff
