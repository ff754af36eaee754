-- Each deal's part in each seat's own name, by bucket.
SELECT opportunity_id, place, bucket, SUM(amount_minor) AS amount_minor,
  SUM(CASE WHEN bucket = 'closed' THEN amount_minor WHEN bucket IN ('undated', 'omitted') THEN 0 ELSE share(amount_minor, probability_ppm) END)
    AS weighted_minor
FROM parts
GROUP BY opportunity_id, place, bucket
