  begun AS ( -- each deal's first state
    SELECT opportunity_id, MIN(valid_from) AS valid_from FROM states GROUP BY opportunity_id
  ),
  ended AS (
    SELECT
      l.opportunity_id, l.status = 'won' AS is_won, b.valid_from,
      ROW_NUMBER() OVER (ORDER BY l.opportunity_id) AS row_no, COUNT(*) OVER () AS total
    FROM lives AS l
    JOIN begun AS b ON b.opportunity_id = l.opportunity_id
    JOIN ends AS e ON e.opportunity_id = l.opportunity_id
    WHERE l.status <> 'open'
  )
-- What was known of closed deals when they began, every n-th of them where there are many.
SELECT
  d.opportunity_id, d.is_won, d.total, s.order_type, s.segment, s.region, COALESCE(s.product_family, s.product_id) AS product, s.product_id, s.source,
  s.owner_id, a.industry, a.country, a.employees, COALESCE(deal_amount, 0) AS amount_minor, s.currency
FROM ended AS d
CROSS JOIN sample AS q
JOIN deal_states AS s ON s.opportunity_id = d.opportunity_id AND s.valid_from = d.valid_from
LEFT JOIN accounts AS a ON a.id = s.account_id
WHERE d.total <= q.take OR d.row_no % ((d.total + q.take - 1) // q.take) = 0
