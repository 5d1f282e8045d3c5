"""The paper's figures, drawn from tables."""
