/* Contracts as they were known at a cutoff: those that ran, or that a renewal won by then had brought; each with what it was worth a year */
/* on its freezing day. A snapshot taken by that day tells it; else it is the contract's own ARR less the expansions won since. */
WITH now_won AS (
  SELECT
    s.contract_id,
    s.close_date,
    s.currency,
    s.net_arr_minor
  FROM deal_states AS s
  CROSS JOIN params AS p
  JOIN stages AS g
    ON g.stage = s.stage AND g.status = 'won'
  LEFT JOIN renewal_types AS y
    ON y.order_type = s.order_type
  WHERE
    p.grown
    AND NOT s.contract_id IS NULL
    AND y.order_type IS NULL
    AND COALESCE(s.net_arr_minor, 0) <> 0
    AND s.valid_from < p.now_cutoff
    AND s.valid_until >= p.now_cutoff
    AND NOT COALESCE(s.is_deleted, FALSE)
), standing AS (
  SELECT
    s.*,
    CASE
      WHEN COALESCE(s.is_deleted, FALSE)
      THEN 'lost'
      ELSE COALESCE(g.status, 'open')
    END AS status,
    NOT y.order_type IS NULL AS is_renewal
  FROM deal_states AS s
  CROSS JOIN params AS p
  LEFT JOIN stages AS g
    ON g.stage = s.stage
  LEFT JOIN renewal_types AS y
    ON y.order_type = s.order_type
  WHERE
    s.valid_from < p.cutoff AND s.valid_until >= p.cutoff
), brought AS (
  SELECT DISTINCT
    c.renewed_by AS id
  FROM contracts AS c
  JOIN standing AS s
    ON s.opportunity_id = c.renewal_opportunity_id AND s.status = 'won'
  WHERE
    NOT c.renewed_by IS NULL
), known AS (
  SELECT
    c.*
  FROM contracts AS c
  CROSS JOIN params AS p
  LEFT JOIN brought AS b
    ON b.id = c.id
  WHERE
    p.is_now OR c.start_date <= p.day OR NOT b.id IS NULL
), growth /* The ARR in force when each period began, and the expansions that its contracts had won in it by the cutoff, by owner, segment and region. */ AS (
  SELECT
    w.contract_id,
    q.period,
    SUM(CASE WHEN w.close_date >= q.starts THEN w.net_arr_minor ELSE 0 END) AS since_minor,
    SUM(
      CASE
        WHEN w.close_date >= q.starts AND w.close_date < q.ends AND w.close_date <= p.day
        THEN w.net_arr_minor
        ELSE 0
      END
    ) AS inside_minor
  FROM now_won AS w
  JOIN contracts AS c
    ON c.id = w.contract_id AND COALESCE(w.currency, '') = COALESCE(c.currency, '')
  CROSS JOIN periods AS q
  CROSS JOIN params AS p
  GROUP BY
    w.contract_id,
    q.period
), running AS (
  SELECT
    k.id,
    k.account_id,
    COALESCE(k.currency, p.currency) AS currency,
    q.period,
    k.arr_at_end_minor - COALESCE(g.since_minor, 0) AS base_minor,
    COALESCE(g.inside_minor, 0) AS inside_minor
  FROM known AS k
  CROSS JOIN params AS p
  JOIN periods AS q
    ON k.start_date < q.starts AND (
      k.end_date IS NULL OR k.end_date >= q.starts
    )
  LEFT JOIN growth AS g
    ON g.contract_id = k.id AND g.period = q.period
  WHERE
    q.starts <= p.day
)
SELECT
  n.period,
  COALESCE(a.segment, 'none') AS segment,
  COALESCE(a.region, 'none') AS region,
  COALESCE(a.owner_id, '') AS owner_id,
  SUM(
    COALESCE(
      (
        CAST(CASE
          WHEN (
            (
              (
                n.base_minor
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
              n.base_minor
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
  ) AS base_minor,
  SUM(
    COALESCE(
      (
        CAST(CASE
          WHEN (
            (
              (
                n.inside_minor
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
              n.inside_minor
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
  ) AS expansion_minor
FROM running AS n
LEFT JOIN accounts AS a
  ON a.id = n.account_id
LEFT JOIN rates AS r
  ON r.currency = n.currency
GROUP BY
  n.period,
  COALESCE(a.segment, 'none'),
  COALESCE(a.region, 'none'),
  COALESCE(a.owner_id, '')
