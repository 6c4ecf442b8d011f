"""Speed and quality scripts, one table each; nothing of the project imports them, their tests do."""
