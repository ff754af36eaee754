-- Whose the open deals and the deals born lately are on that day: by revenue splits, else the owner's.
, wanted AS (
    SELECT c.deal_no, c.opportunity_id, c.owner_id
    FROM chosen AS c
    CROSS JOIN params AS p
    WHERE c.status = 'open' OR c.created_at >= p.births_from
  ),
  splits AS (
    SELECT d.deal_no, COALESCE(w.place, 'unassigned') AS place, SUM(x.share_ppm) AS share_ppm
    FROM opportunity_splits AS x
    JOIN wanted AS d ON d.opportunity_id = x.opportunity_id
    CROSS JOIN params AS p
    LEFT JOIN seats AS w ON w.user_id = x.user_id
    WHERE LOWER(x.split_type) = p.split AND (p.split <> 'revenue' OR COALESCE(x.is_overlay, FALSE) = FALSE)
      AND x.since <= p.day AND (x.until IS NULL OR x.until > p.day)
    GROUP BY d.deal_no, COALESCE(w.place, 'unassigned')
  )
SELECT d.deal_no, COALESCE(x.place, w.place, 'unassigned') AS place, COALESCE(x.share_ppm, 1000000) AS share_ppm
FROM wanted AS d
CROSS JOIN params AS p
LEFT JOIN splits AS x ON x.deal_no = d.deal_no
LEFT JOIN seats AS w ON w.user_id = d.owner_id
WHERE x.place IS NOT NULL OR p.owner_counts
