-- What became of the requests of a span, by a dimension: how many needed nobody, were approved, rejected, taken back, changed after submission.
SELECT
  COALESCE(dimension, '–') AS place,
  COUNT(*) AS requests,
  CAST(SUM(CASE WHEN COALESCE(r.auto_reason, '') <> '' THEN 1 ELSE 0 END) AS BIGINT) AS alone,
  CAST(SUM(CASE WHEN r.state = 'approved' THEN 1 ELSE 0 END) AS BIGINT) AS approved,
  CAST(SUM(CASE WHEN r.state = 'rejected' THEN 1 ELSE 0 END) AS BIGINT) AS rejected,
  CAST(SUM(CASE WHEN r.state = 'recalled' THEN 1 ELSE 0 END) AS BIGINT) AS recalled,
  CAST(SUM(CASE WHEN r.state IN ('pending', 'conditional') THEN 1 ELSE 0 END) AS BIGINT) AS waiting,
  CAST(SUM(CASE WHEN r.versions > 1 THEN 1 ELSE 0 END) AS BIGINT) AS reworked,
  CAST(SUM(CASE WHEN r.minutes IS NOT NULL AND COALESCE(r.auto_reason, '') = '' THEN 1 ELSE 0 END) AS BIGINT) AS timed,
  CAST(SUM(CASE WHEN COALESCE(r.auto_reason, '') = '' THEN COALESCE(r.minutes, 0) ELSE 0 END) AS BIGINT) AS all_minutes
FROM every_request AS r
CROSS JOIN params AS p
WHERE r.submitted_on >= p.start AND r.submitted_on < p.stop AND (p.kind = '' OR r.kind = p.kind)
  AND (COALESCE(p.region, '') = '' OR r.region = p.region)
GROUP BY COALESCE(dimension, '–')
