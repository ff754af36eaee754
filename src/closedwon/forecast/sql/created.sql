-- Pipeline created: each deal of the type once, on the day it became pipeline, at its amount at the close of that day.
-- The day is the day of acceptance where the company tracks it, else the day of creation; left out on purpose then is no pipeline.
WITH
  born AS (
    SELECT s.opportunity_id, MIN(CASE WHEN p.tracks_acceptance THEN s.sales_accepted_at ELSE s.created_at END) AS at
    FROM deal_states AS s
    CROSS JOIN params AS p
    WHERE s.valid_from < p.as_of_at AND s.valid_until >= p.as_of_at AND COALESCE(s.is_deleted, FALSE) = FALSE
    GROUP BY s.opportunity_id
  ),
  dated AS ( -- the company's day, by its list of days with their instants
    SELECT b.opportunity_id, d.day, d.closes_at, d.moment
    FROM born AS b
    JOIN days AS d ON b.at >= d.opens_at AND b.at < d.closes_at
  ),
  valued AS (
    SELECT
      b.moment, b.day, s.opportunity_id, s.owner_id, deal_date AS due, deal_dimension AS dimension,
      p.sign * CASE WHEN r.num = r.den THEN deal_amount ELSE muldiv(deal_amount, r.num, r.den) END AS amount_minor
    FROM dated AS b
    CROSS JOIN params AS p
    JOIN moments AS m ON m.moment = b.moment
    JOIN deal_states AS s ON s.opportunity_id = b.opportunity_id AND s.valid_from < LEAST(b.closes_at, p.as_of_at) AND s.valid_until >= LEAST(b.closes_at, p.as_of_at)
    LEFT JOIN order_types AS o ON o.order_type = s.order_type
    LEFT JOIN stages AS g ON g.stage = s.stage
    LEFT JOIN categories AS c ON c.raw = s.forecast_category
    LEFT JOIN rates AS r ON r.period = m.period AND r.currency = COALESCE(s.currency, p.currency)
    deal_joins
    WHERE COALESCE(s.is_deleted, FALSE) = FALSE
      AND CASE WHEN COALESCE(s.order_type, '') = '' THEN p.untyped ELSE (o.order_type IS NOT NULL) = p.named END
      AND deal_amount > 0
      AND (COALESCE(g.status, 'open') <> 'open'
        OR COALESCE(c.category, CASE WHEN COALESCE(s.forecast_category, '') = '' THEN g.category END, 'unmapped') <> 'omitted')
  ),
  parts AS ( -- to the seat of its owner on that day; splits come with the close, not with the birth
    SELECT v.moment, v.day, v.opportunity_id, v.due, v.dimension, v.amount_minor, COALESCE(w.place, 'unassigned') AS place
    FROM valued AS v
    LEFT JOIN seats AS w ON w.moment = v.moment AND w.user_id = v.owner_id
  )
