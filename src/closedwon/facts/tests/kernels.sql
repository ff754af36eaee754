SELECT amount_minor, ppm, num, den, currency,
  share(amount_minor, ppm) AS share_minor,
  muldiv(amount_minor, num, den) AS ratio_minor,
  CAST(minor_units(currency) AS BIGINT) AS units
FROM given
