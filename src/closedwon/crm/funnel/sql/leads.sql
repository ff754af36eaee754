-- The leads of a period: what became of each by the cutoff, and when it was answered; nothing later is read.
WITH
  known AS (
    SELECT
      s.id, s.created_at, s.owner_id, s.first_response_at, s.status, lead_segment AS segment,
      CASE WHEN s.converted_at < p.cutoff THEN s.converted_at END AS converted_at
    FROM leads AS s
    CROSS JOIN params AS p
    lead_joins
    WHERE s.created_at >= p.start_at AND s.created_at < p.end_at AND s.created_at < p.cutoff
      AND (s.deleted_at IS NULL OR s.deleted_at >= p.cutoff)
      AND (p.every_lead OR s.owner_id IN (SELECT w.user_id FROM seers AS w) OR s.opportunity_id IN (SELECT v.opportunity_id FROM visible AS v))
      AND (p.every_owner OR s.owner_id IN (SELECT o.user_id FROM owners AS o))
  ),
  told AS ( -- the last change of status before the cutoff
    SELECT c.id, c.at, c.new_value, ROW_NUMBER() OVER (PARTITION BY c.id ORDER BY c.at DESC, c.seq DESC) AS from_last
    FROM lead_changes AS c
    CROSS JOIN params AS p
    WHERE c.field = 'status' AND c.at < p.cutoff
  ),
  changed AS ( -- leads whose status has a history
    SELECT DISTINCT c.id FROM lead_changes AS c WHERE c.field = 'status'
  ),
  ended AS (
    SELECT
      k.id, k.segment, k.created_at, k.converted_at, k.first_response_at,
      CASE WHEN d.status IS NOT NULL THEN t.at WHEN h.id IS NULL AND e.status IS NOT NULL THEN COALESCE(k.first_response_at, k.created_at) END AS dead_at
    FROM known AS k
    LEFT JOIN told AS t ON t.id = k.id AND t.from_last = 1
    LEFT JOIN dead AS d ON d.status = t.new_value
    LEFT JOIN changed AS h ON h.id = k.id
    LEFT JOIN dead AS e ON e.status = k.status
  ),
  timed AS (
    SELECT
      e.id, e.segment, e.created_at, e.converted_at, e.dead_at, p.day, p.minutes,
      CASE WHEN e.first_response_at < p.cutoff THEN e.first_response_at END AS answered_at,
      CASE WHEN e.first_response_at < p.cutoff THEN e.first_response_at ELSE p.cutoff END AS clock_at
    FROM ended AS e
    CROSS JOIN params AS p
  ),
  clocked AS (
    SELECT
      t.*,
      GREATEST(0, CAST(CAST(t.clock_at AS DATE) - CAST(t.created_at AS DATE) AS BIGINT) * 1440
        + CAST(EXTRACT(HOUR FROM t.clock_at) AS BIGINT) * 60 + CAST(EXTRACT(MINUTE FROM t.clock_at) AS BIGINT)
        - CAST(EXTRACT(HOUR FROM t.created_at) AS BIGINT) * 60 - CAST(EXTRACT(MINUTE FROM t.created_at) AS BIGINT)) AS waited
    FROM timed AS t
  ),
  facts AS (
    SELECT
      'lead' AS measure, c.id AS opportunity_id, c.segment, '' AS stage,
      CASE WHEN c.converted_at IS NOT NULL THEN 'converted' WHEN c.dead_at IS NOT NULL THEN 'dead' ELSE 'open' END AS outcome,
      CAST(COALESCE(local_day(c.converted_at), local_day(c.dead_at), c.day) - local_day(c.created_at) AS BIGINT) AS days,
      CAST(0 AS BIGINT) AS amount_minor, CAST(0 AS BIGINT) AS entry_minor
    FROM clocked AS c
    UNION ALL
    SELECT
      'response', c.id, c.segment, '',
      CASE WHEN c.answered_at IS NOT NULL THEN CASE WHEN c.waited <= c.minutes THEN 'in time' ELSE 'late' END
        WHEN c.waited <= c.minutes THEN 'running' ELSE 'unanswered' END,
      c.waited // 60, CAST(0 AS BIGINT), CAST(0 AS BIGINT)
    FROM clocked AS c
  )
