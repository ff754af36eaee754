SELECT place, dimension,
  SUM(begin_minor) AS begin_minor, SUM(new_minor) AS new_minor, SUM(transferred_in_minor) AS transferred_in_minor,
  SUM(pulled_in_minor) AS pulled_in_minor, SUM(reopened_minor) AS reopened_minor, SUM(increased_minor) AS increased_minor,
  SUM(decreased_minor) AS decreased_minor, SUM(pushed_out_minor) AS pushed_out_minor, SUM(won_minor) AS won_minor,
  SUM(lost_minor) AS lost_minor, SUM(deleted_minor) AS deleted_minor, SUM(transferred_out_minor) AS transferred_out_minor,
  SUM(fx_minor) AS fx_minor, SUM(end_minor) AS end_minor
FROM movements
GROUP BY place, dimension
