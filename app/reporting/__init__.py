"""Reports that can be handed on: one HTML file that says what was evaluated, what came out and why. Knows app.ranking only."""

from app.reporting.report import page, report

__all__ = ["page", "report"]
