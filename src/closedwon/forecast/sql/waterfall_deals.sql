-- One page of the deals behind a bar: those that put something into it at the wanted places, the largest first.
, bars AS (
    SELECT
      t.opportunity_id,
      SUM(CASE g.bucket
        WHEN 'begin' THEN begin_minor WHEN 'new' THEN new_minor WHEN 'transferred_in' THEN transferred_in_minor
        WHEN 'pulled_in' THEN pulled_in_minor WHEN 'reopened' THEN reopened_minor WHEN 'increased' THEN increased_minor
        WHEN 'decreased' THEN decreased_minor WHEN 'pushed_out' THEN pushed_out_minor WHEN 'won' THEN won_minor
        WHEN 'lost' THEN lost_minor WHEN 'deleted' THEN deleted_minor WHEN 'transferred_out' THEN transferred_out_minor
        WHEN 'fx' THEN fx_minor ELSE end_minor
      END) AS amount_minor
    FROM movements AS t
    JOIN wanted_places AS n ON n.place = t.place
    JOIN page AS g ON g.dimension IS NULL OR g.dimension = t.dimension
    GROUP BY t.opportunity_id
  ),
  counted AS (
    SELECT
      opportunity_id, amount_minor,
      ROW_NUMBER() OVER (ORDER BY ABS(amount_minor) DESC, opportunity_id) AS place_no,
      COUNT(*) OVER () AS total_count,
      SUM(amount_minor) OVER () AS total_minor
    FROM bars
    WHERE amount_minor <> 0
  )
SELECT c.opportunity_id, c.amount_minor, c.place_no, c.total_count, c.total_minor
FROM counted AS c CROSS JOIN page AS g
WHERE c.place_no > g.skip AND c.place_no <= g.skip + g.take
