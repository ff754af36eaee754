/* Accepted orders booked in the period by the as-of, by seat: shared as the deal is shared on that day; an order without a deal stands */
/* with its own owner. */
WITH orders AS (
  SELECT
    b.order_id,
    b.line,
    b.opportunity_id,
    b.owner_id,
    COALESCE(b.currency, p.currency) AS currency,
    COALESCE(b.net_arr_minor, COALESCE(b.first_year_minor, b.tcv_minor)) AS amount_minor
  FROM bookings AS b
  CROSS JOIN params AS p
  LEFT JOIN booking_kinds AS k
    ON k.kind = b.kind
  WHERE
    (
      p.every_kind OR NOT k.kind IS NULL
    )
    AND COALESCE(b.booked_on, CAST(b.accepted_at AS DATE)) <= p.day
    AND (
      p.every_date
      OR (
        COALESCE(b.booked_on, CAST(b.accepted_at AS DATE)) >= p.period_start
        AND COALESCE(b.booked_on, CAST(b.accepted_at AS DATE)) < p.period_end
      )
    )
), dealt AS (
  SELECT
    o.order_id,
    o.line,
    o.opportunity_id,
    COALESCE(s.owner_id, o.owner_id) AS owner_id,
    '' AS dimension,
    p.sign * CASE
      WHEN r.num = r.den
      THEN COALESCE(o.amount_minor, 0)
      ELSE COALESCE(
        (
          CAST(CASE
            WHEN (
              (
                (
                  o.amount_minor
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
                o.amount_minor
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
  FROM orders AS o
  CROSS JOIN params AS p
  LEFT JOIN rates AS r
    ON r.currency = o.currency
  LEFT JOIN (
    SELECT
      t.*
    FROM deal_states AS t
    CROSS JOIN params AS q
    WHERE
      t.valid_from < q.cutoff
      AND t.valid_until >= q.cutoff
      AND t.opportunity_id IN (
        SELECT
          opportunity_id
        FROM orders
      )
  ) AS s
    ON s.opportunity_id = o.opportunity_id
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
)
SELECT
  COALESCE(x.place, w.place, 'unassigned') AS place,
  d.dimension,
  SUM(
    CASE
      WHEN x.place IS NULL
      THEN d.amount_minor
      ELSE (
        (
          CASE
            WHEN (
              (
                d.amount_minor
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
                d.amount_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              x.up_to_ppm
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  d.amount_minor
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
                d.amount_minor
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
                d.amount_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              x.up_to_ppm - x.share_ppm
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  d.amount_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                x.up_to_ppm - x.share_ppm
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      )
    END
  ) AS amount_minor
FROM dealt AS d
CROSS JOIN params AS p
LEFT JOIN running AS x
  ON x.opportunity_id = d.opportunity_id
LEFT JOIN seats AS w
  ON w.user_id = d.owner_id
WHERE
  NOT x.place IS NULL OR p.owner_counts
GROUP BY
  COALESCE(x.place, w.place, 'unassigned'),
  d.dimension
