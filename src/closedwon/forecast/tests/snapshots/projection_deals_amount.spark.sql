/* Each deal of the type by what was so before the cutoff: the stages that it went through, how it ended, and at what amount. */
/* Nothing at or after the cutoff is read: a state that began later is left out, and one that ends later has no end here. */
WITH states AS (
  SELECT
    s.opportunity_id,
    s.valid_from,
    s.valid_until,
    s.order_type,
    s.segment,
    s.region,
    s.currency,
    s.close_date,
    s.owner_id,
    s.created_at,
    CASE
      WHEN COALESCE(s.is_deleted, FALSE)
      THEN 'lost'
      ELSE COALESCE(g.status, 'open')
    END AS status,
    COALESCE(s.stage, '') AS stage,
    s.amount_minor AS amount_minor
  FROM deal_states AS s
  CROSS JOIN params AS p
  LEFT JOIN stages AS g
    ON g.stage = s.stage
  WHERE
    s.valid_from < p.cutoff
), chosen AS (
  SELECT
    s.opportunity_id,
    s.order_type,
    s.segment,
    s.region,
    s.currency,
    s.status,
    s.close_date,
    s.amount_minor,
    s.owner_id,
    s.created_at,
    s.stage,
    ROW_NUMBER() OVER (ORDER BY s.opportunity_id NULLS LAST) AS deal_no
  FROM states AS s
  CROSS JOIN params AS p
  LEFT JOIN order_types AS o
    ON o.order_type = s.order_type
  WHERE
    s.valid_until >= p.cutoff
    AND CASE
      WHEN COALESCE(s.order_type, '') = ''
      THEN p.untyped
      ELSE (
        NOT o.order_type IS NULL
      ) = p.named
    END
    AND NOT EXISTS(
      SELECT
        1
      FROM left_out AS x
      WHERE
        x.order_type = s.order_type
    )
), steps AS (
  SELECT
    c.deal_no,
    s.valid_from,
    s.status,
    s.stage,
    CASE s.status WHEN 'open' THEN s.stage WHEN 'won' THEN '=won' ELSE '=lost' END AS this_key
  FROM states AS s
  JOIN chosen AS c
    ON c.opportunity_id = s.opportunity_id
), compared AS (
  SELECT
    deal_no,
    valid_from,
    status,
    stage,
    this_key,
    LAG(this_key) OVER (PARTITION BY deal_no ORDER BY valid_from NULLS LAST) AS key_before
  FROM steps
), last_open /* One row per deal: how it stands at the cutoff, its amount while it was open last (a lost deal's as it was lost), and what it was won at. */ AS (
  SELECT
    s.opportunity_id,
    MAX(s.valid_from) AS valid_from
  FROM states AS s
  WHERE
    s.status = 'open'
    AND s.opportunity_id IN (
      SELECT
        opportunity_id
      FROM chosen
      WHERE
        status = 'won'
    )
  GROUP BY
    s.opportunity_id
), was_open AS (
  SELECT
    s.opportunity_id,
    s.amount_minor,
    s.currency
  FROM states AS s
  JOIN last_open AS l
    ON l.opportunity_id = s.opportunity_id AND l.valid_from = s.valid_from
), asked AS (
  SELECT
    c.deal_no,
    CASE WHEN o.opportunity_id IS NULL THEN c.amount_minor ELSE o.amount_minor END AS amount_minor,
    CASE WHEN o.opportunity_id IS NULL THEN c.currency ELSE o.currency END AS currency
  FROM chosen AS c
  LEFT JOIN was_open AS o
    ON o.opportunity_id = c.opportunity_id
)
SELECT
  c.deal_no,
  c.opportunity_id,
  COALESCE(c.order_type, '') AS order_type,
  COALESCE(c.segment, '') AS segment,
  COALESCE(c.region, '') AS region,
  c.status,
  c.stage,
  c.created_at,
  c.close_date,
  p.sign * COALESCE(
    CASE
      WHEN r.num = r.den
      THEN a.amount_minor
      ELSE (
        CAST(CASE
          WHEN (
            (
              (
                a.amount_minor
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
              a.amount_minor
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
  ) AS open_minor,
  CASE
    WHEN c.status = 'won'
    THEN p.sign * COALESCE(
      CASE
        WHEN q.num = q.den
        THEN c.amount_minor
        ELSE (
          CAST(CASE
            WHEN (
              (
                (
                  c.amount_minor
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
                c.amount_minor
              ) AS DECIMAL(38, 0))) * ABS(CAST((
                q.num
              ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
                q.den
              ) AS DECIMAL(38, 0)))
            ) DIV NULLIF(ABS(CAST((
              q.den
            ) AS DECIMAL(38, 0))) * 2, 0)
          ) AS BIGINT)
        )
      END,
      0
    )
    ELSE 0
  END AS won_minor
FROM chosen AS c
CROSS JOIN params AS p
JOIN asked AS a
  ON a.deal_no = c.deal_no
LEFT JOIN rates AS r
  ON r.currency = COALESCE(a.currency, p.currency)
LEFT JOIN rates AS q
  ON q.currency = COALESCE(c.currency, p.currency)
