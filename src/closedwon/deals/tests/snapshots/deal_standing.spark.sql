/* Where the sign-off of each deal stands: its latest request, whether what is sold is worse since, and whether the policy asks for one. */
WITH ranked AS (
  SELECT
    r.id,
    r.subject_id,
    r.state,
    r.submitted_at,
    r.closed_at,
    r.content_hash,
    r.net_minor,
    r.currency,
    r.discount_ppm,
    r.term_months,
    r.asked_roles,
    ROW_NUMBER() OVER (PARTITION BY r.subject_id ORDER BY r.submitted_at DESC, r.id DESC) AS place
  FROM (
    SELECT
      id,
      number,
      kind,
      subject_id,
      title,
      submitter_id,
      owner_id,
      region,
      currency,
      amount_minor,
      rate_ppb,
      state,
      auto_reason,
      submitted_on,
      submitted_at,
      closed_at,
      versions,
      content_hash,
      asked_roles,
      minutes,
      discount_ppm,
      list_minor,
      net_minor,
      net_arr_minor,
      term_months,
      payment_terms,
      payment_schedule,
      free_months,
      credits_minor,
      last_discount_ppm,
      renewal_base_minor,
      renewal_net_minor,
      price_lock,
      order_type,
      segment,
      account_id,
      fields,
      known_at,
      source
    FROM approval_requests AS p
    WHERE
      NOT EXISTS(
        SELECT
          1
        FROM live_ids AS l
        WHERE
          l.id = p.id
      )
    UNION ALL
    SELECT
      id,
      number,
      kind,
      subject_id,
      title,
      submitter_id,
      owner_id,
      region,
      currency,
      amount_minor,
      rate_ppb,
      state,
      auto_reason,
      submitted_on,
      submitted_at,
      closed_at,
      versions,
      content_hash,
      asked_roles,
      minutes,
      discount_ppm,
      list_minor,
      net_minor,
      net_arr_minor,
      term_months,
      payment_terms,
      payment_schedule,
      free_months,
      credits_minor,
      last_discount_ppm,
      renewal_base_minor,
      renewal_net_minor,
      price_lock,
      order_type,
      segment,
      account_id,
      fields,
      known_at,
      source
    FROM live_approval_requests
  ) AS r
  WHERE
    r.kind = 'deal' AND NOT r.subject_id IS NULL AND r.subject_id <> ''
), last AS (
  SELECT
    *
  FROM ranked
  WHERE
    place = 1
), every_deal AS (
  SELECT
    subject_id AS opportunity_id
  FROM last
  UNION
  SELECT
    id AS opportunity_id
  FROM needs
  WHERE
    roles <> ''
)
SELECT
  e.opportunity_id,
  'deal' AS subject_kind,
  l.id AS request_id,
  l.content_hash,
  CASE
    WHEN l.id IS NULL
    THEN 'none'
    WHEN l.state = 'approved'
    AND n.discount_ppm > COALESCE(l.discount_ppm, 0) + p.slack_ppm
    THEN 'voided'
    ELSE l.state
  END AS state,
  CASE WHEN l.state = 'approved' THEN l.closed_at END AS approved_at,
  l.submitted_at,
  CASE WHEN l.state = 'approved' THEN l.net_minor END AS approved_amount_minor,
  l.currency,
  l.discount_ppm,
  COALESCE(n.roles, l.asked_roles, '') AS needed_roles,
  COALESCE(n.roles, l.asked_roles, '') <> '' AS needs_approval,
  CASE WHEN n.roles <> '' THEN 'discount' END AS tested_fields,
  COALESCE(l.closed_at, l.submitted_at) AS known_at,
  'closedwon' AS source
FROM every_deal AS e
CROSS JOIN params AS p
LEFT JOIN last AS l
  ON l.subject_id = e.opportunity_id
LEFT JOIN needs AS n
  ON n.id = e.opportunity_id
