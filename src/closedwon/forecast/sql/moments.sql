-- Deals as they stood at many moments at once, one period each, and what became of them in that period by the as-of.
-- Each moment alone gives what the roll-up gives at its cutoff; the words are the same.
WITH
  stood AS ( -- the type's deals at each moment: those dated in its period, and those without a date
    SELECT
      m.moment, m.period, m.period_start, m.period_end, s.opportunity_id, s.owner_id, s.stage, s.forecast_category,
      COALESCE(s.currency, p.currency) AS currency, deal_amount AS amount_minor, deal_date AS due, deal_dimension AS dimension
    FROM deal_states AS s
    CROSS JOIN params AS p
    JOIN moments AS m ON s.valid_from < m.cutoff AND s.valid_until >= m.cutoff
    LEFT JOIN order_types AS o ON o.order_type = s.order_type
    deal_joins
    WHERE COALESCE(s.is_deleted, FALSE) = FALSE
      AND CASE WHEN COALESCE(s.order_type, '') = '' THEN p.untyped ELSE (o.order_type IS NOT NULL) = p.named END
      AND (deal_date IS NULL OR (deal_date >= m.period_start AND deal_date < m.period_end))
  ),
  named AS ( -- its bucket; a stage or category that the policies do not know is "unmapped", never left out
    SELECT
      d.moment, d.period, d.period_start, d.period_end, d.opportunity_id, d.owner_id, d.currency, d.amount_minor, d.due, d.dimension,
      COALESCE(g.probability_ppm, 0) AS probability_ppm,
      CASE
        WHEN g.status = 'lost' THEN NULL
        WHEN g.status = 'won' AND d.due IS NULL THEN NULL
        WHEN g.status = 'won' THEN 'closed'
        WHEN g.stage IS NULL AND d.due IS NULL THEN 'undated'
        WHEN g.stage IS NULL THEN 'unmapped'
        WHEN COALESCE(c.category, CASE WHEN COALESCE(d.forecast_category, '') = '' THEN g.category END) = 'omitted'
          THEN CASE WHEN d.due IS NULL THEN NULL ELSE 'omitted' END
        WHEN d.due IS NULL THEN 'undated'
        WHEN COALESCE(d.forecast_category, '') = '' OR c.category = 'closed' THEN g.category
        ELSE COALESCE(c.category, 'unmapped')
      END AS bucket
    FROM stood AS d
    LEFT JOIN stages AS g ON g.stage = d.stage
    LEFT JOIN categories AS c ON c.raw = d.forecast_category
  ),
  ended AS ( -- deals that stand as won at the as-of, at the amount they were won with
    SELECT s.opportunity_id, COALESCE(s.currency, p.currency) AS currency, deal_amount AS amount_minor, deal_date AS due
    FROM deal_states AS s
    CROSS JOIN params AS p
    JOIN stages AS g ON g.stage = s.stage AND g.status = 'won'
    deal_joins
    WHERE s.valid_from < p.as_of_at AND s.valid_until >= p.as_of_at AND COALESCE(s.is_deleted, FALSE) = FALSE AND deal_date IS NOT NULL
  ),
  valued AS ( -- at the rates of the period, rounded once per deal; won only where it was won with a date in the period
    SELECT
      n.moment, n.opportunity_id, n.owner_id, n.due, n.dimension, n.bucket, n.probability_ppm, e.opportunity_id IS NOT NULL AS is_won,
      p.sign * CASE WHEN r.num = r.den THEN COALESCE(n.amount_minor, 0) ELSE COALESCE(muldiv(n.amount_minor, r.num, r.den), 0) END
        AS amount_minor,
      p.sign * CASE WHEN q.num = q.den THEN COALESCE(e.amount_minor, 0) ELSE COALESCE(muldiv(e.amount_minor, q.num, q.den), 0) END
        AS came_minor
    FROM named AS n
    CROSS JOIN params AS p
    LEFT JOIN rates AS r ON r.period = n.period AND r.currency = n.currency
    LEFT JOIN ended AS e ON e.opportunity_id = n.opportunity_id AND e.due >= n.period_start AND e.due < n.period_end
    LEFT JOIN rates AS q ON q.period = n.period AND q.currency = e.currency
    WHERE n.bucket IS NOT NULL
  ),
  splits AS ( -- shares by seat on the moment's day
    SELECT m.moment, x.opportunity_id, COALESCE(w.place, 'unassigned') AS place, SUM(x.share_ppm) AS share_ppm
    FROM opportunity_splits AS x
    CROSS JOIN params AS p
    JOIN moments AS m ON x.since <= m.day AND (x.until IS NULL OR x.until > m.day)
    LEFT JOIN seats AS w ON w.moment = m.moment AND w.user_id = x.user_id
    WHERE LOWER(x.split_type) = p.split AND (p.split <> 'revenue' OR COALESCE(x.is_overlay, FALSE) = FALSE)
    GROUP BY m.moment, x.opportunity_id, COALESCE(w.place, 'unassigned')
  ),
  running AS (
    SELECT
      moment, opportunity_id, place, share_ppm,
      SUM(share_ppm) OVER (PARTITION BY moment, opportunity_id ORDER BY place ROWS UNBOUNDED PRECEDING) AS up_to_ppm,
      ROW_NUMBER() OVER (PARTITION BY moment, opportunity_id ORDER BY share_ppm DESC, place) AS rank_no
    FROM splits
  ),
  parts AS ( -- each seat's part; a shared deal is counted once, with the seat that has the largest share of it
    SELECT
      v.moment, v.opportunity_id, v.due, v.dimension, v.bucket, v.probability_ppm, v.is_won,
      COALESCE(x.place, w.place, 'unassigned') AS place, COALESCE(x.rank_no, 1) = 1 AS is_counted,
      CASE
        WHEN x.place IS NULL THEN v.amount_minor
        ELSE share(v.amount_minor, x.up_to_ppm) - share(v.amount_minor, x.up_to_ppm - x.share_ppm)
      END AS amount_minor,
      CASE
        WHEN x.place IS NULL THEN v.came_minor
        ELSE share(v.came_minor, x.up_to_ppm) - share(v.came_minor, x.up_to_ppm - x.share_ppm)
      END AS came_minor
    FROM valued AS v
    CROSS JOIN params AS p
    LEFT JOIN running AS x ON x.moment = v.moment AND x.opportunity_id = v.opportunity_id
    LEFT JOIN seats AS w ON w.moment = v.moment AND w.user_id = v.owner_id
    WHERE x.place IS NOT NULL OR p.owner_counts
  )
