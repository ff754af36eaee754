SELECT t.moment, t.place, t.dimension, t.day, COALESCE(q.period, CASE WHEN t.due IS NULL THEN 'undated' ELSE 'other' END) AS closes_in,
  SUM(t.amount_minor) AS amount_minor, COUNT(*) AS deals
FROM parts AS t
LEFT JOIN closings AS q ON t.due >= q.period_start AND t.due < q.period_end
GROUP BY t.moment, t.place, t.dimension, t.day, COALESCE(q.period, CASE WHEN t.due IS NULL THEN 'undated' ELSE 'other' END)
