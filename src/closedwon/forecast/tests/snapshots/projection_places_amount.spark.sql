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
), wanted /* Whose the open deals and the deals born lately are on that day: by revenue splits, else the owner's. */ AS (
  SELECT
    c.deal_no,
    c.opportunity_id,
    c.owner_id
  FROM chosen AS c
  CROSS JOIN params AS p
  WHERE
    c.status = 'open' OR c.created_at >= p.births_from
), splits AS (
  SELECT
    d.deal_no,
    COALESCE(w.place, 'unassigned') AS place,
    SUM(x.share_ppm) AS share_ppm
  FROM opportunity_splits AS x
  JOIN wanted AS d
    ON d.opportunity_id = x.opportunity_id
  CROSS JOIN params AS p
  LEFT JOIN seats AS w
    ON w.user_id = x.user_id
  WHERE
    LOWER(x.split_type) = p.split
    AND (
      p.split <> 'revenue' OR COALESCE(x.is_overlay, FALSE) = FALSE
    )
    AND x.since <= p.day
    AND (
      x.until IS NULL OR x.until > p.day
    )
  GROUP BY
    d.deal_no,
    COALESCE(w.place, 'unassigned')
)
SELECT
  d.deal_no,
  COALESCE(x.place, w.place, 'unassigned') AS place,
  COALESCE(x.share_ppm, 1000000) AS share_ppm
FROM wanted AS d
CROSS JOIN params AS p
LEFT JOIN splits AS x
  ON x.deal_no = d.deal_no
LEFT JOIN seats AS w
  ON w.user_id = d.owner_id
WHERE
  NOT x.place IS NULL OR p.owner_counts
