-- The ARR in force when each period began, and the expansions that its contracts had won in it by the cutoff, by owner, segment and region.
, growth AS (
    SELECT w.contract_id, q.period,
      SUM(CASE WHEN w.close_date >= q.starts THEN w.net_arr_minor ELSE 0 END) AS since_minor,
      SUM(CASE WHEN w.close_date >= q.starts AND w.close_date < q.ends AND w.close_date <= p.day THEN w.net_arr_minor ELSE 0 END) AS inside_minor
    FROM now_won AS w
    JOIN contracts AS c ON c.id = w.contract_id AND COALESCE(w.currency, '') = COALESCE(c.currency, '')
    CROSS JOIN periods AS q
    CROSS JOIN params AS p
    GROUP BY w.contract_id, q.period
  ),
  running AS (
    SELECT k.id, k.account_id, COALESCE(k.currency, p.currency) AS currency, q.period, k.arr_at_end_minor - COALESCE(g.since_minor, 0) AS base_minor,
      COALESCE(g.inside_minor, 0) AS inside_minor
    FROM known AS k
    CROSS JOIN params AS p
    JOIN periods AS q ON k.start_date < q.starts AND (k.end_date IS NULL OR k.end_date >= q.starts)
    LEFT JOIN growth AS g ON g.contract_id = k.id AND g.period = q.period
    WHERE q.starts <= p.day
  )
SELECT
  n.period, COALESCE(a.segment, 'none') AS segment, COALESCE(a.region, 'none') AS region, COALESCE(a.owner_id, '') AS owner_id,
  SUM(COALESCE(muldiv(n.base_minor, r.num, r.den), 0)) AS base_minor, SUM(COALESCE(muldiv(n.inside_minor, r.num, r.den), 0)) AS expansion_minor
FROM running AS n
LEFT JOIN accounts AS a ON a.id = n.account_id
LEFT JOIN rates AS r ON r.currency = n.currency
GROUP BY n.period, COALESCE(a.segment, 'none'), COALESCE(a.region, 'none'), COALESCE(a.owner_id, '')
