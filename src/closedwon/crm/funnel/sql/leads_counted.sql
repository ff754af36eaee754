-- How many leads share an outcome, a number of days and no amounts: what every metric is made of.
SELECT f.measure, f.segment, f.stage, f.outcome, f.days, f.amount_minor, f.entry_minor, COUNT(*) AS n
FROM facts AS f
GROUP BY f.measure, f.segment, f.stage, f.outcome, f.days, f.amount_minor, f.entry_minor
