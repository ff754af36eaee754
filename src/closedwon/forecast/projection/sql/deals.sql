-- One row per deal: how it stands at the cutoff, its amount while it was open last, and what it was won at.
, was_open AS (
    SELECT c.deal_no, s.amount_minor, s.currency, s.valid_from,
      ROW_NUMBER() OVER (PARTITION BY c.deal_no ORDER BY s.valid_from DESC) AS back_no
    FROM states AS s
    JOIN chosen AS c ON c.opportunity_id = s.opportunity_id
    WHERE s.status = 'open'
  )
SELECT
  c.deal_no, c.opportunity_id, COALESCE(c.order_type, '') AS order_type, COALESCE(c.segment, '') AS segment, COALESCE(c.region, '') AS region,
  c.status, c.stage, c.created_at, c.close_date,
  p.sign * COALESCE(CASE WHEN r.num = r.den THEN o.amount_minor ELSE muldiv(o.amount_minor, r.num, r.den) END, 0) AS open_minor,
  CASE WHEN c.status = 'won' THEN
    p.sign * COALESCE(CASE WHEN q.num = q.den THEN c.amount_minor ELSE muldiv(c.amount_minor, q.num, q.den) END, 0) ELSE 0 END AS won_minor
FROM chosen AS c
CROSS JOIN params AS p
LEFT JOIN was_open AS o ON o.deal_no = c.deal_no AND o.back_no = 1
LEFT JOIN rates AS r ON r.currency = COALESCE(o.currency, p.currency)
LEFT JOIN rates AS q ON q.currency = COALESCE(c.currency, p.currency)
