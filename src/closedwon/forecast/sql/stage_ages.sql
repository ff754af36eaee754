-- How long deals have stayed in each stage: the ages that half, three quarters and nine tenths of finished visits did not exceed.
WITH
  stages_of AS (
    SELECT s.opportunity_id, s.stage, s.valid_from,
      LAG(s.stage) OVER (PARTITION BY s.opportunity_id ORDER BY s.valid_from) AS stage_before,
      ROW_NUMBER() OVER (PARTITION BY s.opportunity_id ORDER BY s.valid_from) AS state_no
    FROM deal_states AS s CROSS JOIN params AS p
    WHERE s.valid_from < p.cutoff
  ),
  entries AS (
    SELECT opportunity_id, stage, valid_from AS entered_at
    FROM stages_of WHERE state_no = 1 OR stage IS DISTINCT FROM stage_before
  ),
  visits AS (
    SELECT stage, entered_at, LEAD(entered_at) OVER (PARTITION BY opportunity_id ORDER BY entered_at) AS left_at FROM entries
  ),
  ages AS (
    SELECT v.stage, CAST(CAST(v.left_at AS DATE) - CAST(v.entered_at AS DATE) AS BIGINT) AS days
    FROM visits AS v JOIN stages AS g ON g.stage = v.stage
    WHERE v.left_at IS NOT NULL AND g.status = 'open' AND v.entered_at > TIMESTAMPTZ '1000-01-01 00:00:00+00'
  ),
  ranked AS (
    SELECT stage, days,
      ROW_NUMBER() OVER (PARTITION BY stage ORDER BY days) AS rank_no,
      COUNT(*) OVER (PARTITION BY stage) AS visits
    FROM ages
  )
SELECT r.stage,
  MIN(CASE WHEN r.rank_no * 100 >= r.visits * 50 THEN r.days END) AS p50_days,
  MIN(CASE WHEN r.rank_no * 100 >= r.visits * 75 THEN r.days END) AS p75_days,
  MIN(CASE WHEN r.rank_no * 100 >= r.visits * 90 THEN r.days END) AS p90_days,
  MAX(r.visits) AS visits
FROM ranked AS r CROSS JOIN params AS p
WHERE r.visits >= p.least
GROUP BY r.stage
