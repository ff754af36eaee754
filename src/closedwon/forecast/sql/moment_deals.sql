-- One page of the deals behind a number of one moment, the largest first, each with what became of it in the period.
, wanted AS (
    SELECT t.opportunity_id, t.bucket, t.is_won, SUM(t.amount_minor) AS amount_minor, SUM(t.came_minor) AS came_minor
    FROM parts AS t
    JOIN wanted_places AS n ON n.place = t.place
    JOIN wanted_buckets AS k ON k.bucket = t.bucket
    JOIN page AS g ON g.dimension IS NULL OR g.dimension = t.dimension
    GROUP BY t.opportunity_id, t.bucket, t.is_won
  ),
  counted AS (
    SELECT
      opportunity_id, bucket, is_won, amount_minor, came_minor,
      ROW_NUMBER() OVER (ORDER BY ABS(amount_minor) DESC, opportunity_id, bucket) AS place_no,
      COUNT(*) OVER () AS total_count,
      SUM(amount_minor) OVER () AS total_minor
    FROM wanted
  )
SELECT c.opportunity_id, c.bucket, c.is_won, c.amount_minor, c.came_minor, c.place_no, c.total_count, c.total_minor
FROM counted AS c CROSS JOIN page AS g
WHERE c.place_no > g.skip AND c.place_no <= g.skip + g.take
