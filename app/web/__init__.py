"""HTTP: our routes, the rules every request and response must keep, and Gradio's page mounted behind them."""
