/* The splits of the given deals. */
SELECT
  s.opportunity_id,
  s.user_id,
  s.split_type,
  s.since,
  s.until,
  s.share_ppm,
  s.is_overlay,
  s.source
FROM opportunity_splits AS s
JOIN subjects AS n
  ON n.opportunity_id = s.opportunity_id
