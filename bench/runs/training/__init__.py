"""Training: the budget that is lent to methods, Lightning, checkpoints."""
