SELECT moment, place, dimension, bucket,
  SUM(amount_minor) AS amount_minor,
  SUM(CASE WHEN bucket = 'closed' THEN amount_minor WHEN bucket IN ('undated', 'omitted') THEN 0 ELSE share(amount_minor, probability_ppm) END)
    AS weighted_minor,
  SUM(CASE WHEN is_won THEN amount_minor ELSE 0 END) AS won_minor,
  SUM(came_minor) AS came_minor,
  SUM(CASE WHEN is_counted THEN 1 ELSE 0 END) AS deals,
  SUM(CASE WHEN is_counted AND is_won THEN 1 ELSE 0 END) AS won_deals
FROM parts
GROUP BY moment, place, dimension, bucket
