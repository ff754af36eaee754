SELECT
  n,
  (
    (
      CASE
        WHEN (
          (
            amount_minor
          ) < 0
        ) <> (
          (
            ppm
          ) < 0
        )
        THEN -1
        ELSE 1
      END * (
        (
          ABS(CAST((
            amount_minor
          ) AS BIGINT)) DIV 1000000
        ) * ABS(CAST((
          ppm
        ) AS BIGINT)) + (
          (
            ABS(CAST((
              amount_minor
            ) AS BIGINT)) % 1000000
          ) * ABS(CAST((
            ppm
          ) AS BIGINT)) + 500000
        ) DIV 1000000
      )
    )
  ) AS share_minor,
  (
    CAST(CASE
      WHEN (
        (
          (
            amount_minor
          ) < 0
        ) <> (
          (
            num
          ) < 0
        )
      ) <> (
        (
          den
        ) < 0
      )
      THEN -1
      ELSE 1
    END * (
      (
        ABS(CAST((
          amount_minor
        ) AS DECIMAL(38, 0))) * ABS(CAST((
          num
        ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
          den
        ) AS DECIMAL(38, 0)))
      ) DIV NULLIF(ABS(CAST((
        den
      ) AS DECIMAL(38, 0))) * 2, 0)
    ) AS BIGINT)
  ) AS ratio_minor,
  CAST((
    CASE
      WHEN (
        currency
      ) IN (
        'BIF',
        'CLP',
        'DJF',
        'GNF',
        'ISK',
        'JPY',
        'KMF',
        'KRW',
        'PYG',
        'RWF',
        'UGX',
        'UYI',
        'VND',
        'VUV',
        'XAF',
        'XOF',
        'XPF'
      )
      THEN 1
      WHEN (
        currency
      ) IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND')
      THEN 1000
      WHEN (
        currency
      ) IN ('CLF', 'UYW')
      THEN 10000
      ELSE 100
    END
  ) AS BIGINT) AS units,
  (
    CASE
      WHEN (
        currency
      ) = (
        to_currency
      )
      THEN CAST((
        amount_minor
      ) AS BIGINT)
      ELSE (
        CAST(CASE
          WHEN (
            (
              (
                (
                  amount_minor
                )
              ) < 0
            ) <> (
              (
                CAST((
                  rate_ppb
                ) AS DECIMAL(38, 0)) * (
                  CASE
                    WHEN (
                      (
                        to_currency
                      )
                    ) IN (
                      'BIF',
                      'CLP',
                      'DJF',
                      'GNF',
                      'ISK',
                      'JPY',
                      'KMF',
                      'KRW',
                      'PYG',
                      'RWF',
                      'UGX',
                      'UYI',
                      'VND',
                      'VUV',
                      'XAF',
                      'XOF',
                      'XPF'
                    )
                    THEN 1
                    WHEN (
                      (
                        to_currency
                      )
                    ) IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND')
                    THEN 1000
                    WHEN (
                      (
                        to_currency
                      )
                    ) IN ('CLF', 'UYW')
                    THEN 10000
                    ELSE 100
                  END
                )
              ) < 0
            )
          ) <> (
            (
              CAST(1000000000 AS DECIMAL(38, 0)) * (
                CASE
                  WHEN (
                    (
                      currency
                    )
                  ) IN (
                    'BIF',
                    'CLP',
                    'DJF',
                    'GNF',
                    'ISK',
                    'JPY',
                    'KMF',
                    'KRW',
                    'PYG',
                    'RWF',
                    'UGX',
                    'UYI',
                    'VND',
                    'VUV',
                    'XAF',
                    'XOF',
                    'XPF'
                  )
                  THEN 1
                  WHEN (
                    (
                      currency
                    )
                  ) IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND')
                  THEN 1000
                  WHEN (
                    (
                      currency
                    )
                  ) IN ('CLF', 'UYW')
                  THEN 10000
                  ELSE 100
                END
              )
            ) < 0
          )
          THEN -1
          ELSE 1
        END * (
          (
            ABS(CAST((
              (
                amount_minor
              )
            ) AS DECIMAL(38, 0))) * ABS(
              CAST((
                CAST((
                  rate_ppb
                ) AS DECIMAL(38, 0)) * (
                  CASE
                    WHEN (
                      (
                        to_currency
                      )
                    ) IN (
                      'BIF',
                      'CLP',
                      'DJF',
                      'GNF',
                      'ISK',
                      'JPY',
                      'KMF',
                      'KRW',
                      'PYG',
                      'RWF',
                      'UGX',
                      'UYI',
                      'VND',
                      'VUV',
                      'XAF',
                      'XOF',
                      'XPF'
                    )
                    THEN 1
                    WHEN (
                      (
                        to_currency
                      )
                    ) IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND')
                    THEN 1000
                    WHEN (
                      (
                        to_currency
                      )
                    ) IN ('CLF', 'UYW')
                    THEN 10000
                    ELSE 100
                  END
                )
              ) AS DECIMAL(38, 0))
            ) * 2 + ABS(
              CAST((
                CAST(1000000000 AS DECIMAL(38, 0)) * (
                  CASE
                    WHEN (
                      (
                        currency
                      )
                    ) IN (
                      'BIF',
                      'CLP',
                      'DJF',
                      'GNF',
                      'ISK',
                      'JPY',
                      'KMF',
                      'KRW',
                      'PYG',
                      'RWF',
                      'UGX',
                      'UYI',
                      'VND',
                      'VUV',
                      'XAF',
                      'XOF',
                      'XPF'
                    )
                    THEN 1
                    WHEN (
                      (
                        currency
                      )
                    ) IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND')
                    THEN 1000
                    WHEN (
                      (
                        currency
                      )
                    ) IN ('CLF', 'UYW')
                    THEN 10000
                    ELSE 100
                  END
                )
              ) AS DECIMAL(38, 0))
            )
          ) DIV NULLIF(
            ABS(
              CAST((
                CAST(1000000000 AS DECIMAL(38, 0)) * (
                  CASE
                    WHEN (
                      (
                        currency
                      )
                    ) IN (
                      'BIF',
                      'CLP',
                      'DJF',
                      'GNF',
                      'ISK',
                      'JPY',
                      'KMF',
                      'KRW',
                      'PYG',
                      'RWF',
                      'UGX',
                      'UYI',
                      'VND',
                      'VUV',
                      'XAF',
                      'XOF',
                      'XPF'
                    )
                    THEN 1
                    WHEN (
                      (
                        currency
                      )
                    ) IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND')
                    THEN 1000
                    WHEN (
                      (
                        currency
                      )
                    ) IN ('CLF', 'UYW')
                    THEN 10000
                    ELSE 100
                  END
                )
              ) AS DECIMAL(38, 0))
            ) * 2,
            0
          )
        ) AS BIGINT)
      )
    END
  ) AS converted_minor,
  (
    CAST(CASE
      WHEN (
        since
      ) <= (
        until
      )
      THEN (
        EXTRACT(YEAR FROM (
          until
        )) * 12 + EXTRACT(MONTH FROM (
          until
        )) - EXTRACT(YEAR FROM (
          since
        )) * 12 - EXTRACT(MONTH FROM (
          since
        )) - CASE
          WHEN EXTRACT(DAY FROM (
            until
          )) < EXTRACT(DAY FROM (
            since
          ))
          AND (
            until
          ) <> LAST_DAY((
            until
          ))
          THEN 1
          ELSE 0
        END
      )
      ELSE -(
        EXTRACT(YEAR FROM (
          since
        )) * 12 + EXTRACT(MONTH FROM (
          since
        )) - EXTRACT(YEAR FROM (
          until
        )) * 12 - EXTRACT(MONTH FROM (
          until
        )) - CASE
          WHEN EXTRACT(DAY FROM (
            since
          )) < EXTRACT(DAY FROM (
            until
          ))
          AND (
            since
          ) <> LAST_DAY((
            since
          ))
          THEN 1
          ELSE 0
        END
      )
    END AS BIGINT)
  ) AS months
FROM given
