/* What a flag's formula may read of each given deal, as it stood at the cutoff: one row per deal. */
/* What a company does not track (activities, contacts) is null. */
WITH history AS (
  SELECT
    s.opportunity_id,
    s.valid_from,
    s.valid_until,
    s.stage,
    s.close_date,
    COALESCE(s.net_arr_minor, s.amount_minor) AS measure_minor
  FROM deal_states AS s
  CROSS JOIN params AS p
  JOIN subjects AS u
    ON u.opportunity_id = s.opportunity_id
  WHERE
    s.valid_from < p.cutoff
), here AS (
  SELECT
    s.opportunity_id,
    u.category,
    s.name,
    s.account_id,
    s.owner_id,
    s.currency,
    s.forecast_category,
    s.stage,
    s.probability_ppm,
    s.close_date,
    s.start_date,
    s.created_at,
    s.order_type,
    s.term_months,
    s.next_step,
    s.source,
    s.region,
    s.segment,
    s.product_family,
    s.push_count,
    s.last_activity_at,
    s.valid_until,
    COALESCE(s.net_arr_minor, s.amount_minor) AS measure_minor
  FROM deal_states AS s
  CROSS JOIN params AS p
  JOIN subjects AS u
    ON u.opportunity_id = s.opportunity_id
  WHERE
    s.valid_from < p.cutoff AND s.valid_until >= p.cutoff
), steps AS (
  SELECT
    s.opportunity_id,
    s.valid_from,
    s.stage,
    s.close_date,
    LAG(s.stage) OVER (PARTITION BY s.opportunity_id ORDER BY s.valid_from NULLS LAST) AS stage_before,
    LAG(s.close_date) OVER (PARTITION BY s.opportunity_id ORDER BY s.valid_from NULLS LAST) AS close_before,
    ROW_NUMBER() OVER (PARTITION BY s.opportunity_id ORDER BY s.valid_from NULLS LAST) AS state_no
  FROM history AS s
), pushes AS (
  SELECT
    t.opportunity_id,
    COUNT(*) AS times,
    SUM(CAST(t.close_date - t.close_before AS BIGINT)) AS days
  FROM steps AS t
  JOIN quarters AS a
    ON t.close_before >= a.starts AND t.close_before < a.ends
  JOIN quarters AS b
    ON t.close_date >= b.starts AND t.close_date < b.ends
  WHERE
    b.starts > a.starts
  GROUP BY
    t.opportunity_id
), entered AS (
  SELECT
    opportunity_id,
    MAX(valid_from) AS at
  FROM steps
  WHERE
    state_no = 1 OR stage IS DISTINCT FROM stage_before
  GROUP BY
    opportunity_id
), touched AS (
  SELECT
    a.opportunity_id,
    MAX(a.at) AS at
  FROM activities AS a
  CROSS JOIN params AS p
  JOIN subjects AS u
    ON u.opportunity_id = a.opportunity_id
  WHERE
    a.at < p.cutoff
  GROUP BY
    a.opportunity_id
), people AS (
  SELECT
    c.opportunity_id,
    COUNT(DISTINCT c.contact_id) AS contacts
  FROM opportunity_contacts AS c
  CROSS JOIN params AS p
  JOIN subjects AS u
    ON u.opportunity_id = c.opportunity_id
  WHERE
    c.since <= p.day AND (
      c.until IS NULL OR c.until > p.day
    )
  GROUP BY
    c.opportunity_id
), most AS (
  SELECT
    s.opportunity_id,
    MAX(s.measure_minor) AS amount_minor
  FROM history AS s
  CROSS JOIN params AS p
  WHERE
    CAST(s.valid_until AS DATE) > p.day - CAST(p.amount_days AS INT)
  GROUP BY
    s.opportunity_id
), signed_off AS (
  SELECT
    y.opportunity_id,
    y.needs_approval,
    y.currency,
    y.approved_amount_minor,
    y.discount_ppm,
    CAST(y.approved_at AS DATE) AS approved_date,
    y.state IN ('approved', 'voided') AND y.approved_at < p.cutoff AS is_approved,
    CASE
      WHEN y.submitted_at >= p.cutoff
      THEN 'none'
      WHEN y.state IN ('approved', 'voided') AND y.approved_at >= p.cutoff
      THEN 'pending'
      ELSE y.state
    END AS state
  FROM deal_approvals AS y
  CROSS JOIN params AS p
  WHERE
    y.subject_kind = 'deal'
), known AS (
  SELECT
    h.*,
    p.day,
    p.cutoff,
    COALESCE(x.times, 0) AS times,
    COALESCE(x.days, 0) AS moved_days,
    CASE
      WHEN e.at > CAST('1000-01-01 00:00:00+00' AS TIMESTAMP)
      THEN CAST(p.day - CAST(e.at AS DATE) AS BIGINT)
    END AS days_in_stage,
    CASE
      WHEN p.tracks_activity
      THEN CAST(p.day - CAST(CASE
        WHEN t.at IS NULL OR h.last_activity_at > t.at
        THEN COALESCE(
          CASE WHEN h.last_activity_at < p.cutoff THEN h.last_activity_at END,
          t.at,
          h.created_at
        )
        ELSE t.at
      END AS DATE) AS BIGINT)
    END AS days_since_activity,
    CASE WHEN p.tracks_contacts THEN COALESCE(c.contacts, 0) END AS contacts,
    b.amount_minor AS most_minor,
    COALESCE(h.currency, p.currency) AS unit
  FROM here AS h
  CROSS JOIN params AS p
  LEFT JOIN pushes AS x
    ON x.opportunity_id = h.opportunity_id
  LEFT JOIN entered AS e
    ON e.opportunity_id = h.opportunity_id
  LEFT JOIN touched AS t
    ON t.opportunity_id = h.opportunity_id
  LEFT JOIN people AS c
    ON c.opportunity_id = h.opportunity_id
  LEFT JOIN most AS b
    ON b.opportunity_id = h.opportunity_id
)
SELECT
  k.opportunity_id,
  k.name,
  k.unit AS currency,
  k.category,
  k.forecast_category,
  k.stage,
  g.place AS stage_order,
  k.probability_ppm,
  k.close_date,
  k.start_date,
  CAST(k.created_at AS DATE) AS created_date,
  k.order_type,
  k.term_months,
  NULLIF(TRIM(k.next_step), '') AS next_step,
  k.source,
  k.region,
  k.segment,
  k.product_family,
  CASE
    WHEN r.num = r.den
    THEN k.measure_minor
    ELSE (
      CAST(CASE
        WHEN (
          (
            (
              k.measure_minor
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
            k.measure_minor
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
  END AS amount_minor,
  CASE
    WHEN r.num = r.den
    THEN k.most_minor
    ELSE (
      CAST(CASE
        WHEN (
          (
            (
              k.most_minor
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
            k.most_minor
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
  END AS amount_before_minor,
  CASE
    WHEN k.most_minor > k.measure_minor AND k.most_minor > 0
    THEN CAST(CAST(k.most_minor - k.measure_minor AS DECIMAL(38, 0)) * 1000000 DIV CAST(k.most_minor AS DECIMAL(38, 0)) AS BIGINT)
    WHEN NOT k.measure_minor IS NULL
    THEN 0
  END AS amount_cut_ppm,
  a.name AS account_name,
  a.type AS account_type,
  a.industry AS account_industry,
  a.segment AS account_segment,
  a.country AS account_country,
  a.employees AS account_employees,
  w.name AS owner_name,
  COALESCE(w.active, TRUE) AS owner_active,
  k.days_since_activity,
  k.days_in_stage,
  v.p50_days AS stage_p50_days,
  v.p75_days AS stage_p75_days,
  v.p90_days AS stage_p90_days,
  CASE
    WHEN k.times = 0 AND k.valid_until > CAST('9999-01-01 00:00:00+00' AS TIMESTAMP)
    THEN COALESCE(k.push_count, 0)
    ELSE k.times
  END AS push_count,
  k.moved_days AS pushed_days,
  CAST(k.day - CAST(k.created_at AS DATE) AS BIGINT) AS age_days,
  k.contacts,
  p.tracks_next_step,
  COALESCE(y.needs_approval, FALSE) AS needs_approval,
  y.state AS approval_state,
  CASE WHEN y.is_approved THEN y.approved_date END AS approved_date,
  CASE
    WHEN y.is_approved AND y.currency = k.unit
    THEN CASE
      WHEN r.num = r.den
      THEN y.approved_amount_minor
      ELSE (
        CAST(CASE
          WHEN (
            (
              (
                y.approved_amount_minor
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
              y.approved_amount_minor
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
    END
  END AS approved_amount_minor,
  CASE WHEN y.is_approved THEN y.discount_ppm END AS approved_discount_ppm,
  k.day AS `TODAY()`,
  p.period_start,
  CAST(p.period_end - 1 AS DATE) AS period_end
FROM known AS k
CROSS JOIN params AS p
LEFT JOIN stages AS g
  ON g.stage = k.stage
LEFT JOIN stage_ages AS v
  ON v.stage = k.stage
LEFT JOIN rates AS r
  ON r.currency = k.unit
LEFT JOIN accounts AS a
  ON a.id = k.account_id
LEFT JOIN users AS w
  ON w.id = k.owner_id
LEFT JOIN signed_off AS y
  ON y.opportunity_id = k.opportunity_id
