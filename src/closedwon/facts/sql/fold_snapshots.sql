-- The state at the close of a day: of each key the newest row since the last full set up to that day.
-- `snapshots` has the rows of one snapshot table with its key under the name key__; `wanted` has the day.
WITH begins AS (
  SELECT a.snapshot_date AS until_day, COALESCE(MAX(s.snapshot_date), CAST('0001-01-01' AS DATE)) AS from_day
  FROM wanted a
  LEFT JOIN snapshots s ON s.is_full AND s.snapshot_date <= a.snapshot_date
  GROUP BY a.snapshot_date
),
ranked AS (
  SELECT s.*, ROW_NUMBER() OVER (PARTITION BY s.key__ ORDER BY s.snapshot_date DESC) AS newest
  FROM snapshots s
  JOIN begins b ON s.snapshot_date BETWEEN b.from_day AND b.until_day
)
SELECT * FROM ranked WHERE newest = 1
