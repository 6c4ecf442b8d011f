"""ReasonRank Studio: the web app around the ranking library in `app.ranking`."""
