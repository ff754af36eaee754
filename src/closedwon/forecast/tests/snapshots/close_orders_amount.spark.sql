/* Order lines accepted by the cutoff that were booked in one of the periods, or whose deal closed in one: with the deal as it stands at the cutoff. */
WITH dealt AS (
  SELECT
    s.opportunity_id,
    s.name,
    s.owner_id,
    s.close_date,
    CASE
      WHEN COALESCE(s.is_deleted, FALSE)
      THEN 'deleted'
      ELSE COALESCE(g.status, 'open')
    END AS status,
    CASE
      WHEN COALESCE(s.order_type, '') = ''
      THEN p.untyped
      ELSE (
        NOT o.order_type IS NULL
      ) = p.named
    END AS is_counted
  FROM deal_states AS s
  CROSS JOIN params AS p
  LEFT JOIN stages AS g
    ON g.stage = s.stage
  LEFT JOIN order_types AS o
    ON o.order_type = s.order_type
  WHERE
    s.valid_from < p.cutoff AND s.valid_until >= p.cutoff
), lines AS (
  SELECT
    b.order_id,
    b.line,
    b.opportunity_id,
    b.kind,
    b.reverses,
    b.owner_id,
    b.signed_at,
    b.accepted_at,
    COALESCE(b.booked_on, CAST(b.accepted_at AS DATE)) AS booked_on,
    COALESCE(b.currency, p.currency) AS currency,
    COALESCE(b.first_year_minor, b.tcv_minor) AS own_minor
  FROM bookings AS b
  CROSS JOIN params AS p
  LEFT JOIN booking_kinds AS k
    ON k.kind = b.kind
  WHERE
    (
      p.every_kind OR NOT k.kind IS NULL
    ) AND b.accepted_at < p.cutoff
)
SELECT
  l.order_id,
  l.line,
  l.opportunity_id,
  d.name,
  l.kind,
  l.reverses,
  COALESCE(d.owner_id, l.owner_id) AS owner_id,
  l.signed_at,
  l.accepted_at,
  l.booked_on,
  l.currency,
  COALESCE(l.own_minor, 0) AS own_minor,
  p.sign * COALESCE(
    (
      CAST(CASE
        WHEN (
          (
            (
              l.own_minor
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
            l.own_minor
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
  ) AS amount_minor,
  q.period AS period,
  t.period AS deal_period,
  d.status AS deal_status,
  COALESCE(d.is_counted, FALSE) AS is_counted
FROM lines AS l
CROSS JOIN params AS p
LEFT JOIN dealt AS d
  ON d.opportunity_id = l.opportunity_id
LEFT JOIN rates AS r
  ON r.currency = l.currency
LEFT JOIN periods AS q
  ON l.booked_on >= q.starts AND l.booked_on < q.ends
LEFT JOIN periods AS t
  ON d.close_date >= t.starts AND d.close_date < t.ends
WHERE
  NOT q.period IS NULL OR (
    NOT t.period IS NULL AND d.status = 'won'
  )
