/* What today's deals carry that the policies do not know, and whether they stand on reconstructed history. */
WITH now AS (
  SELECT
    s.stage,
    s.forecast_category,
    COALESCE(s.currency, p.currency) AS currency,
    s.is_reconstructed
  FROM deal_states AS s
  CROSS JOIN params AS p
  WHERE
    s.valid_from < p.cutoff
    AND s.valid_until >= p.cutoff
    AND COALESCE(s.is_deleted, FALSE) = FALSE
), found AS (
  SELECT
    'stage' AS kind,
    COALESCE(n.stage, '') AS value
  FROM now AS n
  LEFT JOIN stages AS g
    ON g.stage = n.stage
  WHERE
    g.stage IS NULL
  UNION ALL
  SELECT
    'category',
    n.forecast_category
  FROM now AS n
  LEFT JOIN categories AS c
    ON c.raw = n.forecast_category
  WHERE
    c.raw IS NULL AND COALESCE(n.forecast_category, '') <> ''
  UNION ALL
  SELECT
    'currency',
    n.currency
  FROM now AS n
  LEFT JOIN rates AS r
    ON r.currency = n.currency
  WHERE
    r.currency IS NULL
  UNION ALL
  SELECT
    'reconstructed',
    ''
  FROM now AS n
  WHERE
    n.is_reconstructed
)
SELECT
  kind,
  value,
  COUNT(*) AS deals
FROM found
GROUP BY
  kind,
  value
