-- One page of the deals that were created in the wanted periods, the largest first.
, wanted AS (
    SELECT t.opportunity_id, t.day, t.amount_minor
    FROM parts AS t
    JOIN wanted_places AS n ON n.place = t.place
    JOIN page AS g ON g.dimension IS NULL OR g.dimension = t.dimension
  ),
  counted AS (
    SELECT
      opportunity_id, day, amount_minor,
      ROW_NUMBER() OVER (ORDER BY amount_minor DESC, opportunity_id) AS place_no,
      COUNT(*) OVER () AS total_count,
      SUM(amount_minor) OVER () AS total_minor
    FROM wanted
  )
SELECT c.opportunity_id, c.day, c.amount_minor, c.place_no, c.total_count, c.total_minor
FROM counted AS c CROSS JOIN page AS g
WHERE c.place_no > g.skip AND c.place_no <= g.skip + g.take
