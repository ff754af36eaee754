/* Deals as they stood at many moments at once, one period each, and what became of them in that period by the as-of. */
/* Each moment alone gives what the roll-up gives at its cutoff; the words are the same. */
WITH stood AS (
  SELECT
    m.moment,
    m.period,
    m.period_start,
    m.period_end,
    s.opportunity_id,
    s.owner_id,
    s.stage,
    s.forecast_category,
    COALESCE(s.currency, p.currency) AS currency,
    COALESCE(s.net_arr_minor, s.amount_minor) AS amount_minor,
    s.close_date AS due,
    '' AS dimension
  FROM deal_states AS s
  CROSS JOIN params AS p
  JOIN moments AS m
    ON s.valid_from < m.cutoff AND s.valid_until >= m.cutoff
  LEFT JOIN order_types AS o
    ON o.order_type = s.order_type
  WHERE
    COALESCE(s.is_deleted, FALSE) = FALSE
    AND CASE
      WHEN COALESCE(s.order_type, '') = ''
      THEN p.untyped
      ELSE (
        NOT o.order_type IS NULL
      ) = p.named
    END
    AND (
      s.close_date IS NULL
      OR (
        s.close_date >= m.period_start AND s.close_date < m.period_end
      )
    )
), named AS (
  SELECT
    d.moment,
    d.period,
    d.period_start,
    d.period_end,
    d.opportunity_id,
    d.owner_id,
    d.currency,
    d.amount_minor,
    d.due,
    d.dimension,
    COALESCE(g.probability_ppm, 0) AS probability_ppm,
    CASE
      WHEN g.status = 'lost'
      THEN NULL
      WHEN g.status = 'won' AND d.due IS NULL
      THEN NULL
      WHEN g.status = 'won'
      THEN 'closed'
      WHEN g.stage IS NULL AND d.due IS NULL
      THEN 'undated'
      WHEN g.stage IS NULL
      THEN 'unmapped'
      WHEN COALESCE(c.category, CASE WHEN COALESCE(d.forecast_category, '') = '' THEN g.category END) = 'omitted'
      THEN CASE WHEN d.due IS NULL THEN NULL ELSE 'omitted' END
      WHEN d.due IS NULL
      THEN 'undated'
      WHEN COALESCE(d.forecast_category, '') = '' OR c.category = 'closed'
      THEN g.category
      ELSE COALESCE(c.category, 'unmapped')
    END AS bucket
  FROM stood AS d
  LEFT JOIN stages AS g
    ON g.stage = d.stage
  LEFT JOIN categories AS c
    ON c.raw = d.forecast_category
), ended AS (
  SELECT
    s.opportunity_id,
    COALESCE(s.currency, p.currency) AS currency,
    COALESCE(s.net_arr_minor, s.amount_minor) AS amount_minor,
    s.close_date AS due
  FROM deal_states AS s
  CROSS JOIN params AS p
  JOIN stages AS g
    ON g.stage = s.stage AND g.status = 'won'
  WHERE
    s.valid_from < p.as_of_at
    AND s.valid_until >= p.as_of_at
    AND COALESCE(s.is_deleted, FALSE) = FALSE
    AND NOT s.close_date IS NULL
), valued AS (
  SELECT
    n.moment,
    n.opportunity_id,
    n.owner_id,
    n.due,
    n.dimension,
    n.bucket,
    n.probability_ppm,
    NOT e.opportunity_id IS NULL AS is_won,
    p.sign * CASE
      WHEN r.num = r.den
      THEN COALESCE(n.amount_minor, 0)
      ELSE COALESCE(
        (
          CAST(CASE
            WHEN (
              (
                (
                  n.amount_minor
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
                n.amount_minor
              ) AS DECIMAL(38, 0))) * ABS(CAST((
                r.num
              ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
                r.den
              ) AS DECIMAL(38, 0)))
            ) DIV NULLIF(ABS(CAST((
              r.den
            ) AS DECIMAL(38, 0))) * 2, 0)
          ) AS BIGINT)
        ),
        0
      )
    END AS amount_minor,
    p.sign * CASE
      WHEN q.num = q.den
      THEN COALESCE(e.amount_minor, 0)
      ELSE COALESCE(
        (
          CAST(CASE
            WHEN (
              (
                (
                  e.amount_minor
                ) < 0
              ) <> (
                (
                  q.num
                ) < 0
              )
            ) <> (
              (
                q.den
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                e.amount_minor
              ) AS DECIMAL(38, 0))) * ABS(CAST((
                q.num
              ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
                q.den
              ) AS DECIMAL(38, 0)))
            ) DIV NULLIF(ABS(CAST((
              q.den
            ) AS DECIMAL(38, 0))) * 2, 0)
          ) AS BIGINT)
        ),
        0
      )
    END AS came_minor
  FROM named AS n
  CROSS JOIN params AS p
  LEFT JOIN rates AS r
    ON r.period = n.period AND r.currency = n.currency
  LEFT JOIN ended AS e
    ON e.opportunity_id = n.opportunity_id
    AND e.due >= n.period_start
    AND e.due < n.period_end
  LEFT JOIN rates AS q
    ON q.period = n.period AND q.currency = e.currency
  WHERE
    NOT n.bucket IS NULL
), splits AS (
  SELECT
    m.moment,
    x.opportunity_id,
    COALESCE(w.place, 'unassigned') AS place,
    SUM(x.share_ppm) AS share_ppm
  FROM opportunity_splits AS x
  CROSS JOIN params AS p
  JOIN moments AS m
    ON x.since <= m.day AND (
      x.until IS NULL OR x.until > m.day
    )
  LEFT JOIN seats AS w
    ON w.moment = m.moment AND w.user_id = x.user_id
  WHERE
    LOWER(x.split_type) = p.split
    AND (
      p.split <> 'revenue' OR COALESCE(x.is_overlay, FALSE) = FALSE
    )
  GROUP BY
    m.moment,
    x.opportunity_id,
    COALESCE(w.place, 'unassigned')
), running AS (
  SELECT
    moment,
    opportunity_id,
    place,
    share_ppm,
    SUM(share_ppm) OVER (
      PARTITION BY moment, opportunity_id
      ORDER BY place NULLS LAST
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS up_to_ppm,
    ROW_NUMBER() OVER (PARTITION BY moment, opportunity_id ORDER BY share_ppm DESC, place NULLS LAST) AS rank_no
  FROM splits
), parts AS (
  SELECT
    v.moment,
    v.opportunity_id,
    v.due,
    v.dimension,
    v.bucket,
    v.probability_ppm,
    v.is_won,
    COALESCE(x.place, w.place, 'unassigned') AS place,
    COALESCE(x.rank_no, 1) = 1 AS is_counted,
    CASE
      WHEN x.place IS NULL
      THEN v.amount_minor
      ELSE (
        (
          CASE
            WHEN (
              (
                v.amount_minor
              ) < 0
            ) <> (
              (
                x.up_to_ppm
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                v.amount_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              x.up_to_ppm
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  v.amount_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                x.up_to_ppm
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      ) - (
        (
          CASE
            WHEN (
              (
                v.amount_minor
              ) < 0
            ) <> (
              (
                x.up_to_ppm - x.share_ppm
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                v.amount_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              x.up_to_ppm - x.share_ppm
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  v.amount_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                x.up_to_ppm - x.share_ppm
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      )
    END AS amount_minor,
    CASE
      WHEN x.place IS NULL
      THEN v.came_minor
      ELSE (
        (
          CASE
            WHEN (
              (
                v.came_minor
              ) < 0
            ) <> (
              (
                x.up_to_ppm
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                v.came_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              x.up_to_ppm
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  v.came_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                x.up_to_ppm
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      ) - (
        (
          CASE
            WHEN (
              (
                v.came_minor
              ) < 0
            ) <> (
              (
                x.up_to_ppm - x.share_ppm
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                v.came_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              x.up_to_ppm - x.share_ppm
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  v.came_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                x.up_to_ppm - x.share_ppm
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      )
    END AS came_minor
  FROM valued AS v
  CROSS JOIN params AS p
  LEFT JOIN running AS x
    ON x.moment = v.moment AND x.opportunity_id = v.opportunity_id
  LEFT JOIN seats AS w
    ON w.moment = v.moment AND w.user_id = v.owner_id
  WHERE
    NOT x.place IS NULL OR p.owner_counts
)
/* What was won, by the day of its date: booked actuals where no order system gives them. */
SELECT
  moment,
  place,
  dimension,
  due AS day,
  SUM(amount_minor) AS amount_minor
FROM parts
WHERE
  bucket = 'closed'
GROUP BY
  moment,
  place,
  dimension,
  due
