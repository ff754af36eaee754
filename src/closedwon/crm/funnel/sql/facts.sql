  dated AS ( -- the close dates of open deals, in turn
    SELECT
      opportunity_id, valid_from, close_date, status,
      LAG(close_date) OVER (PARTITION BY opportunity_id ORDER BY valid_from) AS date_before
    FROM states
  ),
  began AS ( -- open and due in the period when it began
    SELECT s.opportunity_id, COALESCE(CASE WHEN r.num = r.den THEN s.amount_minor ELSE muldiv(s.amount_minor, r.num, r.den) END, 0) AS amount_minor
    FROM states AS s
    CROSS JOIN params AS p
    LEFT JOIN rates AS r ON r.currency = COALESCE(s.currency, p.currency)
    WHERE s.valid_from < p.start_at AND s.valid_until >= p.start_at AND s.status = 'open'
      AND s.close_date >= p.start_day AND s.close_date < p.end_day
  ),
  stood AS ( -- how a deal stood when the period was over, or at the cutoff
    SELECT s.opportunity_id, s.status, s.close_date
    FROM states AS s
    CROSS JOIN params AS p
    WHERE s.valid_from < p.seen_until AND s.valid_until >= p.seen_until
  ),
  facts AS (
    SELECT
      'stage' AS measure, l.opportunity_id, l.segment, c.stage_key AS stage,
      CASE WHEN c.forward_at IS NOT NULL THEN 'forward' WHEN l.status = 'lost' THEN 'lost' ELSE 'open' END AS outcome,
      CAST((CASE WHEN c.forward_at IS NOT NULL THEN local_day(c.forward_at) WHEN l.status = 'lost' THEN local_day(e.ended_at)
        ELSE p.day END) - local_day(c.valid_from) AS BIGINT) AS days,
      CAST(0 AS BIGINT) AS amount_minor, CAST(0 AS BIGINT) AS entry_minor
    FROM climbs AS c
    JOIN lives AS l ON l.opportunity_id = c.opportunity_id
    CROSS JOIN params AS p
    LEFT JOIN ends AS e ON e.opportunity_id = c.opportunity_id
    WHERE c.status = 'open' AND c.valid_from >= p.start_at AND c.valid_from < p.end_at
    UNION ALL
    SELECT
      'visit', l.opportunity_id, l.segment, t.stage_key, CASE WHEN t.left_at IS NULL THEN 'open' ELSE 'left' END,
      CAST((CASE WHEN t.left_at IS NULL THEN p.day ELSE local_day(t.left_at) END) - local_day(t.valid_from) AS BIGINT),
      CAST(0 AS BIGINT), CAST(0 AS BIGINT)
    FROM steps AS t
    JOIN lives AS l ON l.opportunity_id = t.opportunity_id
    CROSS JOIN params AS p
    WHERE t.status = 'open' AND t.valid_from >= p.start_at AND t.valid_from < p.end_at
    UNION ALL
    SELECT
      'cohort', l.opportunity_id, l.segment, '', l.status,
      CAST((CASE WHEN l.status = 'open' THEN p.day ELSE local_day(e.ended_at) END) - local_day(l.created_at) AS BIGINT),
      CASE WHEN l.status = 'won' THEN l.amount_minor ELSE CAST(0 AS BIGINT) END, CAST(0 AS BIGINT)
    FROM lives AS l
    CROSS JOIN params AS p
    LEFT JOIN ends AS e ON e.opportunity_id = l.opportunity_id
    WHERE l.created_at >= p.start_at AND l.created_at < p.end_at
    UNION ALL
    SELECT
      'closed', l.opportunity_id, l.segment, '', CASE WHEN l.status = 'won' THEN 'won' ELSE l.lost_as END,
      CASE WHEN l.created_at IS NOT NULL THEN CAST(local_day(e.ended_at) - local_day(l.created_at) AS BIGINT) END,
      l.amount_minor, COALESCE(v.entry_minor, l.amount_minor)
    FROM lives AS l
    CROSS JOIN params AS p
    JOIN ends AS e ON e.opportunity_id = l.opportunity_id
    LEFT JOIN valued AS v ON v.opportunity_id = l.opportunity_id
    WHERE l.status <> 'open' AND COALESCE(l.close_date, local_day(e.ended_at)) >= p.start_day
      AND COALESCE(l.close_date, local_day(e.ended_at)) < p.end_day
    UNION ALL
    SELECT
      'due', l.opportunity_id, l.segment, '', 'open', CAST(NULL AS BIGINT), CAST(0 AS BIGINT), CAST(0 AS BIGINT)
    FROM lives AS l
    CROSS JOIN params AS p
    WHERE l.status = 'open' AND l.close_date >= p.start_day AND l.close_date < p.end_day
    UNION ALL
    SELECT
      'made', l.opportunity_id, l.segment, '', l.status, CAST(NULL AS BIGINT),
      COALESCE(CASE WHEN r.num = r.den THEN e.amount_minor ELSE muldiv(e.amount_minor, r.num, r.den) END, 0), CAST(0 AS BIGINT)
    FROM entries AS e
    JOIN lives AS l ON l.opportunity_id = e.opportunity_id
    CROSS JOIN params AS p
    LEFT JOIN rates AS r ON r.currency = COALESCE(e.currency, p.currency)
    WHERE e.is_pipeline AND e.pipeline_no = 1 AND e.valid_from >= p.start_at AND e.valid_from < p.end_at
      AND COALESCE(CASE WHEN r.num = r.den THEN e.amount_minor ELSE muldiv(e.amount_minor, r.num, r.den) END, 0) > p.least_minor
    UNION ALL
    SELECT
      'slip', l.opportunity_id, l.segment, '',
      CASE WHEN n.status <> 'open' THEN 'closed'
        WHEN n.close_date >= p.start_day AND n.close_date < p.end_day AND p.cutoff < p.end_at THEN 'open' ELSE 'slipped' END,
      CAST(NULL AS BIGINT), b.amount_minor, CAST(0 AS BIGINT)
    FROM began AS b
    JOIN lives AS l ON l.opportunity_id = b.opportunity_id
    CROSS JOIN params AS p
    JOIN stood AS n ON n.opportunity_id = b.opportunity_id
    UNION ALL
    SELECT
      'push', l.opportunity_id, l.segment, '', 'pushed', CAST(d.close_date - d.date_before AS BIGINT), CAST(0 AS BIGINT), CAST(0 AS BIGINT)
    FROM dated AS d
    JOIN lives AS l ON l.opportunity_id = d.opportunity_id
    CROSS JOIN params AS p
    JOIN quarters AS q ON d.date_before >= q.starts AND d.date_before < q.ends
    WHERE d.status = 'open' AND d.close_date >= q.ends AND d.valid_from >= p.start_at AND d.valid_from < p.end_at
    UNION ALL
    SELECT
      'worked', w.opportunity_id, w.segment, '', 'open', CAST(NULL AS BIGINT), CAST(0 AS BIGINT), CAST(0 AS BIGINT)
    FROM (
      SELECT l.opportunity_id, l.segment
      FROM steps AS t
      JOIN lives AS l ON l.opportunity_id = t.opportunity_id
      CROSS JOIN params AS p
      WHERE t.status = 'open' AND t.valid_from < p.end_at AND (t.left_at IS NULL OR t.left_at > p.start_at)
      GROUP BY l.opportunity_id, l.segment
    ) AS w
    UNION ALL
    SELECT
      'exit', x.opportunity_id, x.segment, x.stage, CASE WHEN x.missing = 0 THEN 'kept' ELSE 'missing' END, CAST(NULL AS BIGINT), CAST(0 AS BIGINT),
      CAST(0 AS BIGINT)
    FROM (
      SELECT
        c.opportunity_id, l.segment, c.stage_key AS stage, c.forward_at,
        SUM(CASE w.field
          WHEN 'amount' THEN CASE WHEN COALESCE(s.amount_minor, 0) = 0 THEN 1 ELSE 0 END
          WHEN 'net_arr' THEN CASE WHEN COALESCE(s.net_arr_minor, 0) = 0 THEN 1 ELSE 0 END
          WHEN 'close_date' THEN CASE WHEN s.close_date IS NULL THEN 1 ELSE 0 END
          WHEN 'next_step' THEN CASE WHEN COALESCE(s.next_step, '') = '' THEN 1 ELSE 0 END
          WHEN 'order_type' THEN CASE WHEN COALESCE(s.order_type, '') = '' THEN 1 ELSE 0 END
          WHEN 'segment' THEN CASE WHEN COALESCE(s.segment, '') = '' THEN 1 ELSE 0 END
          WHEN 'region' THEN CASE WHEN COALESCE(s.region, '') = '' THEN 1 ELSE 0 END
          WHEN 'account_id' THEN CASE WHEN COALESCE(s.account_id, '') = '' THEN 1 ELSE 0 END
          WHEN 'owner_id' THEN CASE WHEN COALESCE(s.owner_id, '') = '' THEN 1 ELSE 0 END
          WHEN 'forecast_category' THEN CASE WHEN COALESCE(s.forecast_category, '') = '' THEN 1 ELSE 0 END
          WHEN 'product_family' THEN CASE WHEN COALESCE(s.product_family, '') = '' THEN 1 ELSE 0 END
          WHEN 'source' THEN CASE WHEN COALESCE(s.source, '') = '' THEN 1 ELSE 0 END
          WHEN 'start_date' THEN CASE WHEN s.start_date IS NULL THEN 1 ELSE 0 END
          WHEN 'term_months' THEN CASE WHEN s.term_months IS NULL THEN 1 ELSE 0 END
          WHEN 'probability' THEN CASE WHEN s.probability_ppm IS NULL THEN 1 ELSE 0 END
          ELSE 0 END) AS missing
      FROM climbs AS c
      JOIN exits AS w ON w.stage = c.stage_key
      JOIN lives AS l ON l.opportunity_id = c.opportunity_id
      JOIN deal_states AS s ON s.opportunity_id = c.opportunity_id AND s.valid_from = c.forward_at
      CROSS JOIN params AS p
      WHERE c.status = 'open' AND c.forward_at >= p.start_at AND c.forward_at < p.end_at
      GROUP BY c.opportunity_id, l.segment, c.stage_key, c.forward_at
    ) AS x
  )
