-- One row per deal: how it stands at the cutoff, its amount while it was open last (a lost deal's as it was lost), and what it was won at.
, last_open AS ( -- the last state in which each won deal was open
    SELECT s.opportunity_id, MAX(s.valid_from) AS valid_from
    FROM states AS s
    WHERE s.status = 'open' AND s.opportunity_id IN (SELECT opportunity_id FROM chosen WHERE status = 'won')
    GROUP BY s.opportunity_id
  ),
  was_open AS (
    SELECT s.opportunity_id, s.amount_minor, s.currency
    FROM states AS s
    JOIN last_open AS l ON l.opportunity_id = s.opportunity_id AND l.valid_from = s.valid_from
  ),
  asked AS (
    SELECT
      c.deal_no, CASE WHEN o.opportunity_id IS NULL THEN c.amount_minor ELSE o.amount_minor END AS amount_minor,
      CASE WHEN o.opportunity_id IS NULL THEN c.currency ELSE o.currency END AS currency
    FROM chosen AS c
    LEFT JOIN was_open AS o ON o.opportunity_id = c.opportunity_id
  )
SELECT
  c.deal_no, c.opportunity_id, COALESCE(c.order_type, '') AS order_type, COALESCE(c.segment, '') AS segment, COALESCE(c.region, '') AS region,
  c.status, c.stage, c.created_at, c.close_date,
  p.sign * COALESCE(CASE WHEN r.num = r.den THEN a.amount_minor ELSE muldiv(a.amount_minor, r.num, r.den) END, 0) AS open_minor,
  CASE WHEN c.status = 'won' THEN
    p.sign * COALESCE(CASE WHEN q.num = q.den THEN c.amount_minor ELSE muldiv(c.amount_minor, q.num, q.den) END, 0) ELSE 0 END AS won_minor
FROM chosen AS c
CROSS JOIN params AS p
JOIN asked AS a ON a.deal_no = c.deal_no
LEFT JOIN rates AS r ON r.currency = COALESCE(a.currency, p.currency)
LEFT JOIN rates AS q ON q.currency = COALESCE(c.currency, p.currency)
