"""Analytic reference solutions that share no code with the solver they judge."""
