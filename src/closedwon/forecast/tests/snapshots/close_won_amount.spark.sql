/* Deals of the type that are won at the cutoff, with their close date in one of the periods: since when, worth what, whose, and their booking check. */
WITH steps AS (
  SELECT
    s.opportunity_id,
    s.valid_from,
    COALESCE(g.status, 'open') AS status,
    LAG(COALESCE(g.status, 'open')) OVER (PARTITION BY s.opportunity_id ORDER BY s.valid_from NULLS LAST) AS status_before
  FROM deal_states AS s
  CROSS JOIN params AS p
  LEFT JOIN stages AS g
    ON g.stage = s.stage
  WHERE
    s.valid_from < p.cutoff
), signed AS (
  SELECT
    opportunity_id,
    MAX(valid_from) AS signed_at
  FROM steps
  WHERE
    status = 'won' AND (
      status_before IS NULL OR status_before <> 'won'
    )
  GROUP BY
    opportunity_id
), checked AS (
  SELECT
    c.opportunity_id,
    c.status,
    c.reason,
    c.at,
    ROW_NUMBER() OVER (PARTITION BY c.opportunity_id ORDER BY c.at DESC, c.status NULLS LAST) AS place
  FROM booking_checks AS c
  CROSS JOIN params AS p
  WHERE
    c.at < p.cutoff
)
SELECT
  q.period,
  s.opportunity_id,
  s.name,
  COALESCE(a.name, s.account_id) AS account_name,
  s.owner_id,
  s.close_date,
  COALESCE(s.currency, p.currency) AS currency,
  COALESCE(s.amount_minor, 0) AS own_minor,
  p.sign * COALESCE(
    (
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
    ),
    0
  ) AS amount_minor,
  w.signed_at,
  k.status AS check_status,
  k.reason AS check_reason,
  k.at AS checked_at
FROM deal_states AS s
CROSS JOIN params AS p
JOIN stages AS g
  ON g.stage = s.stage AND g.status = 'won'
JOIN periods AS q
  ON s.close_date >= q.starts AND s.close_date < q.ends
JOIN signed AS w
  ON w.opportunity_id = s.opportunity_id
LEFT JOIN order_types AS o
  ON o.order_type = s.order_type
LEFT JOIN accounts AS a
  ON a.id = s.account_id
LEFT JOIN rates AS r
  ON r.currency = COALESCE(s.currency, p.currency)
LEFT JOIN checked AS k
  ON k.opportunity_id = s.opportunity_id AND k.place = 1
WHERE
  s.valid_from < p.cutoff
  AND s.valid_until >= p.cutoff
  AND NOT COALESCE(s.is_deleted, FALSE)
  AND CASE
    WHEN COALESCE(s.order_type, '') = ''
    THEN p.untyped
    ELSE (
      NOT o.order_type IS NULL
    ) = p.named
  END
