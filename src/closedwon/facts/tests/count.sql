SELECT name, COUNT(*) AS rows FROM accounts GROUP BY name
