"""The page: Gradio gives tabs and frame, our web components in `static/` do the work and speak to `/api/v1`."""
