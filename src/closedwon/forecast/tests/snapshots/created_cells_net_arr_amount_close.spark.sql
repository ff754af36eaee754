/* Pipeline created: each deal of the type once, on the day it became pipeline, at its amount at the close of that day. */
/* The day is the day of acceptance where the company tracks it, else the day of creation; left out on purpose then is no pipeline. */
WITH born AS (
  SELECT
    s.opportunity_id,
    MIN(CASE WHEN p.tracks_acceptance THEN s.sales_accepted_at ELSE s.created_at END) AS at
  FROM deal_states AS s
  CROSS JOIN params AS p
  WHERE
    s.valid_from < p.as_of_at
    AND s.valid_until >= p.as_of_at
    AND COALESCE(s.is_deleted, FALSE) = FALSE
  GROUP BY
    s.opportunity_id
), dated AS (
  SELECT
    b.opportunity_id,
    d.day,
    d.closes_at,
    d.moment
  FROM born AS b
  JOIN days AS d
    ON b.at >= d.opens_at AND b.at < d.closes_at
), valued AS (
  SELECT
    b.moment,
    b.day,
    s.opportunity_id,
    s.owner_id,
    s.close_date AS due,
    '' AS dimension,
    p.sign * CASE
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
    END AS amount_minor
  FROM dated AS b
  CROSS JOIN params AS p
  JOIN moments AS m
    ON m.moment = b.moment
  JOIN deal_states AS s
    ON s.opportunity_id = b.opportunity_id
    AND s.valid_from < LEAST(b.closes_at, p.as_of_at)
    AND s.valid_until >= LEAST(b.closes_at, p.as_of_at)
  LEFT JOIN order_types AS o
    ON o.order_type = s.order_type
  LEFT JOIN stages AS g
    ON g.stage = s.stage
  LEFT JOIN categories AS c
    ON c.raw = s.forecast_category
  LEFT JOIN rates AS r
    ON r.period = m.period AND r.currency = COALESCE(s.currency, p.currency)
  WHERE
    COALESCE(s.is_deleted, FALSE) = FALSE
    AND CASE
      WHEN COALESCE(s.order_type, '') = ''
      THEN p.untyped
      ELSE (
        NOT o.order_type IS NULL
      ) = p.named
    END
    AND COALESCE(s.net_arr_minor, s.amount_minor) > 0
    AND (
      COALESCE(g.status, 'open') <> 'open'
      OR COALESCE(
        c.category,
        CASE WHEN COALESCE(s.forecast_category, '') = '' THEN g.category END,
        'unmapped'
      ) <> 'omitted'
    )
), parts AS (
  SELECT
    v.moment,
    v.day,
    v.opportunity_id,
    v.due,
    v.dimension,
    v.amount_minor,
    COALESCE(w.place, 'unassigned') AS place
  FROM valued AS v
  LEFT JOIN seats AS w
    ON w.moment = v.moment AND w.user_id = v.owner_id
)
SELECT
  t.moment,
  t.place,
  t.dimension,
  t.day,
  COALESCE(q.period, CASE WHEN t.due IS NULL THEN 'undated' ELSE 'other' END) AS closes_in,
  SUM(t.amount_minor) AS amount_minor,
  COUNT(*) AS deals
FROM parts AS t
LEFT JOIN closings AS q
  ON t.due >= q.period_start AND t.due < q.period_end
GROUP BY
  t.moment,
  t.place,
  t.dimension,
  t.day,
  COALESCE(q.period, CASE WHEN t.due IS NULL THEN 'undated' ELSE 'other' END)
