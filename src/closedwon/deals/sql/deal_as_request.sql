-- Open deals as if somebody asked for their sign-off now: what the facts know of them, in the columns of past requests.
-- The discount is that of the lines taken together, to the hundredth of a percent, as a request on the deal would have it.
WITH
  lined AS (
    SELECT l.opportunity_id, CAST(SUM(l.amount_minor) AS BIGINT) AS net_minor,
      CAST(SUM(muldiv(l.amount_minor, 1000000, 1000000 - l.discount_ppm)) AS BIGINT) AS list_minor
    FROM line_items AS l
    WHERE l.amount_minor IS NOT NULL AND COALESCE(l.discount_ppm, 0) < 1000000
    GROUP BY l.opportunity_id
  ),
  priced AS (
    SELECT n.opportunity_id, n.net_minor, n.list_minor,
      CASE WHEN n.list_minor > 0 AND n.net_minor >= 0 AND n.net_minor <= n.list_minor
        THEN muldiv(muldiv(n.list_minor - n.net_minor, 1000000, n.list_minor), 1, 100) * 100 END AS discount_ppm
    FROM lined AS n
  ),
  plan AS (
    SELECT x.currency, MAX(x.rate_ppb) AS rate_ppb
    FROM exchange_rates AS x CROSS JOIN params AS p
    WHERE x.kind LIKE 'plan%' AND x.to_currency = p.currency AND x.since <= p.day AND (x.until IS NULL OR x.until > p.day)
    GROUP BY x.currency
  )
SELECT
  o.id, 'deal' AS kind, o.id AS subject_id, o.name AS title, o.owner_id, o.region, COALESCE(o.currency, p.currency) AS currency,
  COALESCE(o.tcv_minor, o.amount_minor) AS amount_minor, x.rate_ppb, 'none' AS state, p.day AS submitted_on, n.discount_ppm, n.list_minor,
  COALESCE(n.net_minor, o.tcv_minor, o.amount_minor) AS net_minor, o.net_arr_minor, CAST(o.term_months AS DECIMAL(18, 6)) AS term_months,
  'Net 30' AS payment_terms, 'Annual' AS payment_schedule, o.renewal_base_minor,
  CASE WHEN o.renewal_base_minor IS NOT NULL THEN o.renewal_base_minor + COALESCE(o.net_arr_minor, 0) END AS renewal_net_minor,
  o.order_type, o.segment, o.account_id
FROM opportunities AS o
CROSS JOIN params AS p
LEFT JOIN priced AS n ON n.opportunity_id = o.id
LEFT JOIN plan AS x ON x.currency = COALESCE(o.currency, p.currency)
WHERE NOT COALESCE(o.is_closed, FALSE) AND o.deleted_at IS NULL
