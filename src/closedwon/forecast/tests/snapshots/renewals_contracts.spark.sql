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
), ending /* One row per known contract whose term ends in one of the periods: its ARR, its renewal deal at the cutoff, and what followed on it. */ AS (
  SELECT
    k.id,
    k.account_id,
    k.start_date,
    k.end_date,
    k.notice_by,
    COALESCE(k.auto_renew, FALSE) AS auto_renew,
    k.currency,
    k.renewed_by,
    k.renewal_opportunity_id,
    k.cancelled_at,
    k.arr_at_end_minor,
    q.period,
    q.starts,
    q.frozen_on
  FROM known AS k
  JOIN periods AS q
    ON k.end_date >= q.starts AND k.end_date < q.ends
), last_snapshot AS (
  SELECT
    e.id,
    MAX(x.snapshot_date) AS snapshot_date
  FROM ending AS e
  JOIN contract_snapshots AS x
    ON x.contract_id = e.id AND x.snapshot_date <= e.frozen_on
  GROUP BY
    e.id
), snapped AS (
  SELECT
    l.id,
    x.arr_at_end_minor
  FROM last_snapshot AS l
  JOIN contract_snapshots AS x
    ON x.contract_id = l.id AND x.snapshot_date = l.snapshot_date
), since AS (
  SELECT
    e.id,
    SUM(w.net_arr_minor) AS net_arr_minor
  FROM ending AS e
  JOIN now_won AS w
    ON w.contract_id = e.id
    AND w.close_date > e.frozen_on
    AND COALESCE(w.currency, '') = COALESCE(e.currency, '')
  GROUP BY
    e.id
), followers AS (
  SELECT
    e.id,
    n.start_date,
    n.currency,
    n.arr_at_end_minor - SUM(COALESCE(w.net_arr_minor, 0)) AS arr_minor
  FROM ending AS e
  JOIN contracts AS n
    ON n.id = e.renewed_by
  CROSS JOIN params AS p
  LEFT JOIN now_won AS w
    ON w.contract_id = n.id
    AND w.close_date > n.start_date
    AND COALESCE(w.currency, '') = COALESCE(n.currency, '')
  WHERE
    n.start_date <= p.day
  GROUP BY
    e.id,
    n.start_date,
    n.currency,
    n.arr_at_end_minor
), candidates AS (
  SELECT
    e.id,
    s.opportunity_id,
    0 AS place
  FROM ending AS e
  JOIN standing AS s
    ON s.opportunity_id = e.renewal_opportunity_id
  UNION ALL
  SELECT
    e.id,
    s.opportunity_id,
    CASE s.status WHEN 'won' THEN 1 WHEN 'open' THEN 2 ELSE 3 END AS place
  FROM ending AS e
  JOIN standing AS s
    ON s.contract_id = e.id AND s.is_renewal
), ranked AS (
  SELECT
    id,
    opportunity_id,
    ROW_NUMBER() OVER (PARTITION BY id ORDER BY place NULLS LAST, opportunity_id NULLS LAST) AS place
  FROM candidates
)
SELECT
  e.id AS contract_id,
  e.account_id,
  COALESCE(a.name, e.account_id) AS account_name,
  COALESCE(s.owner_id, a.owner_id) AS owner_id,
  COALESCE(s.segment, a.segment, 'none') AS segment,
  COALESCE(s.region, a.region, 'none') AS region,
  e.period,
  e.starts,
  e.frozen_on,
  e.start_date,
  e.end_date,
  e.notice_by,
  e.auto_renew,
  COALESCE(e.cancelled_at < p.cutoff, FALSE) AS is_cancelled,
  e.currency,
  COALESCE(x.arr_at_end_minor, e.arr_at_end_minor - COALESCE(g.net_arr_minor, 0), 0) AS own_minor,
  COALESCE(
    (
      CAST(CASE
        WHEN (
          (
            (
              COALESCE(x.arr_at_end_minor, e.arr_at_end_minor - COALESCE(g.net_arr_minor, 0), 0)
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
          ABS(
            CAST((
              COALESCE(x.arr_at_end_minor, e.arr_at_end_minor - COALESCE(g.net_arr_minor, 0), 0)
            ) AS DECIMAL(38, 0))
          ) * ABS(CAST((
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
  ) AS atr_minor,
  s.opportunity_id,
  s.name AS deal_name,
  s.status,
  s.stage,
  s.forecast_category,
  s.close_date,
  s.push_count,
  s.last_activity_at,
  (
    CAST(CASE
      WHEN (
        (
          (
            COALESCE(s.renewal_base_minor + COALESCE(s.net_arr_minor, 0), s.amount_minor)
          ) < 0
        ) <> (
          (
            t.num
          ) < 0
        )
      ) <> (
        (
          t.den
        ) < 0
      )
      THEN -1
      ELSE 1
    END * (
      (
        ABS(
          CAST((
            COALESCE(s.renewal_base_minor + COALESCE(s.net_arr_minor, 0), s.amount_minor)
          ) AS DECIMAL(38, 0))
        ) * ABS(CAST((
          t.num
        ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
          t.den
        ) AS DECIMAL(38, 0)))
      ) DIV NULLIF(ABS(CAST((
        t.den
      ) AS DECIMAL(38, 0))) * 2, 0)
    ) AS BIGINT)
  ) AS deal_minor,
  f.start_date AS followed_on,
  (
    CAST(CASE
      WHEN (
        (
          (
            f.arr_minor
          ) < 0
        ) <> (
          (
            u.num
          ) < 0
        )
      ) <> (
        (
          u.den
        ) < 0
      )
      THEN -1
      ELSE 1
    END * (
      (
        ABS(CAST((
          f.arr_minor
        ) AS DECIMAL(38, 0))) * ABS(CAST((
          u.num
        ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
          u.den
        ) AS DECIMAL(38, 0)))
      ) DIV NULLIF(ABS(CAST((
        u.den
      ) AS DECIMAL(38, 0))) * 2, 0)
    ) AS BIGINT)
  ) AS followed_minor
FROM ending AS e
CROSS JOIN params AS p
LEFT JOIN snapped AS x
  ON x.id = e.id
LEFT JOIN since AS g
  ON g.id = e.id
LEFT JOIN accounts AS a
  ON a.id = e.account_id
LEFT JOIN rates AS r
  ON r.currency = COALESCE(e.currency, p.currency)
LEFT JOIN ranked AS k
  ON k.id = e.id AND k.place = 1
LEFT JOIN standing AS s
  ON s.opportunity_id = k.opportunity_id
LEFT JOIN rates AS t
  ON t.currency = COALESCE(s.currency, p.currency)
LEFT JOIN followers AS f
  ON f.id = e.id
LEFT JOIN rates AS u
  ON u.currency = COALESCE(f.currency, p.currency)
