-- How long steps took, by a dimension (role, region, step title, month): counts, the median and the ninth decile of business minutes.
WITH
  taken AS (
    SELECT s.request_id, s.version, s.step, s.minutes, s.state, s.due_at, s.done_at, s.opened_at, COALESCE(dimension, '–') AS place
    FROM every_step AS s
    CROSS JOIN params AS p
    WHERE s.submitted_on >= p.start AND s.submitted_on < p.stop AND (p.kind = '' OR s.kind = p.kind)
      AND (COALESCE(p.region, '') = '' OR s.region = p.region) AND s.opened_at IS NOT NULL
  ),
  ranked AS (
    SELECT t.place, t.minutes,
      ROW_NUMBER() OVER (PARTITION BY t.place ORDER BY t.minutes, t.request_id, t.version, t.step) AS at_no,
      COUNT(*) OVER (PARTITION BY t.place) AS many
    FROM taken AS t
    WHERE t.minutes IS NOT NULL AND t.done_at IS NOT NULL
  ),
  middles AS (
    SELECT r.place, CAST(MAX(r.many) AS BIGINT) AS done,
      CAST(SUM(CASE WHEN r.at_no IN ((r.many + 1) // 2, (r.many + 2) // 2) THEN r.minutes ELSE 0 END)
        // SUM(CASE WHEN r.at_no IN ((r.many + 1) // 2, (r.many + 2) // 2) THEN 1 ELSE 0 END) AS BIGINT) AS median_minutes,
      CAST(MAX(CASE WHEN r.at_no = (r.many * 9 + 9) // 10 THEN r.minutes END) AS BIGINT) AS slow_minutes,
      CAST(SUM(r.minutes) AS BIGINT) AS all_minutes
    FROM ranked AS r
    GROUP BY r.place
  ),
  counted AS (
    SELECT t.place, COUNT(*) AS asked,
      SUM(CASE WHEN t.done_at IS NULL AND t.state = 'open' THEN 1 ELSE 0 END) AS waiting,
      SUM(CASE WHEN t.due_at IS NOT NULL AND t.done_at > t.due_at THEN 1 ELSE 0 END) AS late,
      SUM(CASE WHEN t.state = 'rejected' THEN 1 ELSE 0 END) AS rejected
    FROM taken AS t
    GROUP BY t.place
  )
SELECT c.place, c.asked, COALESCE(m.done, 0) AS done, CAST(c.waiting AS BIGINT) AS waiting, CAST(c.late AS BIGINT) AS late,
  CAST(c.rejected AS BIGINT) AS rejected, m.median_minutes, m.slow_minutes, COALESCE(m.all_minutes, 0) AS all_minutes
FROM counted AS c
LEFT JOIN middles AS m ON m.place = c.place
