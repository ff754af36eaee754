"""The verbs of approvals: submit, revise, decide, recall, delegate, and the clock."""
