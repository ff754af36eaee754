"""Approvals: who must agree to what, why, and what was decided; for whichever field needs one."""
