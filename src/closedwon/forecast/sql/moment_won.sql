-- What was won, by the day of its date: booked actuals where no order system gives them.
SELECT moment, place, dimension, due AS day, SUM(amount_minor) AS amount_minor
FROM parts
WHERE bucket = 'closed'
GROUP BY moment, place, dimension, due
