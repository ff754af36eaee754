/* What stands in each seat's own name at the cutoff, by bucket: closed, each category, omitted, undated. */
/* Everything above a seat is a sum of these rows. */
WITH deals AS (
  SELECT
    s.opportunity_id,
    s.owner_id,
    s.stage,
    s.forecast_category,
    COALESCE(s.currency, p.currency) AS currency,
    s.amount_minor AS amount_minor,
    s.close_date AS due,
    '' AS dimension
  FROM deal_states AS s
  CROSS JOIN params AS p
  LEFT JOIN order_types AS o
    ON o.order_type = s.order_type
  WHERE
    s.valid_from < p.cutoff
    AND s.valid_until >= p.cutoff
    AND COALESCE(s.is_deleted, FALSE) = FALSE
    AND CASE
      WHEN COALESCE(s.order_type, '') = ''
      THEN p.untyped
      ELSE (
        NOT o.order_type IS NULL
      ) = p.named
    END
    AND (
      s.close_date IS NULL
      OR p.every_date
      OR (
        s.close_date >= p.period_start AND s.close_date < p.period_end
      )
    )
), named AS (
  SELECT
    d.opportunity_id,
    d.owner_id,
    d.currency,
    d.amount_minor,
    d.dimension,
    COALESCE(g.probability_ppm, 0) AS probability_ppm,
    CASE
      WHEN g.status = 'lost'
      THEN NULL
      WHEN g.status = 'won' AND d.due IS NULL AND NOT p.every_date
      THEN NULL
      WHEN g.status = 'won'
      THEN 'closed'
      WHEN g.stage IS NULL AND d.due IS NULL
      THEN 'undated'
      WHEN g.stage IS NULL
      THEN 'unmapped'
      WHEN COALESCE(c.category, CASE WHEN COALESCE(d.forecast_category, '') = '' THEN g.category END) = 'omitted'
      THEN CASE WHEN d.due IS NULL AND NOT p.every_date THEN NULL ELSE 'omitted' END
      WHEN d.due IS NULL
      THEN 'undated'
      WHEN COALESCE(d.forecast_category, '') = '' OR c.category = 'closed'
      THEN g.category
      ELSE COALESCE(c.category, 'unmapped')
    END AS bucket
  FROM deals AS d
  CROSS JOIN params AS p
  LEFT JOIN stages AS g
    ON g.stage = d.stage
  LEFT JOIN categories AS c
    ON c.raw = d.forecast_category
), valued AS (
  SELECT
    n.opportunity_id,
    n.owner_id,
    n.dimension,
    n.bucket,
    n.probability_ppm,
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
    END AS amount_minor
  FROM named AS n
  CROSS JOIN params AS p
  LEFT JOIN rates AS r
    ON r.currency = n.currency
  WHERE
    NOT n.bucket IS NULL
), splits AS (
  SELECT
    x.opportunity_id,
    COALESCE(w.place, 'unassigned') AS place,
    SUM(x.share_ppm) AS share_ppm
  FROM opportunity_splits AS x
  CROSS JOIN params AS p
  LEFT JOIN seats AS w
    ON w.user_id = x.user_id
  WHERE
    LOWER(x.split_type) = p.split
    AND (
      p.split <> 'revenue' OR COALESCE(x.is_overlay, FALSE) = FALSE
    )
    AND x.since <= p.day
    AND (
      x.until IS NULL OR x.until > p.day
    )
  GROUP BY
    x.opportunity_id,
    COALESCE(w.place, 'unassigned')
), running AS (
  SELECT
    opportunity_id,
    place,
    share_ppm,
    SUM(share_ppm) OVER (
      PARTITION BY opportunity_id
      ORDER BY place NULLS LAST
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS up_to_ppm
  FROM splits
), parts AS (
  SELECT
    v.opportunity_id,
    v.dimension,
    v.bucket,
    v.probability_ppm,
    COALESCE(x.place, w.place, 'unassigned') AS place,
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
    END AS amount_minor
  FROM valued AS v
  CROSS JOIN params AS p
  LEFT JOIN running AS x
    ON x.opportunity_id = v.opportunity_id
  LEFT JOIN seats AS w
    ON w.user_id = v.owner_id
  WHERE
    NOT x.place IS NULL OR p.owner_counts
)
/* Each deal's part in each seat's own name, by bucket. */
SELECT
  opportunity_id,
  place,
  bucket,
  SUM(amount_minor) AS amount_minor,
  SUM(
    CASE
      WHEN bucket = 'closed'
      THEN amount_minor
      WHEN bucket IN ('undated', 'omitted')
      THEN 0
      ELSE (
        (
          CASE
            WHEN (
              (
                amount_minor
              ) < 0
            ) <> (
              (
                probability_ppm
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                amount_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              probability_ppm
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  amount_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                probability_ppm
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      )
    END
  ) AS weighted_minor
FROM parts
GROUP BY
  opportunity_id,
  place,
  bucket
