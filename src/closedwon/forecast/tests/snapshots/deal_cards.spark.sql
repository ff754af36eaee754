/* What a list shows of a deal at the cutoff; a deal that did not exist yet stands as it was first. */
WITH states AS (
  SELECT
    s.*,
    ROW_NUMBER() OVER (
      PARTITION BY s.opportunity_id
      ORDER BY CASE WHEN s.valid_from < p.cutoff THEN 0 ELSE 1 END NULLS LAST, CASE WHEN s.valid_from < p.cutoff THEN s.valid_from END DESC, s.valid_from NULLS LAST
    ) AS nearest
  FROM deal_states AS s
  CROSS JOIN params AS p
  JOIN subjects AS u
    ON u.opportunity_id = s.opportunity_id
)
SELECT
  s.opportunity_id,
  s.name,
  s.account_id,
  a.name AS account_name,
  s.owner_id,
  w.name AS owner_name,
  s.stage,
  s.forecast_category,
  s.amount_minor,
  s.currency,
  s.close_date,
  s.next_step,
  s.last_activity_at,
  s.region,
  s.segment,
  s.order_type,
  CASE WHEN s.is_deleted THEN 'deleted' ELSE COALESCE(g.status, 'open') END AS status,
  s.is_reconstructed
FROM states AS s
LEFT JOIN accounts AS a
  ON a.id = s.account_id
LEFT JOIN users AS w
  ON w.id = s.owner_id
LEFT JOIN stages AS g
  ON g.stage = s.stage
WHERE
  s.nearest = 1
