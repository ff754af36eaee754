-- Every state of every deal: from creation, one row per instant at which anything that we follow changed.
-- A field's value is the new value of its last known change; before the first change, that change's old value; without changes, today's.
-- Values travel encoded ('=' || text, or '-' for null), so that a change to null is a value and a missing change is not.
WITH changes AS (
  -- known changes of followed fields, never before the deal was created
  SELECT
    c.id, c.field, c.seq,
    GREATEST(c.at, COALESCE(o.created_at, CAST('0001-01-01 00:00:00+00' AS TIMESTAMPTZ))) AS at,
    c.at AS happened_at,
    COALESCE(c.known_at, c.at) < p.known_cutoff AS is_known,
    COALESCE('=' || c.old_value, '-') AS old_value,
    COALESCE('=' || c.new_value, '-') AS new_value,
    COALESCE(c.is_reconstructed, FALSE) AS is_reconstructed
  FROM opportunity_changes c
  JOIN opportunities o ON o.id = c.id
  CROSS JOIN params p
  UNION ALL
  -- a deletion that no change tells of
  SELECT o.id, 'deleted_at', 0, o.deleted_at, o.deleted_at, TRUE, '-', '=' || CAST(o.deleted_at AS VARCHAR), FALSE
  FROM opportunities o
  WHERE o.deleted_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM opportunity_changes d WHERE d.id = o.id AND d.field = 'deleted_at')
),
numbered AS (
  SELECT *,
    ROW_NUMBER() OVER w AS from_first,
    LEAD(CASE WHEN is_known THEN at END IGNORE NULLS) OVER w AS next_known_at
  FROM changes
  WINDOW w AS (PARTITION BY id, field ORDER BY happened_at, seq)
),
steps AS (
  -- the state at creation, as the first changes' old values tell it
  SELECT id, CAST(NULL AS TIMESTAMPTZ) AS at, field, old_value AS value, is_reconstructed FROM numbered WHERE from_first = 1
  UNION ALL
  -- of the known changes at one instant the last one
  SELECT id, at, field, new_value AS value, is_reconstructed FROM numbered
  WHERE is_known AND (next_known_at IS NULL OR next_known_at <> at)
),
points AS (
  SELECT
    id, COALESCE(at, CAST('0001-01-01 00:00:00+00' AS TIMESTAMPTZ)) AS at,
    MAX(CASE WHEN field = 'stage' THEN value END) AS stage,
    MAX(CASE WHEN field = 'forecast_category' THEN value END) AS forecast_category,
    MAX(CASE WHEN field = 'owner_id' THEN value END) AS owner_id,
    MAX(CASE WHEN field = 'account_id' THEN value END) AS account_id,
    MAX(CASE WHEN field = 'amount_minor' THEN value END) AS amount_minor,
    MAX(CASE WHEN field = 'net_arr_minor' THEN value END) AS net_arr_minor,
    MAX(CASE WHEN field = 'renewal_base_minor' THEN value END) AS renewal_base_minor,
    MAX(CASE WHEN field = 'tcv_minor' THEN value END) AS tcv_minor,
    MAX(CASE WHEN field = 'services_minor' THEN value END) AS services_minor,
    MAX(CASE WHEN field = 'currency' THEN value END) AS currency,
    MAX(CASE WHEN field = 'close_date' THEN value END) AS close_date,
    MAX(CASE WHEN field = 'probability_ppm' THEN value END) AS probability_ppm,
    MAX(CASE WHEN field = 'order_type' THEN value END) AS order_type,
    MAX(CASE WHEN field = 'next_step' THEN value END) AS next_step,
    MAX(CASE WHEN field = 'segment' THEN value END) AS segment,
    MAX(CASE WHEN field = 'region' THEN value END) AS region,
    MAX(CASE WHEN field = 'deleted_at' THEN value END) AS deleted_at,
    MAX(CASE WHEN is_reconstructed THEN 1 ELSE 0 END) AS is_reconstructed
  FROM steps
  GROUP BY id, COALESCE(at, CAST('0001-01-01 00:00:00+00' AS TIMESTAMPTZ))
  UNION ALL
  -- deals without any change still have their one state
  SELECT o.id, CAST('0001-01-01 00:00:00+00' AS TIMESTAMPTZ),
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0
  FROM opportunities o
  WHERE NOT EXISTS (SELECT 1 FROM changes c WHERE c.id = o.id)
),
filled AS (
  -- carry each field's last value forward
  SELECT
    id, at,
    LEAD(at) OVER w AS next_at,
    LAST_VALUE(stage IGNORE NULLS) OVER w AS stage,
    LAST_VALUE(forecast_category IGNORE NULLS) OVER w AS forecast_category,
    LAST_VALUE(owner_id IGNORE NULLS) OVER w AS owner_id,
    LAST_VALUE(account_id IGNORE NULLS) OVER w AS account_id,
    LAST_VALUE(amount_minor IGNORE NULLS) OVER w AS amount_minor,
    LAST_VALUE(net_arr_minor IGNORE NULLS) OVER w AS net_arr_minor,
    LAST_VALUE(renewal_base_minor IGNORE NULLS) OVER w AS renewal_base_minor,
    LAST_VALUE(tcv_minor IGNORE NULLS) OVER w AS tcv_minor,
    LAST_VALUE(services_minor IGNORE NULLS) OVER w AS services_minor,
    LAST_VALUE(currency IGNORE NULLS) OVER w AS currency,
    LAST_VALUE(close_date IGNORE NULLS) OVER w AS close_date,
    LAST_VALUE(probability_ppm IGNORE NULLS) OVER w AS probability_ppm,
    LAST_VALUE(order_type IGNORE NULLS) OVER w AS order_type,
    LAST_VALUE(next_step IGNORE NULLS) OVER w AS next_step,
    LAST_VALUE(segment IGNORE NULLS) OVER w AS segment,
    LAST_VALUE(region IGNORE NULLS) OVER w AS region,
    LAST_VALUE(deleted_at IGNORE NULLS) OVER w AS deleted_at,
    is_reconstructed
  FROM points
  WINDOW w AS (PARTITION BY id ORDER BY at)
),
placed AS (
  -- the first state begins with the deal; two points at one instant leave only the later one
  SELECT f.*, o.created_at,
    GREATEST(f.at, COALESCE(o.created_at, CAST('0001-01-01 00:00:00+00' AS TIMESTAMPTZ))) AS valid_from,
    COALESCE(f.next_at, CAST('9999-12-31 00:00:00+00' AS TIMESTAMPTZ)) AS valid_until
  FROM filled f
  JOIN opportunities o ON o.id = f.id
)
SELECT
  o.id AS opportunity_id, s.valid_from, s.valid_until, o.name,
  CASE WHEN s.account_id IS NULL THEN o.account_id WHEN s.account_id <> '-' THEN SUBSTR(s.account_id, 2) END AS account_id,
  CASE WHEN s.owner_id IS NULL THEN o.owner_id WHEN s.owner_id <> '-' THEN SUBSTR(s.owner_id, 2) END AS owner_id,
  CASE WHEN s.order_type IS NULL THEN o.order_type WHEN s.order_type <> '-' THEN SUBSTR(s.order_type, 2) END AS order_type,
  CASE WHEN s.stage IS NULL THEN o.stage WHEN s.stage <> '-' THEN SUBSTR(s.stage, 2) END AS stage,
  CASE WHEN s.forecast_category IS NULL THEN o.forecast_category
       WHEN s.forecast_category <> '-' THEN SUBSTR(s.forecast_category, 2) END AS forecast_category,
  CASE WHEN s.amount_minor IS NULL THEN o.amount_minor
       WHEN s.amount_minor <> '-' THEN TRY_CAST(SUBSTR(s.amount_minor, 2) AS BIGINT) END AS amount_minor,
  CASE WHEN s.net_arr_minor IS NULL THEN o.net_arr_minor
       WHEN s.net_arr_minor <> '-' THEN TRY_CAST(SUBSTR(s.net_arr_minor, 2) AS BIGINT) END AS net_arr_minor,
  CASE WHEN s.renewal_base_minor IS NULL THEN o.renewal_base_minor
       WHEN s.renewal_base_minor <> '-' THEN TRY_CAST(SUBSTR(s.renewal_base_minor, 2) AS BIGINT) END AS renewal_base_minor,
  CASE WHEN s.tcv_minor IS NULL THEN o.tcv_minor
       WHEN s.tcv_minor <> '-' THEN TRY_CAST(SUBSTR(s.tcv_minor, 2) AS BIGINT) END AS tcv_minor,
  CASE WHEN s.services_minor IS NULL THEN o.services_minor
       WHEN s.services_minor <> '-' THEN TRY_CAST(SUBSTR(s.services_minor, 2) AS BIGINT) END AS services_minor,
  o.margin_minor,
  CASE WHEN s.currency IS NULL THEN o.currency WHEN s.currency <> '-' THEN SUBSTR(s.currency, 2) END AS currency,
  CASE WHEN s.probability_ppm IS NULL THEN o.probability_ppm
       WHEN s.probability_ppm <> '-' THEN TRY_CAST(SUBSTR(s.probability_ppm, 2) AS BIGINT) END AS probability_ppm,
  CASE WHEN s.close_date IS NULL THEN o.close_date
       WHEN s.close_date <> '-' THEN TRY_CAST(SUBSTR(s.close_date, 2) AS DATE) END AS close_date,
  o.start_date, o.term_months, o.created_at, o.sales_accepted_at, o.closed_at, o.booked_at, o.is_closed, o.is_won,
  o.won_reason, o.loss_reason,
  CASE WHEN s.next_step IS NULL THEN o.next_step WHEN s.next_step <> '-' THEN SUBSTR(s.next_step, 2) END AS next_step,
  o.last_activity_at, o.push_count, o.source, o.campaign_id, o.sdr_id, o.contract_id, o.parent_opportunity_id,
  CASE WHEN s.region IS NULL THEN o.region WHEN s.region <> '-' THEN SUBSTR(s.region, 2) END AS region,
  CASE WHEN s.segment IS NULL THEN o.segment WHEN s.segment <> '-' THEN SUBSTR(s.segment, 2) END AS segment,
  o.product_family, o.product_id,
  COALESCE(s.deleted_at, '-') <> '-' AS is_deleted,
  s.is_reconstructed = 1 AS is_reconstructed
FROM placed s
JOIN opportunities o ON o.id = s.id
CROSS JOIN params p
WHERE s.valid_from < s.valid_until
  AND (o.known_at IS NULL OR o.known_at < p.known_cutoff)
