/* The deals that count at a cutoff, and how each went through the stages, by what was so before the cutoff and nothing later. */
/* Left out: deals deleted by then, order types, sources and reasons that the policy leaves out, deals out of sight. */
WITH lives AS (
  SELECT
    s.opportunity_id,
    COALESCE(g.status, 'open') AS status,
    COALESCE(s.stage, '') AS stage,
    s.created_at,
    s.closed_at,
    s.close_date,
    COALESCE(
      CASE
        WHEN r.num = r.den
        THEN COALESCE(s.net_arr_minor, s.amount_minor)
        ELSE (
          CAST(CASE
            WHEN (
              (
                (
                  COALESCE(s.net_arr_minor, s.amount_minor)
                ) < 0
              ) <> (
                (
                  r.num
                ) < 0
              )
            ) <> (
              (
                r.den
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                COALESCE(s.net_arr_minor, s.amount_minor)
              ) AS DECIMAL(38, 0))) * ABS(CAST((
                r.num
              ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
                r.den
              ) AS DECIMAL(38, 0)))
            ) DIV NULLIF(ABS(CAST((
              r.den
            ) AS DECIMAL(38, 0))) * 2, 0)
          ) AS BIGINT)
        )
      END,
      0
    ) AS amount_minor,
    CASE WHEN k.reason IS NULL THEN 'lost' ELSE k.counts_as END AS lost_as,
    COALESCE(NULLIF(CAST(person.`label` AS STRING), ''), 'none') AS segment
  FROM deal_states AS s
  CROSS JOIN params AS p
  LEFT JOIN stages AS g
    ON g.stage = s.stage
  LEFT JOIN order_types AS o
    ON o.order_type = s.order_type
  LEFT JOIN reasons AS k
    ON k.reason = LOWER(s.loss_reason)
  LEFT JOIN rates AS r
    ON r.currency = COALESCE(s.currency, p.currency)
  LEFT JOIN people AS person
    ON person.user_id = s.owner_id
  WHERE
    s.valid_from < p.cutoff
    AND s.valid_until >= p.cutoff
    AND NOT COALESCE(s.is_deleted, FALSE)
    AND (
      s.created_at IS NULL OR s.created_at < p.cutoff
    )
    AND CASE
      WHEN COALESCE(s.order_type, '') = ''
      THEN p.untyped
      ELSE (
        NOT o.order_type IS NULL
      ) = p.named
    END
    AND (
      p.every_deal
      OR s.opportunity_id IN (
        SELECT
          v.opportunity_id
        FROM visible AS v
      )
    )
    AND (
      p.every_owner OR s.owner_id IN (
        SELECT
          w.user_id
        FROM owners AS w
      )
    )
    AND (
      s.source IS NULL
      OR NOT LOWER(s.source) IN (
        SELECT
          x.source
        FROM left_out AS x
      )
    )
    AND NOT (
      COALESCE(g.status, 'open') = 'lost' AND COALESCE(k.counts_as, '') = 'nothing'
    )
), states AS (
  SELECT
    s.opportunity_id,
    s.valid_from,
    s.valid_until,
    COALESCE(g.status, 'open') AS status,
    COALESCE(g.place, 0) AS place,
    COALESCE(g.is_pipeline, TRUE) AS is_pipeline,
    COALESCE(g.is_valued, TRUE) AS is_valued,
    s.close_date,
    s.currency,
    CASE COALESCE(g.status, 'open')
      WHEN 'open'
      THEN COALESCE(s.stage, '')
      WHEN 'won'
      THEN '=won'
      ELSE '=lost'
    END AS stage_key,
    COALESCE(s.net_arr_minor, s.amount_minor) AS amount_minor
  FROM deal_states AS s
  JOIN lives AS l
    ON l.opportunity_id = s.opportunity_id
  CROSS JOIN params AS p
  LEFT JOIN stages AS g
    ON g.stage = s.stage
  WHERE
    s.valid_from < p.cutoff
), compared AS (
  SELECT
    opportunity_id,
    valid_from,
    status,
    place,
    is_pipeline,
    is_valued,
    stage_key,
    amount_minor,
    currency,
    LAG(stage_key) OVER (PARTITION BY opportunity_id ORDER BY valid_from NULLS LAST) AS key_before
  FROM states
), steps AS (
  SELECT
    opportunity_id,
    valid_from,
    status,
    place,
    is_pipeline,
    is_valued,
    stage_key,
    amount_minor,
    currency,
    key_before IS NULL AS is_first,
    LEAD(valid_from) OVER (PARTITION BY opportunity_id ORDER BY valid_from NULLS LAST) AS left_at
  FROM compared
  WHERE
    key_before IS NULL OR key_before <> stage_key
), ranked AS (
  SELECT
    opportunity_id,
    valid_from,
    status,
    stage_key,
    CASE
      WHEN status = 'open'
      THEN place
      WHEN status = 'won' AND left_at IS NULL
      THEN 1000000
      ELSE -1
    END AS reach
  FROM steps
), reached AS (
  SELECT
    opportunity_id,
    valid_from,
    status,
    stage_key,
    reach,
    MAX(reach) OVER (
      PARTITION BY opportunity_id
      ORDER BY valid_from NULLS LAST
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS reach_before
  FROM ranked
), climbs AS (
  SELECT
    opportunity_id,
    valid_from,
    status,
    stage_key,
    LEAD(valid_from) OVER (PARTITION BY opportunity_id ORDER BY valid_from NULLS LAST) AS forward_at
  FROM reached
  WHERE
    reach >= 0 AND (
      reach_before IS NULL OR reach > reach_before
    )
), ends AS (
  SELECT
    t.opportunity_id,
    CASE
      WHEN t.is_first
      THEN COALESCE(l.closed_at, CAST(l.close_date AS TIMESTAMP), t.valid_from)
      ELSE t.valid_from
    END AS ended_at
  FROM steps AS t
  JOIN lives AS l
    ON l.opportunity_id = t.opportunity_id
  WHERE
    t.left_at IS NULL AND t.status <> 'open'
), entries AS (
  SELECT
    t.opportunity_id,
    t.valid_from,
    t.amount_minor,
    t.currency,
    t.is_pipeline,
    t.is_valued,
    ROW_NUMBER() OVER (PARTITION BY t.opportunity_id, t.is_pipeline ORDER BY t.valid_from NULLS LAST) AS pipeline_no,
    ROW_NUMBER() OVER (PARTITION BY t.opportunity_id, t.is_valued ORDER BY t.valid_from NULLS LAST) AS value_no
  FROM steps AS t
  WHERE
    t.status = 'open'
), valued AS (
  SELECT
    e.opportunity_id,
    COALESCE(
      CASE
        WHEN r.num = r.den
        THEN e.amount_minor
        ELSE (
          CAST(CASE
            WHEN (
              (
                (
                  e.amount_minor
                ) < 0
              ) <> (
                (
                  r.num
                ) < 0
              )
            ) <> (
              (
                r.den
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                e.amount_minor
              ) AS DECIMAL(38, 0))) * ABS(CAST((
                r.num
              ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
                r.den
              ) AS DECIMAL(38, 0)))
            ) DIV NULLIF(ABS(CAST((
              r.den
            ) AS DECIMAL(38, 0))) * 2, 0)
          ) AS BIGINT)
        )
      END,
      0
    ) AS entry_minor
  FROM entries AS e
  CROSS JOIN params AS p
  LEFT JOIN rates AS r
    ON r.currency = COALESCE(e.currency, p.currency)
  WHERE
    e.is_valued AND e.value_no = 1
), dated AS (
  SELECT
    opportunity_id,
    valid_from,
    close_date,
    status,
    LAG(close_date) OVER (PARTITION BY opportunity_id ORDER BY valid_from NULLS LAST) AS date_before
  FROM states
), began AS (
  SELECT
    s.opportunity_id,
    COALESCE(
      CASE
        WHEN r.num = r.den
        THEN s.amount_minor
        ELSE (
          CAST(CASE
            WHEN (
              (
                (
                  s.amount_minor
                ) < 0
              ) <> (
                (
                  r.num
                ) < 0
              )
            ) <> (
              (
                r.den
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                s.amount_minor
              ) AS DECIMAL(38, 0))) * ABS(CAST((
                r.num
              ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
                r.den
              ) AS DECIMAL(38, 0)))
            ) DIV NULLIF(ABS(CAST((
              r.den
            ) AS DECIMAL(38, 0))) * 2, 0)
          ) AS BIGINT)
        )
      END,
      0
    ) AS amount_minor
  FROM states AS s
  CROSS JOIN params AS p
  LEFT JOIN rates AS r
    ON r.currency = COALESCE(s.currency, p.currency)
  WHERE
    s.valid_from < p.start_at
    AND s.valid_until >= p.start_at
    AND s.status = 'open'
    AND s.close_date >= p.start_day
    AND s.close_date < p.end_day
), stood AS (
  SELECT
    s.opportunity_id,
    s.status,
    s.close_date
  FROM states AS s
  CROSS JOIN params AS p
  WHERE
    s.valid_from < p.seen_until AND s.valid_until >= p.seen_until
), facts AS (
  SELECT
    'stage' AS measure,
    l.opportunity_id,
    l.segment,
    c.stage_key AS stage,
    CASE
      WHEN NOT c.forward_at IS NULL
      THEN 'forward'
      WHEN l.status = 'lost'
      THEN 'lost'
      ELSE 'open'
    END AS outcome,
    CAST((
      CASE
        WHEN NOT c.forward_at IS NULL
        THEN CAST(c.forward_at AS DATE)
        WHEN l.status = 'lost'
        THEN CAST(e.ended_at AS DATE)
        ELSE p.day
      END
    ) - CAST(c.valid_from AS DATE) AS BIGINT) AS days,
    CAST(0 AS BIGINT) AS amount_minor,
    CAST(0 AS BIGINT) AS entry_minor
  FROM climbs AS c
  JOIN lives AS l
    ON l.opportunity_id = c.opportunity_id
  CROSS JOIN params AS p
  LEFT JOIN ends AS e
    ON e.opportunity_id = c.opportunity_id
  WHERE
    c.status = 'open' AND c.valid_from >= p.start_at AND c.valid_from < p.end_at
  UNION ALL
  SELECT
    'visit',
    l.opportunity_id,
    l.segment,
    t.stage_key,
    CASE WHEN t.left_at IS NULL THEN 'open' ELSE 'left' END,
    CAST((
      CASE WHEN t.left_at IS NULL THEN p.day ELSE CAST(t.left_at AS DATE) END
    ) - CAST(t.valid_from AS DATE) AS BIGINT),
    CAST(0 AS BIGINT),
    CAST(0 AS BIGINT)
  FROM steps AS t
  JOIN lives AS l
    ON l.opportunity_id = t.opportunity_id
  CROSS JOIN params AS p
  WHERE
    t.status = 'open' AND t.valid_from >= p.start_at AND t.valid_from < p.end_at
  UNION ALL
  SELECT
    'cohort',
    l.opportunity_id,
    l.segment,
    '',
    l.status,
    CAST((
      CASE WHEN l.status = 'open' THEN p.day ELSE CAST(e.ended_at AS DATE) END
    ) - CAST(l.created_at AS DATE) AS BIGINT),
    CASE WHEN l.status = 'won' THEN l.amount_minor ELSE CAST(0 AS BIGINT) END,
    CAST(0 AS BIGINT)
  FROM lives AS l
  CROSS JOIN params AS p
  LEFT JOIN ends AS e
    ON e.opportunity_id = l.opportunity_id
  WHERE
    l.created_at >= p.start_at AND l.created_at < p.end_at
  UNION ALL
  SELECT
    'closed',
    l.opportunity_id,
    l.segment,
    '',
    CASE WHEN l.status = 'won' THEN 'won' ELSE l.lost_as END,
    CASE
      WHEN NOT l.created_at IS NULL
      THEN CAST(CAST(e.ended_at AS DATE) - CAST(l.created_at AS DATE) AS BIGINT)
    END,
    l.amount_minor,
    COALESCE(v.entry_minor, l.amount_minor)
  FROM lives AS l
  CROSS JOIN params AS p
  JOIN ends AS e
    ON e.opportunity_id = l.opportunity_id
  LEFT JOIN valued AS v
    ON v.opportunity_id = l.opportunity_id
  WHERE
    l.status <> 'open'
    AND COALESCE(l.close_date, CAST(e.ended_at AS DATE)) >= p.start_day
    AND COALESCE(l.close_date, CAST(e.ended_at AS DATE)) < p.end_day
  UNION ALL
  SELECT
    'due',
    l.opportunity_id,
    l.segment,
    '',
    'open',
    CAST(NULL AS BIGINT),
    CAST(0 AS BIGINT),
    CAST(0 AS BIGINT)
  FROM lives AS l
  CROSS JOIN params AS p
  WHERE
    l.status = 'open' AND l.close_date >= p.start_day AND l.close_date < p.end_day
  UNION ALL
  SELECT
    'made',
    l.opportunity_id,
    l.segment,
    '',
    l.status,
    CAST(NULL AS BIGINT),
    COALESCE(
      CASE
        WHEN r.num = r.den
        THEN e.amount_minor
        ELSE (
          CAST(CASE
            WHEN (
              (
                (
                  e.amount_minor
                ) < 0
              ) <> (
                (
                  r.num
                ) < 0
              )
            ) <> (
              (
                r.den
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                e.amount_minor
              ) AS DECIMAL(38, 0))) * ABS(CAST((
                r.num
              ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
                r.den
              ) AS DECIMAL(38, 0)))
            ) DIV NULLIF(ABS(CAST((
              r.den
            ) AS DECIMAL(38, 0))) * 2, 0)
          ) AS BIGINT)
        )
      END,
      0
    ),
    CAST(0 AS BIGINT)
  FROM entries AS e
  JOIN lives AS l
    ON l.opportunity_id = e.opportunity_id
  CROSS JOIN params AS p
  LEFT JOIN rates AS r
    ON r.currency = COALESCE(e.currency, p.currency)
  WHERE
    e.is_pipeline
    AND e.pipeline_no = 1
    AND e.valid_from >= p.start_at
    AND e.valid_from < p.end_at
    AND COALESCE(
      CASE
        WHEN r.num = r.den
        THEN e.amount_minor
        ELSE (
          CAST(CASE
            WHEN (
              (
                (
                  e.amount_minor
                ) < 0
              ) <> (
                (
                  r.num
                ) < 0
              )
            ) <> (
              (
                r.den
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                e.amount_minor
              ) AS DECIMAL(38, 0))) * ABS(CAST((
                r.num
              ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
                r.den
              ) AS DECIMAL(38, 0)))
            ) DIV NULLIF(ABS(CAST((
              r.den
            ) AS DECIMAL(38, 0))) * 2, 0)
          ) AS BIGINT)
        )
      END,
      0
    ) > p.least_minor
  UNION ALL
  SELECT
    'slip',
    l.opportunity_id,
    l.segment,
    '',
    CASE
      WHEN n.status <> 'open'
      THEN 'closed'
      WHEN n.close_date >= p.start_day AND n.close_date < p.end_day AND p.cutoff < p.end_at
      THEN 'open'
      ELSE 'slipped'
    END,
    CAST(NULL AS BIGINT),
    b.amount_minor,
    CAST(0 AS BIGINT)
  FROM began AS b
  JOIN lives AS l
    ON l.opportunity_id = b.opportunity_id
  CROSS JOIN params AS p
  JOIN stood AS n
    ON n.opportunity_id = b.opportunity_id
  UNION ALL
  SELECT
    'push',
    l.opportunity_id,
    l.segment,
    '',
    'pushed',
    CAST(d.close_date - d.date_before AS BIGINT),
    CAST(0 AS BIGINT),
    CAST(0 AS BIGINT)
  FROM dated AS d
  JOIN lives AS l
    ON l.opportunity_id = d.opportunity_id
  CROSS JOIN params AS p
  JOIN quarters AS q
    ON d.date_before >= q.starts AND d.date_before < q.ends
  WHERE
    d.status = 'open'
    AND d.close_date >= q.ends
    AND d.valid_from >= p.start_at
    AND d.valid_from < p.end_at
  UNION ALL
  SELECT
    'worked',
    w.opportunity_id,
    w.segment,
    '',
    'open',
    CAST(NULL AS BIGINT),
    CAST(0 AS BIGINT),
    CAST(0 AS BIGINT)
  FROM (
    SELECT
      l.opportunity_id,
      l.segment
    FROM steps AS t
    JOIN lives AS l
      ON l.opportunity_id = t.opportunity_id
    CROSS JOIN params AS p
    WHERE
      t.status = 'open'
      AND t.valid_from < p.end_at
      AND (
        t.left_at IS NULL OR t.left_at > p.start_at
      )
    GROUP BY
      l.opportunity_id,
      l.segment
  ) AS w
  UNION ALL
  SELECT
    'exit',
    x.opportunity_id,
    x.segment,
    x.stage,
    CASE WHEN x.missing = 0 THEN 'kept' ELSE 'missing' END,
    CAST(NULL AS BIGINT),
    CAST(0 AS BIGINT),
    CAST(0 AS BIGINT)
  FROM (
    SELECT
      c.opportunity_id,
      l.segment,
      c.stage_key AS stage,
      c.forward_at,
      SUM(
        CASE w.field
          WHEN 'amount'
          THEN CASE WHEN COALESCE(s.amount_minor, 0) = 0 THEN 1 ELSE 0 END
          WHEN 'net_arr'
          THEN CASE WHEN COALESCE(s.net_arr_minor, 0) = 0 THEN 1 ELSE 0 END
          WHEN 'close_date'
          THEN CASE WHEN s.close_date IS NULL THEN 1 ELSE 0 END
          WHEN 'next_step'
          THEN CASE WHEN COALESCE(s.next_step, '') = '' THEN 1 ELSE 0 END
          WHEN 'order_type'
          THEN CASE WHEN COALESCE(s.order_type, '') = '' THEN 1 ELSE 0 END
          WHEN 'segment'
          THEN CASE WHEN COALESCE(s.segment, '') = '' THEN 1 ELSE 0 END
          WHEN 'region'
          THEN CASE WHEN COALESCE(s.region, '') = '' THEN 1 ELSE 0 END
          WHEN 'account_id'
          THEN CASE WHEN COALESCE(s.account_id, '') = '' THEN 1 ELSE 0 END
          WHEN 'owner_id'
          THEN CASE WHEN COALESCE(s.owner_id, '') = '' THEN 1 ELSE 0 END
          WHEN 'forecast_category'
          THEN CASE WHEN COALESCE(s.forecast_category, '') = '' THEN 1 ELSE 0 END
          WHEN 'product_family'
          THEN CASE WHEN COALESCE(s.product_family, '') = '' THEN 1 ELSE 0 END
          WHEN 'source'
          THEN CASE WHEN COALESCE(s.source, '') = '' THEN 1 ELSE 0 END
          WHEN 'start_date'
          THEN CASE WHEN s.start_date IS NULL THEN 1 ELSE 0 END
          WHEN 'term_months'
          THEN CASE WHEN s.term_months IS NULL THEN 1 ELSE 0 END
          WHEN 'probability'
          THEN CASE WHEN s.probability_ppm IS NULL THEN 1 ELSE 0 END
          ELSE 0
        END
      ) AS missing
    FROM climbs AS c
    JOIN exits AS w
      ON w.stage = c.stage_key
    JOIN lives AS l
      ON l.opportunity_id = c.opportunity_id
    JOIN deal_states AS s
      ON s.opportunity_id = c.opportunity_id AND s.valid_from = c.forward_at
    CROSS JOIN params AS p
    WHERE
      c.status = 'open' AND c.forward_at >= p.start_at AND c.forward_at < p.end_at
    GROUP BY
      c.opportunity_id,
      l.segment,
      c.stage_key,
      c.forward_at
  ) AS x
), chosen /* The deals behind one measure, largest first: a page of them, and how many there are. */ AS (
  SELECT
    f.opportunity_id,
    f.segment,
    f.stage,
    f.outcome,
    f.days,
    f.entry_minor,
    CASE
      WHEN f.measure IN ('closed', 'made', 'slip')
      THEN f.amount_minor
      ELSE l.amount_minor
    END AS amount_minor
  FROM facts AS f
  JOIN lives AS l
    ON l.opportunity_id = f.opportunity_id
  CROSS JOIN page AS g
  WHERE
    f.measure = g.measure
    AND (
      g.every_segment OR f.segment = g.segment
    )
    AND (
      g.every_stage OR f.stage = g.stage
    )
    AND (
      g.every_outcome OR f.outcome IN (
        SELECT
          w.outcome
        FROM outcomes AS w
      )
    )
    AND (
      NOT g.priced OR f.amount_minor > 0
    )
    AND (
      NOT g.dated OR NOT f.days IS NULL
    )
), placed AS (
  SELECT
    c.opportunity_id,
    c.segment,
    c.stage,
    c.outcome,
    c.days,
    c.amount_minor,
    c.entry_minor,
    COUNT(*) OVER () AS total,
    ROW_NUMBER() OVER (
      ORDER BY c.amount_minor DESC, c.days DESC, c.opportunity_id NULLS LAST, c.stage NULLS LAST, c.outcome NULLS LAST, c.entry_minor NULLS LAST
    ) AS row_no
  FROM chosen AS c
)
SELECT
  d.opportunity_id,
  d.segment,
  d.stage,
  d.outcome,
  d.days,
  d.amount_minor,
  d.entry_minor,
  d.total,
  d.row_no
FROM placed AS d
CROSS JOIN page AS g
WHERE
  d.row_no > g.skip AND d.row_no <= g.skip + g.take
