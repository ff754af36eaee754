/* Accepted orders of many periods by the day they were booked, by seat: shared as the deal is shared on the moment's day; an order without a */
/* deal stands with its own owner. An order of a deal that the type does not count is left out: what a renewal shrinks by is no new business. */
WITH orders AS (
  SELECT
    m.moment,
    m.period,
    m.day AS split_day,
    m.cutoff,
    b.order_id,
    b.line,
    b.opportunity_id,
    b.owner_id,
    COALESCE(b.currency, p.currency) AS currency,
    COALESCE(b.booked_on, CAST(b.accepted_at AS DATE)) AS day,
    COALESCE(b.net_arr_minor, COALESCE(b.first_year_minor, b.tcv_minor)) AS amount_minor
  FROM bookings AS b
  CROSS JOIN params AS p
  JOIN moments AS m
    ON COALESCE(b.booked_on, CAST(b.accepted_at AS DATE)) >= m.period_start
    AND COALESCE(b.booked_on, CAST(b.accepted_at AS DATE)) < m.period_end
  LEFT JOIN booking_kinds AS k
    ON k.kind = b.kind
  WHERE
    (
      p.every_kind OR NOT k.kind IS NULL
    )
    AND COALESCE(b.booked_on, CAST(b.accepted_at AS DATE)) <= p.day
), dealt AS (
  SELECT
    o.moment,
    o.order_id,
    o.line,
    o.opportunity_id,
    o.day,
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
    ON r.period = o.period AND r.currency = o.currency
  LEFT JOIN deal_states AS s
    ON s.opportunity_id = o.opportunity_id
    AND s.valid_from < o.cutoff
    AND s.valid_until >= o.cutoff
  LEFT JOIN order_types AS u
    ON u.order_type = s.order_type
  WHERE
    s.opportunity_id IS NULL
    OR CASE
      WHEN COALESCE(s.order_type, '') = ''
      THEN p.untyped
      ELSE (
        NOT u.order_type IS NULL
      ) = p.named
    END
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
    ) AS up_to_ppm
  FROM splits
)
SELECT
  d.moment,
  COALESCE(x.place, w.place, 'unassigned') AS place,
  d.dimension,
  d.day,
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
  ON x.moment = d.moment AND x.opportunity_id = d.opportunity_id
LEFT JOIN seats AS w
  ON w.moment = d.moment AND w.user_id = d.owner_id
WHERE
  NOT x.place IS NULL OR p.owner_counts
GROUP BY
  d.moment,
  COALESCE(x.place, w.place, 'unassigned'),
  d.dimension,
  d.day
