-- What moved, deal by deal and bar by bar, at the wanted places, the largest first.
, bars AS (
    SELECT t.opportunity_id, t.place, 'new' AS bucket, new_minor AS amount_minor FROM movements AS t
    UNION ALL SELECT t.opportunity_id, t.place, 'transferred_in' AS bucket, transferred_in_minor AS amount_minor FROM movements AS t
    UNION ALL SELECT t.opportunity_id, t.place, 'pulled_in' AS bucket, pulled_in_minor AS amount_minor FROM movements AS t
    UNION ALL SELECT t.opportunity_id, t.place, 'reopened' AS bucket, reopened_minor AS amount_minor FROM movements AS t
    UNION ALL SELECT t.opportunity_id, t.place, 'increased' AS bucket, increased_minor AS amount_minor FROM movements AS t
    UNION ALL SELECT t.opportunity_id, t.place, 'decreased' AS bucket, decreased_minor AS amount_minor FROM movements AS t
    UNION ALL SELECT t.opportunity_id, t.place, 'pushed_out' AS bucket, pushed_out_minor AS amount_minor FROM movements AS t
    UNION ALL SELECT t.opportunity_id, t.place, 'won' AS bucket, won_minor AS amount_minor FROM movements AS t
    UNION ALL SELECT t.opportunity_id, t.place, 'lost' AS bucket, lost_minor AS amount_minor FROM movements AS t
    UNION ALL SELECT t.opportunity_id, t.place, 'deleted' AS bucket, deleted_minor AS amount_minor FROM movements AS t
    UNION ALL SELECT t.opportunity_id, t.place, 'transferred_out' AS bucket, transferred_out_minor AS amount_minor FROM movements AS t
  ),
  summed AS (
    SELECT b.opportunity_id, b.bucket, SUM(b.amount_minor) AS amount_minor
    FROM bars AS b
    JOIN wanted_places AS n ON n.place = b.place
    JOIN wanted_buckets AS k ON k.bucket = b.bucket
    GROUP BY b.opportunity_id, b.bucket
  ),
  counted AS (
    SELECT
      opportunity_id, bucket, amount_minor,
      ROW_NUMBER() OVER (ORDER BY ABS(amount_minor) DESC, opportunity_id, bucket) AS place_no
    FROM summed
    WHERE amount_minor <> 0
  )
SELECT c.opportunity_id, c.bucket, c.amount_minor, c.place_no
FROM counted AS c CROSS JOIN page AS g
WHERE c.place_no > g.skip AND c.place_no <= g.skip + g.take
