SELECT
  n,
  share(amount_minor, ppm) AS share_minor,
  muldiv(amount_minor, num, den) AS ratio_minor,
  CAST(minor_units(currency) AS BIGINT) AS units,
  convert_minor(amount_minor, currency, to_currency, rate_ppb) AS converted_minor,
  whole_months(since, until) AS months
FROM given
