"""Compensation: plans as text, credits, attainment, earnings, holds, draws and what is paid, to the cent."""
