-- What stands in each seat's own name at the cutoff, by bucket: closed, each category, omitted, undated.
-- Everything above a seat is a sum of these rows.
WITH
  deals AS ( -- the type's deals as they stood at the cutoff: those dated in the period, and those without a date
    SELECT
      s.opportunity_id, s.owner_id, s.stage, s.forecast_category,
      COALESCE(s.currency, p.currency) AS currency,
      deal_amount AS amount_minor, deal_date AS due, deal_dimension AS dimension
    FROM deal_states AS s
    CROSS JOIN params AS p
    LEFT JOIN order_types AS o ON o.order_type = s.order_type
    deal_joins
    WHERE s.valid_from < p.cutoff AND s.valid_until >= p.cutoff
      AND COALESCE(s.is_deleted, FALSE) = FALSE
      AND CASE WHEN COALESCE(s.order_type, '') = '' THEN p.untyped ELSE (o.order_type IS NOT NULL) = p.named END
      AND (deal_date IS NULL OR p.every_date OR (deal_date >= p.period_start AND deal_date < p.period_end))
  ),
  named AS ( -- its bucket; a stage or category that the policies do not know is "unmapped", never left out
    SELECT
      d.opportunity_id, d.owner_id, d.currency, d.amount_minor, d.dimension,
      COALESCE(g.probability_ppm, 0) AS probability_ppm,
      CASE
        WHEN g.status = 'lost' THEN NULL
        WHEN g.status = 'won' AND d.due IS NULL AND NOT p.every_date THEN NULL
        WHEN g.status = 'won' THEN 'closed'
        WHEN g.stage IS NULL AND d.due IS NULL THEN 'undated'
        WHEN g.stage IS NULL THEN 'unmapped'
        WHEN COALESCE(c.category, CASE WHEN COALESCE(d.forecast_category, '') = '' THEN g.category END) = 'omitted'
          THEN CASE WHEN d.due IS NULL AND NOT p.every_date THEN NULL ELSE 'omitted' END
        WHEN d.due IS NULL THEN 'undated'
        WHEN COALESCE(d.forecast_category, '') = '' OR c.category = 'closed' THEN g.category
        ELSE COALESCE(c.category, 'unmapped')
      END AS bucket
    FROM deals AS d
    CROSS JOIN params AS p
    LEFT JOIN stages AS g ON g.stage = d.stage
    LEFT JOIN categories AS c ON c.raw = d.forecast_category
  ),
  valued AS ( -- in the company's currency, rounded once per deal
    SELECT
      n.opportunity_id, n.owner_id, n.dimension, n.bucket, n.probability_ppm,
      p.sign * CASE WHEN r.num = r.den THEN COALESCE(n.amount_minor, 0) ELSE COALESCE(muldiv(n.amount_minor, r.num, r.den), 0) END
        AS amount_minor
    FROM named AS n
    CROSS JOIN params AS p
    LEFT JOIN rates AS r ON r.currency = n.currency
    WHERE n.bucket IS NOT NULL
  ),
  splits AS ( -- shares by seat on that day
    SELECT x.opportunity_id, COALESCE(w.place, 'unassigned') AS place, SUM(x.share_ppm) AS share_ppm
    FROM opportunity_splits AS x
    CROSS JOIN params AS p
    LEFT JOIN seats AS w ON w.user_id = x.user_id
    WHERE LOWER(x.split_type) = p.split AND (p.split <> 'revenue' OR COALESCE(x.is_overlay, FALSE) = FALSE)
      AND x.since <= p.day AND (x.until IS NULL OR x.until > p.day)
    GROUP BY x.opportunity_id, COALESCE(w.place, 'unassigned')
  ),
  running AS (
    SELECT
      opportunity_id, place, share_ppm,
      SUM(share_ppm) OVER (PARTITION BY opportunity_id ORDER BY place ROWS UNBOUNDED PRECEDING) AS up_to_ppm
    FROM splits
  ),
  parts AS ( -- each seat's part: the difference of two rounded running totals, so that the parts add up to the deal
    SELECT
      v.opportunity_id, v.dimension, v.bucket, v.probability_ppm,
      COALESCE(x.place, w.place, 'unassigned') AS place,
      CASE
        WHEN x.place IS NULL THEN v.amount_minor
        ELSE share(v.amount_minor, x.up_to_ppm) - share(v.amount_minor, x.up_to_ppm - x.share_ppm)
      END AS amount_minor
    FROM valued AS v
    CROSS JOIN params AS p
    LEFT JOIN running AS x ON x.opportunity_id = v.opportunity_id
    LEFT JOIN seats AS w ON w.user_id = v.owner_id
    WHERE x.place IS NOT NULL OR p.owner_counts
  )
