/* Which of the given deals deserve a look, and by how much: one row per deal and rule. Thresholds come from the policy. */
/* What a company does not track (activities, contacts, next steps) raises no flag. */
WITH history AS (
  SELECT
    s.*,
    u.category
  FROM deal_states AS s
  CROSS JOIN params AS p
  JOIN subjects AS u
    ON u.opportunity_id = s.opportunity_id
  WHERE
    s.valid_from < p.cutoff
), here AS (
  SELECT
    s.opportunity_id,
    s.category,
    s.close_date,
    s.stage,
    s.next_step,
    s.last_activity_at,
    s.created_at,
    s.push_count,
    COALESCE(s.net_arr_minor, s.amount_minor) AS amount_minor,
    s.valid_until
  FROM history AS s
  CROSS JOIN params AS p
  WHERE
    s.valid_until >= p.cutoff
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
), before AS (
  SELECT
    s.opportunity_id,
    f.days,
    MAX(COALESCE(s.net_arr_minor, s.amount_minor)) AS amount_minor
  FROM history AS s
  CROSS JOIN params AS p
  JOIN rules AS f
    ON f.rule = 'amount_cut'
  WHERE
    CAST(s.valid_until AS DATE) > p.day - CAST(f.days AS INT)
  GROUP BY
    s.opportunity_id,
    f.days
), known AS (
  SELECT
    h.*,
    COALESCE(x.times, 0) AS times,
    COALESCE(x.days, 0) AS pushed_days,
    e.at AS entered_at,
    CASE
      WHEN t.at IS NULL OR h.last_activity_at > t.at
      THEN COALESCE(
        CASE WHEN h.last_activity_at < p.cutoff THEN h.last_activity_at END,
        t.at,
        h.created_at
      )
      ELSE t.at
    END AS active_at,
    COALESCE(c.contacts, 0) AS contacts,
    b.amount_minor AS most_minor,
    g.days AS usual_days
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
  LEFT JOIN before AS b
    ON b.opportunity_id = h.opportunity_id
  LEFT JOIN stage_ages AS g
    ON g.stage = h.stage
), measured AS (
  SELECT
    k.opportunity_id,
    k.category,
    f.rule,
    CASE f.rule
      WHEN 'past_close_date'
      THEN CAST(p.day - k.close_date AS BIGINT)
      WHEN 'no_activity'
      THEN CASE
        WHEN p.tracks_activity
        THEN CAST(p.day - CAST(k.active_at AS DATE) AS BIGINT)
      END
      WHEN 'pushed'
      THEN CASE
        WHEN k.times = 0 AND k.valid_until > CAST('9999-01-01 00:00:00+00' AS TIMESTAMP)
        THEN COALESCE(k.push_count, 0)
        ELSE k.times
      END
      WHEN 'old_in_stage'
      THEN CAST(p.day - CAST(k.entered_at AS DATE) AS BIGINT)
      WHEN 'amount_cut'
      THEN k.most_minor - k.amount_minor
      WHEN 'closes_beyond_period'
      THEN CAST(k.close_date - p.period_end AS BIGINT)
      WHEN 'single_threaded'
      THEN CASE WHEN p.tracks_contacts THEN k.contacts END
      WHEN 'no_next_step'
      THEN CASE WHEN p.tracks_next_step AND TRIM(COALESCE(k.next_step, '')) = '' THEN 0 END
    END AS value,
    CASE f.rule
      WHEN 'past_close_date'
      THEN k.close_date < p.day
      WHEN 'no_activity'
      THEN p.tracks_activity AND CAST(p.day - CAST(k.active_at AS DATE) AS BIGINT) >= f.days
      WHEN 'pushed'
      THEN CASE
        WHEN k.times = 0 AND k.valid_until > CAST('9999-01-01 00:00:00+00' AS TIMESTAMP)
        THEN COALESCE(k.push_count, 0)
        ELSE k.times
      END >= f.times
      WHEN 'old_in_stage'
      THEN k.entered_at > CAST('1000-01-01 00:00:00+00' AS TIMESTAMP)
      AND CAST(p.day - CAST(k.entered_at AS DATE) AS BIGINT) > k.usual_days
      WHEN 'amount_cut'
      THEN k.most_minor > k.amount_minor
      AND k.most_minor - k.amount_minor >= (
        (
          CASE
            WHEN (
              (
                k.most_minor
              ) < 0
            ) <> (
              (
                f.percent_ppm
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                k.most_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              f.percent_ppm
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  k.most_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                f.percent_ppm
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      )
      WHEN 'closes_beyond_period'
      THEN k.close_date >= p.period_end
      WHEN 'single_threaded'
      THEN p.tracks_contacts AND k.contacts < f.contacts
      WHEN 'no_next_step'
      THEN p.tracks_next_step AND TRIM(COALESCE(k.next_step, '')) = ''
      ELSE FALSE
    END AS is_raised,
    CASE f.rule
      WHEN 'old_in_stage'
      THEN k.usual_days
      WHEN 'amount_cut'
      THEN k.most_minor
      WHEN 'pushed'
      THEN k.pushed_days
    END AS other_value
  FROM known AS k
  CROSS JOIN params AS p
  CROSS JOIN rules AS f
)
SELECT
  m.opportunity_id,
  m.rule,
  CAST(m.value AS BIGINT) AS value,
  CAST(m.other_value AS BIGINT) AS other_value
FROM measured AS m
LEFT JOIN rule_categories AS c
  ON c.rule = m.rule AND c.category = m.category
WHERE
  m.is_raised
  AND (
    NOT c.rule IS NULL OR NOT m.rule IN (
      SELECT
        rule
      FROM rule_categories
    )
  )
